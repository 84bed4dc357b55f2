"""A run's branches become one: verify commands are task runs, conflicts go to sessions in a slot. Only wires."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from uuid import UUID

from prefect.runtime import flow_run

from flows.steps.resolve import Resolving
from flows.steps.room import with_room
from miyabi.dag import Dag
from miyabi.errors import BaseMissing, DiskFull, GitError, SettingsError
from miyabi.git import Repository, push_address
from miyabi.github import is_at_github
from miyabi.integration import CommandEnd, Integration, IntegrationProgress, NotIntegrated, integrate
from miyabi.runs import CheckoutSetup, RunFolder, open_repository
from miyabi.settings import Settings
from miyabi.system import is_our_disk, next_moment, retried, wait_until
from miyabi.text import one_line, redact
from tasks.prefect_server import watch_for_cancellation
from tasks.runner import GRACE_SECONDS, FleetTaskRunner
from tasks.verify import run_as_task

_LATE = (
    "until: the hour came at which the run is to be over before its branches were merged and verified. "
    "Raise wrap_up_minutes, so that sessions end earlier. To have it done now, without until:"
)


@dataclass(kw_only=True)
class Integrating:
    """The integration of a run: what it needs, and the task that does it."""

    folder: RunFolder
    repository: Repository
    settings: Settings
    runner: FleetTaskRunner
    progress: IntegrationProgress
    _work: asyncio.Task[Any] | None = field(default=None, init=False)
    _is_late: bool = field(default=False, init=False)

    @classmethod
    async def open(
        cls, run: str, *, repository: Path, config: Path | None, overrides: Mapping[str, Any], runner: FleetTaskRunner
    ) -> Self:
        """Opens the repository, settings and folder of a run that exists.

        Raises:
            BadInput: there is no such repository, run or setting, or the run's folder is damaged.
        """
        opened, settings = await open_repository(repository, config=config, **overrides)
        folder = RunFolder.find(opened.root, run)
        progress = IntegrationProgress(folder)
        return cls(folder=folder, repository=opened, settings=settings, runner=runner, progress=progress)

    def run(self) -> Integration | NotIntegrated:
        """Integrates the run, blocking, and keeps what came of it in its folder.

        Raises:
            BadInput: the run folder is incomplete or damaged.
            DiskFull: what came of it cannot be written.
            concurrent.futures.CancelledError: the flow run was cancelled in Prefect.
            KeyboardInterrupt: somebody interrupted it; what it had started has ended.
        """
        came: Integration | NotIntegrated
        try:
            came = self._see_through()
        except (BaseMissing, GitError, DiskFull, SettingsError) as error:
            came = NotIntegrated(reason=str(error))
        except CancelledError:
            if not self._is_late:
                raise
            came = NotIntegrated(reason=f"{_LATE} miyabi orchestrate --run {self.folder.run}")
        self.folder.discard(NotIntegrated if isinstance(came, Integration) else Integration)
        with_room(lambda: self.folder.keep(came), patience_seconds=self.patience_seconds)
        return came

    @property
    def patience_seconds(self) -> float:
        """How long a full disk of our own is waited for."""
        return 60 * self.settings.runs.patience_minutes

    def _see_through(self) -> Integration:
        integrating = retried(self._integrate, patience_seconds=self.patience_seconds, passes=is_our_disk)
        working = self.runner.spawn(integrating)
        try:
            return working.result()
        finally:
            if not working.done():
                self.runner.call(self._stop())
            self.progress.say("")

    async def _integrate(self) -> Integration:
        self._work = asyncio.current_task()
        how, info = self.settings.integration, self.folder.info()
        resolving = Resolving(
            folder=self.folder,
            repository=self.repository,
            settings=self.settings,
            runner=self.runner,
            progress=self.progress,
        )
        self._watch()
        self.progress.say("merging the branches")
        return await integrate(
            self.repository,
            dag=Dag.load(self.folder.dag_file),
            results=self.folder.latest_results(),
            run=self.folder.run,
            base=info.base,
            base_branch=info.base_branch,
            settings=how,
            run_command=self._verify,
            setup=await CheckoutSetup.of(self.repository, self.settings),
            resolve=resolving.resolve,
            max_file_bytes=await self._max_file_bytes(),
        )

    async def _max_file_bytes(self) -> int | None:
        """Returns over how many bytes GitHub takes no file; None where no pull request can be opened there."""
        github = self.settings.github
        there = await push_address(self.repository, remote=github.remote)
        return round(github.max_file_mib * (1 << 20)) if there and is_at_github(github, remote_url=there) else None

    async def _verify(self, command: str, *, folder: Path, timeout_seconds: float, label: str) -> CommandEnd:
        self.progress.say(f"verifying {label}: {one_line(redact(command))}")
        return await run_as_task(command, folder=folder, timeout_seconds=timeout_seconds, label=label)

    def _watch(self) -> None:
        """Has it end where this flow run, or the one that it is a part of, is cancelled in Prefect."""
        for name in filter(None, (flow_run.id, flow_run.parent_flow_run_id)):
            self.runner.spawn(watch_for_cancellation(UUID(str(name)), cancel=self._cancel))

        if until := self.settings.runs.until:
            self.runner.spawn(self._end_at(next_moment(until, now=time.time())))

    async def _end_at(self, moment: float) -> None:
        await wait_until(moment)
        self._is_late = True
        self._cancel(_LATE)

    def _cancel(self, reason: str) -> None:
        if self._work:
            self._work.cancel(reason)

    async def _stop(self) -> None:
        if self._work:
            self._work.cancel("The integration was interrupted.")
            await asyncio.wait({self._work}, timeout=2 * GRACE_SECONDS)
