"""One attempt: worktree, session, end, commits home, outcome. Whatever happens, there is a result."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from miyabi.errors import ConnectionDropped, GitError, MachineError, MachineFull, MachineUnreachable, SessionError
from miyabi.launcher import script
from miyabi.live_run import LiveRun
from miyabi.machine import Machine
from miyabi.outcome import Evidence, conclude
from miyabi.parser import Init, Transcript, missing_command
from miyabi.remote import RemoteSession
from miyabi.session import Outcome, SessionResult, SessionSpec
from miyabi.session_status import State, Status
from miyabi.toolbox import install
from miyabi.workspace import Collected

STOP_GRACE_SECONDS = 10.0


@dataclass(kw_only=True)
class Attempt:
    """One attempt of a task on one machine.

    `on_exit` is called the moment the machine's slot is free again, before the commits come home.
    """

    live: LiveRun
    spec: SessionSpec
    machine: Machine
    reason: str = ""
    on_exit: Callable[[], None] = lambda: None
    transcript: Transcript = field(default_factory=Transcript)
    _missing: str | None = None
    _start: datetime = field(default_factory=lambda: datetime.now(UTC))

    async def run(self) -> SessionResult:
        """The result, which is also in the run folder.

        Raises:
            MachineFull: the machine itself refused; nothing was started.
            CancelledError: after the session was stopped and its work brought home.
        """
        try:
            result = await self._run()
        except MachineFull:
            raise
        except (MachineError, SessionError, GitError) as error:
            result = self._not_run(error)
        self._keep(result)
        return result

    async def _run(self) -> SessionResult:
        session = await self._start_session()
        try:
            status = await self._follow(session)
        except asyncio.CancelledError:
            await self._give_up(session)
            raise
        self.on_exit()
        return await self._conclude(session, status)

    async def _start_session(self) -> RemoteSession:
        self._say("preparing")
        workspace = self.live.workspace(self.machine)
        worktree = await workspace.prepare(self.spec.paths, base=self.spec.base)
        session = RemoteSession(self._host, self.spec.paths.session, workspace=self.machine.workspace)
        await session.start(
            script=script(self.spec, self.machine, worktree=worktree, inherited=self._inherited(), agent=await self._agent()),
            stdin=self.spec.prompt.encode(),
            after=workspace.after_script(self.spec.paths, check=self.spec.check),
            slots=self.machine.slots,
            timeout_seconds=self.spec.timeout_seconds,
            after_timeout_seconds=self.spec.check_timeout_seconds,
        )
        self._say("running")
        return session

    async def _agent(self) -> str | None:
        return await install(self._host, self.machine.workspace, "rehearsal") if self.spec.rehearse else None

    def _inherited(self) -> dict[str, str]:
        return {name: os.environ[name] for name in self.machine.inherit_environment if name in os.environ}

    async def _follow(self, session: RemoteSession) -> Status:
        stopping: list[asyncio.Task[Status]] = []

        def on_output(chunk: bytes) -> None:
            for event in self.transcript.feed(chunk):
                if isinstance(event, Init) and (missing := missing_command(self.spec.prompt, event)):
                    self._missing = missing
                    stopping.append(asyncio.ensure_future(session.stop(grace_seconds=STOP_GRACE_SECONDS)))
            self._say("running")

        status = await session.follow(
            self._files / "stdout.jsonl",
            self._files / "stderr.txt",
            on_output=on_output,
            patience_seconds=60 * self.live.settings.runs.patience_minutes,
        )
        await asyncio.gather(*stopping, return_exceptions=True)
        return status

    async def _give_up(self, session: RemoteSession) -> None:
        """We were asked to stop: end the whole tree, bring home what there is, write the result."""
        try:
            status = await session.stop(grace_seconds=STOP_GRACE_SECONDS)
            self._keep(await self._conclude(session, status))
        except (MachineError, SessionError, GitError) as error:
            self._keep(self._not_run(error))

    async def _conclude(self, session: RemoteSession, status: Status) -> SessionResult:
        self._say("collecting")
        end = datetime.now(UTC)
        if status.state is State.LOST:
            await session.stop(grace_seconds=STOP_GRACE_SECONDS)
        collected = await self._collect()
        changes = await self.live.repository.changes(self.spec.base, collected.head)
        (self._files / "check.log").write_bytes(await session.check_log())
        return conclude(
            self.spec,
            transcript=self.transcript,
            evidence=self._evidence(status, commits=changes.commits),
            changes=changes.model_copy(update={"salvaged": collected.salvaged}),
            machine=self.machine.name,
            placement_reason=self.reason,
            start=self._start,
            end=end,
            head=collected.head,
        )

    async def _collect(self) -> Collected:
        """The commits, however often the link drops, for as long as our patience lasts."""
        workspace, deadline = self.live.workspace(self.machine), asyncio.get_running_loop().time()
        deadline += 60 * self.live.settings.runs.patience_minutes
        while True:
            try:
                return await workspace.collect(self.spec.paths, base=self.spec.base)
            except (MachineUnreachable, ConnectionDropped):
                if asyncio.get_running_loop().time() > deadline:
                    raise
                await asyncio.sleep(1)

    def _evidence(self, status: Status, *, commits: int) -> Evidence:
        stderr = (self._files / "stderr.txt").read_bytes()[-4096:] if (self._files / "stderr.txt").exists() else b""
        return Evidence(
            agent_exit=status.exit_status,
            ended_by=status.ended_by,
            stderr=stderr.decode(errors="replace"),
            commits=commits,
            expect_changes=self.spec.expect_changes,
            check_asked=self.spec.check is not None,
            check_exit=status.check_exit,
            lost=status.state in {State.LOST, State.ORPHAN},
            missing_command=self._missing,
        )

    def _not_run(self, error: Exception) -> SessionResult:
        lost = isinstance(error, (MachineUnreachable, ConnectionDropped))
        return SessionResult(
            run=self.spec.run,
            task=self.spec.task,
            title=self.spec.title,
            outcome=Outcome.MACHINE_LOST if lost else Outcome.NOT_STARTED,
            attempt=self.spec.attempt,
            machine=self.machine.name,
            placement_reason=self.reason,
            branch=self.spec.paths.branch,
            base=self.spec.base or None,
            start=self._start,
            end=datetime.now(UTC),
            error_kind=type(error).__name__,
            error_text=str(error),
            rehearsal=self.spec.rehearse,
        )

    @property
    def _host(self):  # noqa: ANN202 - see below
        return self.live.host(self.machine)

    @property
    def _files(self) -> Path:
        folder = self.spec.paths.folder(self.live.folder.path)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _keep(self, result: SessionResult) -> None:
        self.live.folder.write_result(result)

    def _say(self, state: str) -> None:
        self.live.board.update(
            self.spec.task,
            state=state,
            machine=self.machine.name,
            turns=self.transcript.turns,
            cost_usd=self.transcript.cost_usd,
            last_action=self.transcript.last_action,
        )
