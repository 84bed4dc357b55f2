"""One attempt: worktree, session, end, commits home, outcome. Whatever happens, there is a result."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from miyabi import legacy_result
from miyabi.attempt_record import AttemptRecord
from miyabi.collecting import collect_patiently
from miyabi.errors import ConnectionDropped, GitError, MachineError, MachineFull, MachineUnreachable, SessionError
from miyabi.launcher import inherited, script
from miyabi.legacy_result import LegacyResult
from miyabi.live_run import LiveRun
from miyabi.machine import Machine
from miyabi.outcome import Evidence, conclude
from miyabi.parser import Init, Transcript, attempt_cost, missing_command
from miyabi.progress import TaskState
from miyabi.redact import redact
from miyabi.remote import RemoteSession
from miyabi.session import Outcome, SessionResult, SessionSpec
from miyabi.session_status import State, Status
from miyabi.toolbox import install

STOP_GRACE_SECONDS = 10.0
_HURRIED_SECONDS = 2.0
_STDERR_BYTES = 4096


@dataclass(kw_only=True)
class Attempt:
    """One attempt of a task on one machine.

    Args:
        live: the run it belongs to.
        spec: what to run.
        machine: where.
        reason: why this machine was chosen.
        on_exit: called the moment the machine's slot is free again, before the commits come home.
    """

    live: LiveRun
    spec: SessionSpec
    machine: Machine
    reason: str = ""
    on_exit: Callable[[], None] = lambda: None
    transcript: Transcript = field(default_factory=Transcript)
    _start: datetime = field(default_factory=lambda: datetime.now(UTC))
    _missing: str | None = None

    async def run(self) -> SessionResult:
        """The result; it is also in the run folder.

        Raises:
            MachineFull: the machine itself refused; nothing was started.
            CancelledError: after the session was stopped and its work brought home.
        """
        session = RemoteSession(self.live.host(self.machine), self.spec.paths.session, workspace=self.machine.workspace)
        try:
            await self._begin(session)
            result = await self._see_through(session)
        except asyncio.CancelledError:
            await self._give_up(session)
            raise
        except MachineFull:
            AttemptRecord.forget(self._files)
            raise
        except (MachineError, SessionError, GitError) as error:
            result = self._without_session(error)
        self.live.keep(result)
        return result

    async def _begin(self, session: RemoteSession) -> None:
        """Sees that it runs: as an earlier orchestrator started it, or started now."""
        if known := AttemptRecord.pending(self._files):
            self._start = known.start
            if (await session.status()).state not in {State.NONE, State.STAGED}:
                return
        self._say(TaskState.PREPARING)
        worktree = await self.live.worktree(self.machine, self.live.dag.by_id[self.spec.task])
        record = AttemptRecord(
            machine=self.machine.name, start=self._start, base=self.spec.base, resumes=self.spec.resumes
        )
        record.keep(self._files)
        await self._launch(session, worktree)

    async def _launch(self, session: RemoteSession, worktree: str) -> None:
        spec, machine = self.spec, self.machine
        agent = await install(self.live.host(machine), machine.workspace, "rehearsal") if spec.rehearse else None
        await session.start(
            script=script(spec, machine, worktree=worktree, inherited=inherited(machine), agent=agent),
            stdin=spec.prompt.encode(),
            after=self.live.workspace(machine).after_script(spec.paths, check=spec.check),
            slots=machine.slots,
            timeout_seconds=spec.timeout_seconds,
            after_timeout_seconds=spec.check_timeout_seconds,
        )

    async def _see_through(self, session: RemoteSession) -> SessionResult:
        self._say(TaskState.RUNNING)
        status = await self._follow(session)
        self.on_exit()
        try:
            return await self._conclude(session, status)
        except (MachineError, SessionError, GitError) as error:
            return self._not_collected(error)

    async def _follow(self, session: RemoteSession) -> Status:
        stopping: list[asyncio.Task[Status]] = []
        self.transcript = Transcript()  # what an earlier follow read is read again, from our own file

        def on_output(chunk: bytes) -> None:
            for event in self.transcript.feed(chunk):
                if isinstance(event, Init) and (missing := missing_command(self.spec.prompt, event)):
                    self._missing = missing
                    stopping.append(asyncio.ensure_future(session.stop(grace_seconds=STOP_GRACE_SECONDS)))
            self._say(TaskState.RUNNING)

        status = await session.follow(
            self._files / "stdout.jsonl",
            self._files / "stderr.txt",
            on_output=on_output,
            patience_seconds=self._patience_seconds,
        )
        self.transcript.finish()
        await asyncio.gather(*stopping, return_exceptions=True)
        return status

    async def _give_up(self, session: RemoteSession) -> None:
        """We were asked to stop: end the whole tree, bring home what there is, keep the result."""
        if AttemptRecord.pending(self._files) is None:
            return
        with contextlib.suppress(MachineError, SessionError):  # left where it is, for the next orchestrator to find
            await self._stop(session)
            self.live.keep(await self._see_through(session))

    async def _stop(self, session: RemoteSession) -> None:
        """Told to hurry meanwhile, it still sees that the machine is told."""
        stopping = asyncio.ensure_future(session.stop(grace_seconds=STOP_GRACE_SECONDS))
        try:
            await asyncio.shield(stopping)
        except asyncio.CancelledError:
            await asyncio.wait([stopping], timeout=_HURRIED_SECONDS)
            raise

    async def _conclude(self, session: RemoteSession, status: Status) -> SessionResult:
        self._say(TaskState.COLLECTING)
        end = datetime.now(UTC)
        if status.state in {State.LOST, State.ORPHAN}:
            await session.stop(grace_seconds=STOP_GRACE_SECONDS)
        collected = await collect_patiently(
            self.live.workspace(self.machine),
            self.spec.paths,
            base=self.spec.base,
            patience_seconds=self._patience_seconds,
        )
        changes = await self.live.repository.changes(self.spec.base, collected.head)
        (self._files / "check.log").write_bytes(await session.check_log())
        return conclude(
            self.spec,
            transcript=self.transcript,
            evidence=self._evidence(status, await self._declared()),
            changes=changes.model_copy(update={"salvaged": collected.salvaged}),
            machine=self.machine.name,
            placement_reason=self.reason,
            start=self._start,
            end=end,
            head=collected.head,
            earlier_cost_usd=self.live.cost_of(self.spec.resumes),
        )

    async def _declared(self) -> LegacyResult | None:
        """What the agent left in its result file, where it left one."""
        file = f"{self.machine.workspace}/{self.spec.paths.worktree}/{legacy_result.PATH}"
        answer = await self.live.host(self.machine).run(["head", "-c", str(legacy_result.LONGEST_CHARACTERS), file])
        return legacy_result.parse(answer.stdout.decode(errors="replace")) if answer.exit_status == 0 else None

    def _evidence(self, status: Status, declared: LegacyResult | None) -> Evidence:
        stderr = self._files / "stderr.txt"
        return Evidence(
            agent_exit=status.exit_status,
            ended_by=status.ended_by,
            stderr=stderr.read_bytes()[-_STDERR_BYTES:].decode(errors="replace") if stderr.exists() else "",
            check_exit=status.check_exit,
            lost=status.state is not State.EXITED,
            missing_command=self._missing,
            legacy=declared,
        )

    def _without_session(self, error: Exception) -> SessionResult:
        lost = isinstance(error, (MachineUnreachable, ConnectionDropped))
        return self.live.no_session(
            self.spec.task,
            attempt=self.spec.attempt,
            outcome=Outcome.MACHINE_LOST if lost else Outcome.NOT_STARTED,
            error=error,
            machine=self.machine.name,
            placement_reason=self.reason,
            start=self._start,
        )

    def _not_collected(self, error: Exception) -> SessionResult:
        """The session is over, and what it did stays where it is until the run is gone on with."""
        where = f"{self.machine.workspace}/{self.spec.paths.worktree} on {self.machine.name}"
        told = f"{error} Its work is in {where}; once that is mended: miyabi orchestrate --run {self.spec.run}"
        spent = attempt_cost(self.transcript.cost_usd, before_usd=self.live.cost_of(self.spec.resumes))
        result = self.live.no_session(
            self.spec.task,
            attempt=self.spec.attempt,
            outcome=Outcome.NOT_COLLECTED,
            error=error,
            machine=self.machine.name,
            placement_reason=self.reason,
            start=self._start,
        )
        known = {
            "error_text": redact(told),
            "session_id": self.transcript.session_id,
            "turns": self.transcript.turns,
            "usage": self.transcript.usage,
            "cost_usd": spent,
        }
        return result.model_copy(update=known)

    @property
    def _files(self) -> Path:
        return self.live.folder.attempt(self.spec.task, self.spec.attempt)

    @property
    def _patience_seconds(self) -> float:
        return 60 * self.live.settings.runs.patience_minutes

    def _say(self, state: TaskState) -> None:
        self.live.board.update(
            self.spec.task,
            state=state,
            machine=self.machine.name,
            turns=self.transcript.turns,
            cost_usd=self.transcript.cost_usd,
            last_action=self.transcript.last_action,
        )
