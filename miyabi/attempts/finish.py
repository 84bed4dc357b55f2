"""A session is over: its work is collected, and what it left becomes the attempt's outcome."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from miyabi.attempts import strays, submodule_work
from miyabi.attempts.setup_output import SETUP_LOG
from miyabi.attempts.submodule_work import CollectedWork
from miyabi.claude import (
    Evidence,
    LegacyResult,
    SpendingRecord,
    Transcript,
    conclude,
    read_spending_record,
    result_file,
)
from miyabi.errors import MachineError, MiyabiError
from miyabi.git import conflict_markers
from miyabi.machines import Machine
from miyabi.runs import CHECK_LOG, AttemptRecord, Run
from miyabi.sessions import (
    Collected,
    InSubmodule,
    RemoteSession,
    SessionResult,
    SessionSpec,
    State,
    Status,
    Strays,
    Workspace,
    is_resolving,
    is_reviewing,
)
from miyabi.system import private_files, retried
from miyabi.text import redact, several

T = TypeVar("T")

STOP_GRACE_SECONDS = 10.0
_STDERR_BYTES = 4096
_CUT_SHORT = {None, 137, -9}  # exit statuses of a claude that could write nothing more
_DECLARED = 'n=$1; shift; for f; do [ ! -f "$f" ] || exec head -c "$n" "$f"; done; exit 1'
"""Not what else an agent may have made under that name."""


def _left_there(collected: Collected, found_inside: Sequence[CollectedWork]) -> tuple[str, ...]:
    """What stays on the machine; first its branch, where that is not to come."""
    branch = [f"its branch, which holds {several(collected.leaked, most=1)}"] if collected.leaked else []
    return (*branch, *collected.left_there, *submodule_work.left_there(found_inside))


def _ends_of(text: bytes) -> bytes:
    """The beginning and the end, which is all of what is short."""
    is_short = len(text) <= 2 * _STDERR_BYTES
    return text if is_short else text[:_STDERR_BYTES] + b"\n" + text[-_STDERR_BYTES:]


@dataclass(frozen=True, kw_only=True)
class Finish:
    """What an attempt's session left on its machine.

    Args:
        live: the run it belongs to.
        spec: what was run.
        machine: where.
        session: it there, and its output here.
        start: when it began.
        reason: why this machine was chosen.
        to_strays: it was given up: the branch is that of later attempts.
        on_wait: called with what a call to the machine met, each time that it is made again later.
    """

    live: Run
    spec: SessionSpec
    machine: Machine
    session: RemoteSession
    start: datetime
    reason: str = ""
    to_strays: bool = False
    on_wait: Callable[[MiyabiError], None] = lambda _: None

    async def collect(self, status: Status, *, transcript: Transcript, missing: str | None) -> SessionResult:
        """Collects all of it and makes the result; waits a while for a machine that is away, or whose disk is full.

        Args:
            status: how it ended.
            transcript: all that it said.
            missing: the command that its prompt names and it does not have.

        Raises:
            MachineError: as `Host.run`, `Workspace.collect`.
            GitError: as `Workspace.collect`.
            BadInput: the file of an earlier attempt's result is damaged.
            DiskFull: our own disk takes no more.
        """
        end = datetime.now(UTC) - timedelta(seconds=status.over_seconds or 0)
        if status.state in {State.LOST, State.ORPHAN}:
            await self._retried(lambda: self.session.stop(grace_seconds=STOP_GRACE_SECONDS))
        collected = await self._retried(self._collect)
        found_inside, left_inside = await self._collect_inside(collected)
        if lost := collected.lost_objects:
            named = several([f"{oid[:12]}…" for oid in lost], most=1)
            self.live.warn(f"{self.spec.task}: Git LFS objects that its commits name are nowhere: {named}")
        changes = await self.live.repository.changes(self.spec.base, collected.head)
        await self._keep_logs()
        return conclude(
            self.spec,
            transcript=transcript,
            evidence=await self._evidence(status, collected, found_inside, missing=missing),
            changes=changes.model_copy(update={"salvaged": collected.salvaged}),
            machine=self.machine.name,
            placement_reason=self.reason,
            start=self.start,
            end=end,
            head=collected.head,
            before=self.live.costs.before(self.spec.resumes),
            record=await self._spending_record(status, transcript),
            left_there=(*_left_there(collected, found_inside), *left_inside),
        )

    async def _retried(self, call: Callable[[], Awaitable[T]]) -> T:
        patience_seconds = self.live.outages.patience_seconds
        return await retried(call, patience_seconds=patience_seconds, on_wait=self.on_wait)

    async def _keep_logs(self) -> None:
        """What set-up and check printed last, without what is known to be secret."""
        logs = {CHECK_LOG: self.session.check_log}
        if self.spec.setup_on(self.machine.offers):
            logs[SETUP_LOG] = self.session.setup_log
        for name, read in logs.items():
            text = redact((await self._retried(read)).decode("utf-8", "surrogateescape"))
            private_files.write_bytes(self._files / name, text.encode("utf-8", "surrogateescape"))

    async def _collect(self) -> Collected:
        return await self._collect_in(self.live.workspace(self.machine), self.spec.base)

    async def _collect_in(self, workspace: Workspace, base: str) -> Collected:
        return await workspace.collect(
            self.spec.paths,
            base=base,
            to_strays=self.to_strays,
            may_be_nothing=is_reviewing(self.spec.task),
            max_file_bytes=self.spec.max_file_bytes,
        )

    async def _collect_inside(self, collected: Collected) -> tuple[tuple[CollectedWork, ...], tuple[str, ...]]:
        if not collected.inside:
            return (), ()
        workspace = self.live.workspace(self.machine)
        return await submodule_work.collect(
            collected.inside,
            known=await self.live.worktrees.submodules(self.spec.base),
            collect=lambda inside, base: self._retried(lambda: self._collect_in(workspace.of(inside), base)),
        )

    async def _submodules(self, collected: Collected, found_inside: Sequence[CollectedWork]) -> tuple[InSubmodule, ...]:
        return await submodule_work.outcomes(
            found_inside,
            repository=self.live.repository,
            branch=self.spec.paths.branch,
            before=await self.live.worktrees.submodules(self.spec.base),
            after=await self.live.worktrees.submodules(collected.head),
        )

    async def _strays(self, collected: Collected) -> Strays | None:
        """What the task's branch, which may be a later attempt's, does not hold."""
        if collected.strays is None:
            return None
        repository, branch = self.live.repository, self.spec.paths.branch
        tip = (await repository.branches(branch)).get(branch, collected.head)
        return await strays.measure(repository.git, collected.strays, beyond=(self.spec.base, tip))

    async def _unresolved(self, collected: Collected, found_inside: Sequence[CollectedWork]) -> tuple[str, ...]:
        found = await conflict_markers.left_by_session(
            self.live.repository.git,
            collected.head,
            base=self.spec.base,
            unmerged=collected.unmerged,
            is_resolution=is_resolving(self.spec.task),
        )
        if not found_inside:
            return found
        inside = await submodule_work.unresolved(
            found_inside, after=await self.live.worktrees.submodules(collected.head)
        )
        return tuple(sorted({*found, *inside}))

    async def _spending_record(self, status: Status, transcript: Transcript) -> SpendingRecord | None:
        """Claude's own record, where the session could not say all, could not keep it, or talked to a person."""
        is_all = transcript.spending.is_settled and status.exit_status not in _CUT_SHORT
        if self.spec.rehearse or (is_all and not self._is_by_hand):
            return None
        conversation = transcript.session_id or self.spec.conversation
        host = self.live.host(self.machine)
        try:
            return await self._retried(
                lambda: read_spending_record(host, self.machine, self.spec, conversation=conversation)
            )
        except MachineError:  # all else is here: the cost is then said as the least that it can be
            return None

    async def _declared(self) -> LegacyResult | None:
        """What the agent left in its result file, where it left one."""
        folders = self.spec.paths.checkout, self.spec.paths.linked_worktree
        files = [f"{self.machine.workspace}/{folder}/{result_file.PATH}" for folder in folders]
        words = ["/bin/sh", "-c", _DECLARED, "sh", str(result_file.LONGEST_CHARACTERS), *files]
        answer = await self.live.host(self.machine).run(words)
        return result_file.parse(answer.stdout.decode(errors="replace")) if answer.exit_status == 0 else None

    async def _evidence(
        self, status: Status, collected: Collected, found_inside: Sequence[CollectedWork], *, missing: str | None
    ) -> Evidence:
        declared = await self._retried(self._declared)
        stderr, setup_log = self._files / "stderr.txt", self._files / SETUP_LOG
        return Evidence(
            agent_exit=status.exit_status,
            ended_by=status.ended_by,
            stderr=_ends_of(stderr.read_bytes()).decode(errors="replace") if stderr.exists() else "",
            check_exit=status.check_exit,
            setup_log=setup_log.read_bytes().decode(errors="replace") if setup_log.exists() else "",
            check_log=(self._files / CHECK_LOG).read_bytes().decode(errors="replace"),
            free_kib=status.free_kib,
            lost=status.state is not State.EXITED,
            missing_command=missing,
            legacy=declared,
            strays=await self._strays(collected),
            unresolved=await self._unresolved(collected, found_inside),
            checkout_gone=collected.is_gone,
            leaked=collected.leaked,
            submodules=await self._submodules(collected, found_inside),
        )

    @property
    def _is_by_hand(self) -> bool:
        begun = AttemptRecord.known(self._files)
        return begun is not None and begun.by_hand

    @property
    def _files(self) -> Path:
        return self.live.folder.attempt(self.spec.task, self.spec.attempt)
