"""One node of the DAG as a Prefect task: attempts, retries and what the UI shows of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from datetime import datetime
from functools import partial
from textwrap import indent
from typing import Any

from prefect import task
from prefect.logging import get_run_logger
from prefect.states import Failed

from miyabi.attempts import Attempt, Next, Outage, delay_seconds, found_no_room, next_step
from miyabi.dag import Node
from miyabi.errors import (
    AccountHeld,
    BudgetSpent,
    DagError,
    DiskFull,
    GitError,
    LedgerUnusable,
    MachineClosed,
    MachineError,
    MachineFull,
    MergeConflict,
    MiyabiError,
    NotAdmitted,
    SettingsError,
)
from miyabi.machines import Machine
from miyabi.runs import MOVES_ON, Run, TaskState, current_run, models_of, review_of, review_run
from miyabi.sessions import Outcome, SessionResult, SessionSpec, is_reviewing
from miyabi.system import jittered
from miyabi.text import count, duration, one_line, redact, time_of_day
from tasks.admission import Admission
from tasks.declaration import TASK
from tasks.health import MACHINE_AWAY_SECONDS, Quarantine
from tasks.runner import Slot, current_runner, current_slot
from tasks.telling import Telling
from tasks.usage_limit import AccountLimit

MACHINE_FULL_SECONDS = 5.0
STOP_POLL_SECONDS = 0.5
"""So often a task that waits for its next attempt looks whether a person has stopped it."""


@task(name="run-session", task_run_name="{task_id}", **TASK)
async def run_session(task_id: str, machine: Machine | None = None) -> Any:  # noqa: ARG001 - the runner fills it in
    """Runs one node of the DAG as a Claude Code session on `machine`, in as many attempts as make sense.

    Returns:
        The `SessionResult` where it succeeded, else a failed state whose message is the outcome and its reason.
    """
    live, slot, log = current_run(), current_slot(), get_run_logger()
    log.info("%s: %s", task_id, slot.reason)
    result = await TaskRun(live, live.dag.by_id[task_id], slot).run()
    live.board.finish(live.costs.whole(result))
    for note in result.notes:
        live.warn(f"{task_id}: {note}")
    if why := live.why_not_mended(task_id):
        live.warn(f"{task_id}: {why}")
    if review := result.review:
        (live.warn if review.is_open else log.info)(f"{task_id}: {review.sentence}")
    if result.check_output:
        printed = indent(result.check_output, "  | ", bool)
        log.warning("%s: its %s printed last:\n%s", task_id, result.printed_by, printed)
    if not result.succeeded:
        if live.settings.runs.fail_fast:
            current_runner().stop_starting(f"fail_fast: {task_id} did not succeed")
        return Failed(message=f"{result.ending}: {result.error_text or 'no reason given'}")
    if denied := result.permission_denials:
        live.warn(f"{task_id} succeeded, and {count(len(denied), 'tool use')} of it met a denial, such as {denied[0]}")
    done = f"{count(result.turns, 'turn')}, {count(result.changes.commits, 'commit')}"
    log.info("%s: %s after %s: %s", task_id, result.ending, duration(result.seconds), done)
    return result


class TaskRun:
    """The attempts of one node, until one of them decides."""

    def __init__(self, live: Run, node: Node, slot: Slot) -> None:
        self._live, self._node, self._slot = live, node, slot
        self._burnt = 1
        self._failed_setups = self._stalls = 0
        self._admission = Admission(live, node, slot)
        self._telling = Telling(live, node.id, slot)
        self._limit = AccountLimit(live, node.id, slot, on_close=self._telling.quota_closed)
        self._health = Quarantine(live, slot, self._limit, self._telling)
        self._outage = Outage()
        self._warned: set[type[MachineError]] = set()
        self._late: set[type[MiyabiError]] = set()
        begun = live.resume.continuation(node.id)
        self._resumes = begun.conversation if begun and begun.machine == slot.machine.name else None
        self._fix_ups = live.next_fix_ups(node.id)
        self._joins = live.resume.pending(node.id) is not None
        self._earlier_attempts = live.resume.attempts(node.id) + self._joins

    async def run(self) -> SessionResult:
        """Makes attempts until one of them decides, or no other may start, and returns the last one's result.

        Raises:
            CancelledError: the task run was cancelled; the session was stopped and its work collected before.
            MiyabiError: nothing further is started, or no machine is left: as `Dispatcher.acquire`.
        """
        try:
            return await self._attempts()
        except (NotAdmitted, BudgetSpent, LedgerUnusable) as reason:
            return self._admission.result(reason, fix_ups=self._fix_ups)

    async def _attempts(self) -> SessionResult:
        while True:
            result = await self._reviewed(self._under_review() or await self._attempt())
            step = self._next(result)
            self._health.note(result, step)
            if step is Next.FINISH:
                return result
            text = "%s: attempt %d on %s: %s: %s; next: %s"
            why = "its review asks for changes" if result.is_to_be_changed else result.error_text
            get_run_logger().warning(text, self._node.id, result.attempt, result.machine, result.outcome, why, step)
            try:
                await self._unless_stopped(self._make_ready(step, result), result)
            except MachineError:  # logged already, where the machine was given up
                return result
            if self._is_to_stay(result):
                return self._stopped_after(result)

    def _under_review(self) -> SessionResult | None:
        """The result of the last attempt, where an earlier orchestrator did not see the end of its review."""
        last = self._live.results.get(self._node.id)
        return last if last and last.is_under_review else None

    async def _reviewed(self, result: SessionResult) -> SessionResult:
        """The result with what a session says of its work, in the same slot; a review that fails is no approval."""
        if not result.is_under_review:
            return result
        live = self._live
        live.board.update(self._node.id, state=TaskState.CHECKING, last_action="a session reviews its work")
        try:
            reviewing = await review_run(live, result)
            (node,) = reviewing.dag.nodes
            answer = reviewing.results.get(node.id)
            if answer is None or not answer.succeeded:
                answer = await TaskRun(reviewing, node, self._slot).run()
            for warning in reviewing.warnings:
                live.warn(warning)
            result = result.model_copy(update={"review": review_of(answer)})
        except MiyabiError as error:
            result = result.unreviewed(one_line(redact(str(error)), characters=500))
        live.keep(result)
        return result

    def _next(self, result: SessionResult) -> Next:
        joined, self._joins = self._joins, False
        if result.error_kind in MOVES_ON:
            return Next.ELSEWHERE if self._slot.can_move_now else Next.RESUME_HERE
        if self._health.failed_trial(result) and self._slot.can_move:
            return Next.ELSEWHERE
        if joined and result.outcome is Outcome.STOPPED and not self._is_to_stay(result):
            return Next.RESUME_HERE  # it was stopped by the orchestrator that we go on for
        runs, now = self._live.settings.runs, time.time()
        self._failed_setups += result.outcome is Outcome.SETUP_FAILED
        self._stalls += result.outcome is Outcome.STALLED
        return next_step(
            result,
            attempts=self._burnt,
            max_attempts=runs.max_attempts,
            other_machines=self._slot.can_move,
            wait_until=now + 3600 * runs.limit_patience_hours,
            waits_out_outage=self._outage.within_grace(
                result, now=now, patience_seconds=self._patience_seconds(result)
            ),
            failed_setups=self._failed_setups,
            stalls=self._stalls,
            fix_up_is_due=self._live.fix_up_is_due(self._node.id),
        )

    def _patience_seconds(self, result: SessionResult) -> float:
        runs = self._live.settings.runs
        if found_no_room(result):  # elsewhere there may be some at once
            return 0 if self._slot.can_move else 60 * runs.patience_minutes
        return 3600 * (runs.limit_patience_hours if result.outcome is Outcome.USAGE_LIMIT else runs.api_patience_hours)

    async def _attempt(self) -> SessionResult:
        try:
            return await self._started()
        except MergeConflict as conflict:
            return self._not_started(Outcome.MERGE_CONFLICT, conflict)
        except (GitError, DiskFull, DagError, SettingsError) as error:  # the last two: a file has changed meanwhile
            return self._not_started(Outcome.NOT_STARTED, error)
        except MachineError as error:  # nothing more goes to the only machine that could take it
            left = self._live.resume.pending(self._node.id)
            return self._not_started(Outcome.NOT_COLLECTED if left else Outcome.NOT_STARTED, error)

    async def _started(self) -> SessionResult:
        slot = self._slot
        while True:
            if await self._admission.require(fix_ups=self._fix_ups):  # again after each wait, and on another account
                self._resumes = None
            slot.note_ending(is_ending=False)  # it was for an attempt before this one
            slot.require_start()
            try:
                if slot.is_cordoned and not self._live.resume.pending(self._node.id):
                    raise MachineClosed(f"{slot.machine.name} takes no session: it is cordoned")
                attempt = await self._next_attempt()
                self._health.begin()
                return await self._telling.see_through(attempt)
            except AccountHeld as held:
                async with self._telling.waiting(str(held), held.until):
                    await self._again(self._account_opens())
            except MachineError as error:
                await self._put_off(error)

    async def _put_off(self, error: MachineError) -> None:
        """A slot for the same attempt at another time, or elsewhere; raises what will not be otherwise then."""
        slot, is_full = self._slot, isinstance(error, MachineFull)
        if isinstance(error, MachineClosed):
            if not slot.is_cordoned:  # the machine says so itself, whoever has told it
                slot.close_machine(time.time() + MACHINE_FULL_SECONDS)
            await self._give_way(error)
            return
        if not (is_full or error.transient):
            raise error
        self._note_waiting(error)
        if is_full:  # another orchestrator's sessions: the machine knows better than the limit
            await self._again(time.time() + MACHINE_FULL_SECONDS)
            return
        self._telling.machine_away(error)
        self._live.warn(f"{slot.machine.name} was passed over for a while, because it did not answer")
        slot.close_machine(time.time() + MACHINE_AWAY_SECONDS)
        await self._again(time.time())

    async def _give_way(self, closed: MachineClosed) -> None:
        """A slot elsewhere, or here when this machine takes sessions again."""
        self._note_waiting(closed)
        if self._slot.can_move_now:
            self._resumes = None
            await self._slot.requeue(time.time())  # here again, should it take sessions before others have a slot
        else:
            await self._again(time.time() + MACHINE_FULL_SECONDS)

    def _account_opens(self) -> float:
        """When to ask for a slot whose account takes the session: now, where slots know it as that of their task.

        Raises:
            NotAdmitted: it is of another model, as a review may be, and would wait for longer than the run does.
        """
        live, slot, now = self._live, self._slot, time.time()
        models = models_of(self._node, live.settings.sessions)
        pinned = live.quota.pinned(self._node.id, slot.machine) if self._resumes else None
        hold = live.quota.hold_unless_instead(slot.machine, *models, account=pinned)
        if hold is None or slot.is_account_held:
            return now
        if hold.until > min(now + 3600 * live.settings.runs.limit_patience_hours, live.deadline.stop_at):
            raise NotAdmitted(f"quota: {hold.why}, until {time_of_day(hold.until, now=now)}")
        return hold.until

    async def _next_attempt(self) -> Attempt:
        live, slot = self._live, self._slot
        number = live.resume.attempts(self._node.id) + 1
        spec = await live.with_room(partial(self._spec, number), on_wait=self._note_late)
        return Attempt(
            live=live,
            spec=spec,
            machine=slot.machine,
            reason=f"{slot.reason}; it used account {spec.account}" if slot.machine.accounts else slot.reason,
            on_start=partial(self._telling.session_started, number),
            on_result=slot.note_ending,
            on_exit=self._release_early,
            on_wait=self._note_late,
        )

    async def _spec(self, attempt: int) -> SessionSpec:
        return await self._live.spec(
            self._node,
            attempt=attempt,
            conversation=self._resumes,
            fix_ups=self._fix_ups,
            machine=self._slot.machine,
        )

    def _release_early(self) -> None:
        """The next task need not wait for our commits, unless it is not to start should we fail, or we may go on."""
        task, live = self._node.id, self._live
        if not (live.settings.runs.fail_fast or live.is_reviewed(task) or is_reviewing(task)):
            self._slot.release()

    def _note_late(self, reason: MiyabiError) -> None:
        """Logs that something is tried again and again, once for each kind of reason."""
        if type(reason) not in self._late:
            get_run_logger().warning("%s: waits, and tries again: %s", self._node.id, reason)
        self._late.add(type(reason))

    def _note_waiting(self, reason: MachineError) -> None:
        """Shows why the task waits for a machine, and logs it once for each kind of reason."""
        self._say_waiting(str(reason))
        if type(reason) not in self._warned:
            get_run_logger().warning("%s: %s", self._node.id, reason)
        self._warned.add(type(reason))

    def _say_waiting(self, reason: str) -> None:
        self._live.board.update(self._node.id, state=TaskState.READY, last_action=reason)

    async def _unless_stopped(self, waiting: Coroutine[Any, Any, None], result: SessionResult) -> None:
        """Waits for what leads to the next attempt, until a person asks for the end of the task."""
        ready = asyncio.ensure_future(waiting)
        try:
            while not ready.done() and not self._is_to_stay(result):
                await asyncio.wait({ready}, timeout=STOP_POLL_SECONDS)
        finally:
            if not ready.done():
                ready.cancel()
                await asyncio.wait({ready})
        if not ready.cancelled():
            ready.result()

    def _is_to_stay(self, result: SessionResult) -> bool:
        return self._live.resume.is_to_stay(result, is_own=result.attempt > self._earlier_attempts)

    def _stopped_after(self, result: SessionResult) -> SessionResult:
        """The result of the last attempt where a person wants no other; what it did stands, and can be gone on with."""
        if result.succeeded:  # its review has found something
            return result
        last = f"{result.ending}: {result.error_text or 'no reason given'}"
        why = f"it was stopped by hand before another attempt; its last one ended as {last}"
        self._live.keep(result := result.model_copy(update={"outcome": Outcome.STOPPED, "error_text": why}))
        return result

    async def _make_ready(self, step: Next, result: SessionResult) -> None:
        """A slot for the next attempt, when and where it makes sense."""
        self._resumes = None if step is Next.ELSEWHERE else result.conversation
        self._say_waiting(f"attempt {result.attempt}: {result.error_text}")
        if step is Next.WAIT_FOR_LIMIT and result.resets_at:
            await self._wait_for_limit(result.resets_at)
            return
        if step is Next.WAIT:
            await self._wait(result)
            return
        if step is Next.FIX_UP:
            self._fix_ups = result.fix_ups + 1
            if result.machine != self._slot.machine.name:  # its review was made elsewhere
                self._resumes = None
            if not self._slot.is_held:
                await self._stay(time.time())
            return
        self._burnt += self._health.burns(result)
        if step is Next.ELSEWHERE and result.error_kind in MOVES_ON:
            await self._slot.requeue(time.time())  # here again, should it take sessions before others have a slot
        elif step is Next.ELSEWHERE:
            await self._slot.move(avoid=frozenset({self._slot.machine.name}))
        else:
            first = 0.0 if result.outcome is Outcome.STOPPED else self._live.settings.runs.retry_delay_seconds
            await self._stay(time.time() + delay_seconds(attempts=self._burnt - 1, first=first))

    async def _again(self, until: float) -> None:
        """A slot for the same attempt, where its conversation is if it goes on with one."""
        await (self._slot.requeue(until) if self._resumes is None else self._stay(until))

    async def _stay(self, until: float) -> None:
        """A slot on this machine, or on another one where this one takes nothing more meanwhile."""
        here = self._slot.machine
        try:
            if await self._slot.requeue(until, stay=True) != here:  # this one is cordoned
                self._resumes = None
        except MachineError:
            if not self._slot.can_move:
                raise
            self._resumes = None
            await self._slot.move()

    async def _wait_for_limit(self, resets_at: datetime) -> None:
        until = self._limit.close_until_reset(resets_at, stays=self._resumes is not None)
        async with self._telling.waiting("the usage limit", until):
            await self._again(until)

    async def _wait(self, result: SessionResult) -> None:
        """Nobody knows for how long, so it is tried again and again; a usage limit is one for the whole account."""
        is_account = result.outcome is Outcome.USAGE_LIMIT
        room = f"room on the disk of {result.machine}" if found_no_room(result) else "the API"
        pause = delay_seconds(attempts=self._outage.times, first=self._live.settings.runs.retry_delay_seconds)
        if is_account:
            self._limit.close(time.time() + pause)
        until = time.time() + jittered(1.2 * pause, jitter=1 / 6)  # not all at once
        async with self._telling.waiting("the usage limit" if is_account else room, until):
            await self._stay(until)

    def _not_started(self, outcome: Outcome, error: Exception) -> SessionResult:
        result = self._live.no_session(self._node.id, outcome=outcome, error=error)
        self._live.keep(result := result.model_copy(update={"fix_ups": self._fix_ups}))
        return result
