"""A conversation that a person goes on with in a terminal: an attempt like any other, which holds a slot."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from miyabi.attempts.attempt import Attempt
from miyabi.claude import attached_script, inherited_environment
from miyabi.errors import BadInput, MachineError
from miyabi.machines import Machine
from miyabi.runs import AttemptRecord, Run
from miyabi.sessions import RemoteSession, SessionPaths, SessionResult, SessionSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """An attempt by hand that is about to begin on a machine.

    Args:
        live: the run it belongs to.
        spec: the conversation that is gone on with, and where it is told from others.
        machine: that has it.
        start: when it begins.
    """

    live: Run
    spec: SessionSpec
    machine: Machine
    start: datetime = field(default_factory=lambda: datetime.now(UTC))

    @classmethod
    async def of(cls, live: Run, task: str) -> Self:
        """Finds the conversation of a task that is over for now.

        Raises:
            BadInput: the task has none, or a session of it runs or is not collected; says what to do.
            MachineError: the machine that has it takes no part, is another one now, or does not answer.
            MergeConflict: as `Run.spec`.
            GitFailed: as `Run.spec`.
        """
        if live.rehearse:
            raise BadInput(f"run {live.run} is a rehearsal: no claude has run in it.")
        if task not in live.dag.by_id:
            raise BadInput(f"run {live.run}: {task} is no task, but a session for one; only a task is gone on with.")
        await _require_over(live, task)
        last = _last_conversation(live, task)
        machine = _machine_of(live, last)
        number = live.resume.attempts(task) + 1
        spec = await live.spec(live.dag.by_id[task], attempt=number, conversation=last.conversation)
        return cls(live=live, spec=spec, machine=machine)

    async def stage(self) -> list[str]:
        """Prepares the attempt on its machine, and returns the command line that begins it in a terminal there.

        Raises:
            MachineError: as `Worktrees.checkout`, `RemoteSession.stage`.
            GitFailed: as `Worktrees.checkout`.
            DiskFull: our own disk takes no more.
        """
        spec, machine, live = self.spec, self.machine, self.live
        checkout = await live.worktrees.checkout(machine, live.dag.by_id[spec.task])
        session, workspace = self._session, live.workspace(machine)
        inherited = inherited_environment(machine)
        await session.stage(
            script=attached_script(spec, machine, checkout=checkout, inherited=inherited, cache=workspace.cache),
            after=workspace.after_script(spec.paths, checkout=checkout, check=None, max_file_bytes=spec.max_file_bytes),
        )
        AttemptRecord.of(machine, spec, start=self.start, by_hand=True).keep(self._files)
        return await session.attach_words(slots=machine.slots, after_timeout_seconds=spec.check_timeout_seconds)

    async def collect(self) -> SessionResult | None:
        """Ends what is left of it and collects its work, where nobody has; None where it did not begin.

        Raises:
            SessionError: as `Attempt.recover`.
            MachineError: as `Attempt.recover`.
            GitError: as `Attempt.recover`.
            DiskFull: as `Attempt.recover`.
        """
        if self.is_collected:
            return self.live.folder.latest_results()[self.spec.task]
        attempt = Attempt(live=self.live, spec=self.spec, machine=self.machine, reason="miyabi attach")
        if result := await attempt.recover():
            self.live.keep(result)
        else:
            with suppress(OSError):
                self._files.rmdir()
        return result

    @property
    def _session(self) -> RemoteSession:
        machine = self.machine
        return RemoteSession(self.live.host(machine), self.spec.paths.session, workspace=machine.workspace)

    @property
    def is_collected(self) -> bool:
        """Whether its result is there: an orchestrator that met it has seen it to its end."""
        return AttemptRecord.known(self._files) is not None and AttemptRecord.pending(self._files) is None

    @property
    def _files(self) -> Path:
        return self.live.folder.attempt(self.spec.task, self.spec.attempt)


async def _require_over(live: Run, task: str) -> None:
    """Checks the last attempt; an earlier one that was given up and lives there is refused by the machine."""
    number = max(live.folder.attempts(task), default=0)
    if record := AttemptRecord.pending(live.folder.attempt(task, number)):
        machine = record.machine_among(live.machines, run=live.run)
        name = SessionPaths(run=live.run, task=task, attempt=number).session
        session = RemoteSession(live.host(machine), name, workspace=machine.workspace)
        found = "still runs" if (await session.status()).live else "is not collected yet"
        advice = f"To end it and collect its work: miyabi stop {live.run} {task}"
        raise BadInput(f"{task}: session {name} on {machine.name} {found}. {advice}")


def _last_conversation(live: Run, task: str) -> SessionResult:
    said = [r for r in live.every_result(task) if r.conversation and r.machine]
    if not said:
        raise BadInput(f"run {live.run}: task {task} has no conversation to go on with: no session of it said a word.")
    return said[-1]


def _machine_of(live: Run, result: SessionResult) -> Machine:
    record = AttemptRecord.known(live.folder.attempt(result.task, result.attempt))
    machine = live.machines.get(result.machine or "")
    if machine and record and record.is_at(machine):
        return machine
    where = f" (workspace {record.workspace} on {record.host or 'this machine'})" if record and record.workspace else ""
    raise MachineError(
        f"{result.task}: its conversation is on {result.machine}{where}, which the configuration does not have now. "
        f"Put that back there, or begin anew: miyabi retry {result.run} {result.task}"
    )
