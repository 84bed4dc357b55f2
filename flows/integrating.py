"""A run's branches become one: verify commands are task runs, conflicts go to sessions in a slot. Only wires."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from prefect.logging import get_run_logger

from flows.wiring import count_sessions
from miyabi.dag import Dag
from miyabi.integration import integrate
from miyabi.integration_values import Integration
from miyabi.live_run import LiveRun, use_run
from miyabi.machine import Machine
from miyabi.opening import preflight
from miyabi.repository import Repository
from miyabi.resolution import Conflict
from miyabi.resolving import resolution_run
from miyabi.run_folder import RunFolder
from miyabi.settings import Settings
from tasks.run_session import run_session
from tasks.runner import FleetTaskRunner
from tasks.verify import run_as_task


@dataclass(kw_only=True)
class Integrating:
    """What it takes to integrate a run. The machines are asked only when the first conflict is to be resolved."""

    folder: RunFolder
    repository: Repository
    settings: Settings
    runner: FleetTaskRunner
    _machines: dict[str, Machine] = field(default_factory=dict)

    @classmethod
    async def open(
        cls, run: str, *, repository: Path, config: Path | None, overrides: Mapping[str, Any], runner: FleetTaskRunner
    ) -> Self:
        """The same for a run that exists.

        Raises:
            BadInput: there is no such repository, run or setting.
        """
        opened = await Repository.open(repository)
        settings = Settings.load(opened.root, config=config, **overrides)
        return cls(folder=RunFolder.find(opened.root, run), repository=opened, settings=settings, runner=runner)

    def run(self) -> Integration:
        """What came of it; the run folder keeps it.

        Raises:
            BadInput: the run folder is incomplete or damaged.
            GitFailed: the branch is checked out or holds commits of others, or git could not do it.
        """
        came = asyncio.run(self._integrate())
        self.folder.keep(came)
        return came

    async def _integrate(self) -> Integration:
        how = self.settings.integration
        return await integrate(
            self.repository,
            dag=Dag.load(self.folder.dag_file),
            results=self.folder.latest_results(),
            run=self.folder.run,
            base=self.folder.info().base,
            verification=how.verification,
            run_command=run_as_task,
            resolve=self._resolve if how.resolve_conflicts else None,
        )

    async def _resolve(self, conflict: Conflict) -> str | None:
        """See `miyabi.resolution.Resolve`: a session on a machine of the fleet does it, once for each conflict."""
        live = await resolution_run(
            conflict,
            dag=Dag.load(self.folder.dag_file),
            results=tuple(self.folder.latest_results().values()),
            folder=self.folder,
            settings=self.settings,
            repository=self.repository,
        )
        (task,) = live.dag.order
        if task not in live.results or not live.results[task].succeeded:
            await asyncio.to_thread(self._work_on, live, task)
        return live.results[task].head if live.results[task].succeeded else None

    def _work_on(self, live: LiveRun, task: str) -> None:
        try:
            self._equip(live)
            with use_run(live):
                future = run_session.submit(task)
            future.wait()
            live.note_end(task, state=future.state.name, message=future.state.message)
        finally:
            self.runner.call(live.close())

    def _equip(self, live: LiveRun) -> None:
        if self._machines:
            live.machines = self._machines
            return
        for error in self.runner.call(preflight(live)):
            get_run_logger().warning("not used: %s", error)
        self.runner.equip(
            live.fleet(),
            strategy=live.settings.runs.strategy,
            sessions=lambda machine: count_sessions(live, machine),
        )
        self._machines = live.machines
