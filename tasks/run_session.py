"""One node of the DAG as a Prefect task: attempts, retries and what the UI shows of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger
from prefect.states import Failed

from miyabi.attempt import Attempt
from miyabi.dag import Node
from miyabi.errors import GitError, MachineFull, MergeConflict
from miyabi.live_run import LiveRun, current_run
from miyabi.machine import Machine
from miyabi.retry import UNHEALTHY, Next, delay_seconds, next_step
from miyabi.session import Outcome, SessionResult
from tasks.slots import Slot, current_slot

MACHINE_FULL_SECONDS = 15.0
LIMIT_JITTER_SECONDS = 60.0


@task(name="run-session", task_run_name="{task_id}", cache_policy=NO_CACHE, persist_result=False)
async def run_session(task_id: str, machine: Machine) -> Any:
    """Runs one node of the DAG as a Claude Code session on `machine`, in as many attempts as make sense.

    Returns:
        The `SessionResult` where it succeeded, else a failed state whose message is the outcome and its reason.
    """
    live = current_run()
    log = get_run_logger()
    log.info("%s", current_slot().reason)
    result = await TaskRun(live, live.dag.by_id[task_id], current_slot()).run()
    live.finish(result)
    if result.succeeded:
        log.info("%s in %.0f s, %d turns, %d commits", result.outcome, result.seconds, result.turns, result.changes.commits)
        return result
    return Failed(message=f"{result.outcome}: {result.error_text or 'no reason given'}")


class TaskRun:
    """The attempts of one node, until one of them decides."""

    def __init__(self, live: LiveRun, node: Node, slot: Slot) -> None:
        self.live, self.node, self.slot = live, node, slot
        self.attempt, self.resume = live.first_attempt(node.id)
        self.burnt = 1

    async def run(self) -> SessionResult:
        """The result of the last attempt."""
        while True:
            result = await self._attempt()
            step = next_step(
                result,
                attempts=self.burnt,
                max_attempts=self.live.settings.runs.max_attempts,
                other_machines=len(self.live.machines) > 1,
            )
            if step is Next.FINISH:
                return result
            get_run_logger().warning("attempt %d: %s: %s; next: %s", self.attempt, result.outcome, result.error_text, step)
            await self._make_ready(step, result)

    async def _attempt(self) -> SessionResult:
        while True:
            machine = self.slot.machine
            try:
                spec = await self.live.spec(self.node, attempt=self.attempt, resume=self.resume)
                attempt = Attempt(
                    live=self.live, spec=spec, machine=machine, reason=self.slot.reason, on_exit=self.slot.release
                )
                return await attempt.run()
            except MachineFull as full:
                get_run_logger().warning("%s", full)
                await self.slot.park(_now() + MACHINE_FULL_SECONDS)
            except MergeConflict as conflict:
                return self._not_started(Outcome.MERGE_CONFLICT, conflict)
            except GitError as error:
                return self._not_started(Outcome.NOT_STARTED, error)

    async def _make_ready(self, step: Next, result: SessionResult) -> None:
        self.attempt += 1
        if step is Next.WAIT_FOR_LIMIT and result.resets_at:
            until = result.resets_at.timestamp() + LIMIT_JITTER_SECONDS
            self.slot.close_machine(until)
            await self.slot.park(until)
            self.resume = True
            return
        self.burnt += 1
        if result.outcome in UNHEALTHY and result.machine:
            self.live.warn(f"{result.machine}: {result.outcome}: {result.error_text}")
        if step is Next.ELSEWHERE:
            self.resume = False
            await self.slot.move(avoid=frozenset({self.slot.machine.name}))
            return
        self.resume = result.session_id is not None
        await self.slot.park(_now() + delay_seconds(attempts=self.burnt - 1, first=self.live.settings.runs.retry_delay_seconds))

    def _not_started(self, outcome: Outcome, error: Exception) -> SessionResult:
        result = SessionResult(
            run=self.live.run,
            task=self.node.id,
            title=self.node.title,
            outcome=outcome,
            attempt=self.attempt,
            error_kind=type(error).__name__,
            error_text=str(error),
            start=datetime.now(UTC),
            end=datetime.now(UTC),
            rehearsal=self.live.rehearse,
        )
        self.live.folder.write_result(result)
        return result


def _now() -> float:
    return datetime.now(UTC).timestamp()
