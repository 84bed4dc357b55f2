"""Merges that conflict, or break the whole, go to sessions, each in a slot of the fleet as any other. Only wires."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from prefect.logging import get_run_logger

from flows.steps.deadline import end_in_time, note_cordons, seconds, why_not
from miyabi.dag import Dag
from miyabi.errors import MiyabiError
from miyabi.git import Repository
from miyabi.integration import Breakage, Conflict, IntegrationProgress, head_of, is_decided, resolution_run
from miyabi.machines import Cordon, Machine, opened_host
from miyabi.runs import Run, RunFolder, preflight, use_run
from miyabi.sessions import live_sessions
from miyabi.settings import Settings
from tasks.run_session import run_session
from tasks.runner import FleetTaskRunner, await_state

STATUS_SECONDS = 0.5


@dataclass(kw_only=True)
class Resolving:
    """Has conflicts resolved, and mended what breaks the whole, one after the other.

    The machines are asked only when the first is there.
    """

    folder: RunFolder
    repository: Repository
    settings: Settings
    runner: FleetTaskRunner
    progress: IntegrationProgress
    _live: Run = field(init=False)
    _machines: frozenset[str] = field(default=frozenset(), init=False)
    _fault: MiyabiError | None = field(default=None, init=False)

    async def resolve(self, conflict: Conflict | Breakage) -> str | None:
        """Has a session resolve the conflict, once for each, as `miyabi.integration.conflict.Resolve` says.

        Returns:
            The head of the resolution; None where nobody is to be asked.

        Raises:
            MergeConflict: the session did not succeed, or the task's work goes back no more.
            BadInput: no machine can take sessions, or the folder of the run or of the resolution is damaged.
            ServerError: the slots' limits cannot be made.
        """
        live = await resolution_run(
            conflict,
            dag=Dag.load(self.folder.dag_file),
            folder=self.folder,
            settings=self.settings,
            repository=self.repository,
        )
        if live is None:
            return None
        (task,) = live.dag.order
        if not is_decided(live.results.get(task)) or live.fix_up_is_due(task):
            get_run_logger().info("%s: %s", task, live.dag.by_id[task].title)
            is_conflict = isinstance(conflict, Conflict)
            await self._work_on(live, doing="resolving a conflict" if is_conflict else "mending what breaks the whole")
        return head_of(live.results.get(task), session=task)

    async def _work_on(self, live: Run, *, doing: str) -> None:
        self._live = live
        beside = [asyncio.create_task(self._show(live, doing)), asyncio.create_task(end_in_time(live, self.runner))]
        try:
            await self._equip(live)
            for task in live.startable():
                with use_run(live):
                    future = run_session.submit(task)
                state = await await_state(future)
                live.note_end(task, state=state.name, message=state.message)
        finally:
            for each in beside:
                each.cancel()
            self.progress.say("merging the branches")
            await live.close()

    async def _show(self, live: Run, doing: str) -> None:
        while True:
            rows = live.board.snapshot().rows
            self.progress.say(f"{doing}: {live.dag.name}", rows=rows)
            await asyncio.sleep(STATUS_SECONDS)

    async def _equip(self, live: Run) -> None:
        """Gives the runner the machines that can take sessions, before the first of them.

        Raises:
            BadInput: none can; the same for each further conflict.
            ServerError: the slots' limits cannot be made.
        """
        if self._fault:
            raise self._fault
        if self._machines:
            for name in live.machines.keys() - self._machines:
                del live.machines[name]
            return
        try:
            await self._equip_runner(live)
        except MiyabiError as error:
            self._fault = error
            raise
        self._machines = frozenset(live.machines)

    async def _equip_runner(self, live: Run) -> None:
        for error in await preflight(live):
            get_run_logger().warning("not used: %s", error)
        out = await asyncio.to_thread(
            self.runner.equip,
            live.fleet(),
            strategy=live.settings.runs.strategy,
            requires=lambda parameters: self._live.resume.requires(parameters["task_id"]),
            why_not=lambda parameters: why_not(self._live, parameters["task_id"]),
            seconds=lambda parameters: seconds(self._live, parameters["task_id"]),
            sessions=_count_sessions,
            cordons=self._note_cordons,
            lease_file=self.folder.integration_leases_file,
        )
        for error in out:
            get_run_logger().warning("not used: %s", error)
        live.leave_out({error.machine: error for error in out})

    def _note_cordons(self, found: Mapping[str, Cordon]) -> None:
        note_cordons(self._live, found)


async def _count_sessions(machine: Machine) -> int:
    """Counts the sessions that live there, asked over a connection of its own: it may be long after ours was closed."""
    async with opened_host(machine) as host:
        return len(await live_sessions(host, workspace=machine.workspace))
