"""One attempt: checkout, session, end, commits collected, outcome. Whatever happens, there is a result."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from miyabi.attempts.ahead import join_ahead, setup_script
from miyabi.attempts.finish import STOP_GRACE_SECONDS, Finish
from miyabi.attempts.inconclusive import KnownState, inconclusive_result
from miyabi.attempts.setup_output import SETUP_LOG, showing_setup
from miyabi.claude import (
    Before,
    Init,
    Transcript,
    check_prelude,
    inherited_environment,
    missing_command,
    missing_servers,
    session_script,
    stall_seconds,
)
from miyabi.errors import (
    AccountHeld,
    DiskFull,
    GitError,
    MachineError,
    MachineFull,
    MiyabiError,
    RemoteFailed,
    SessionError,
)
from miyabi.machines import Machine, install
from miyabi.runs import AttemptRecord, Run, Spent, TaskState, to_review
from miyabi.sessions import RemoteSession, SessionPaths, SessionResult, SessionSpec, State, Status
from miyabi.system import is_our_disk, private_files, retried
from miyabi.text import one_line

T = TypeVar("T")

_CANCELLED_AGAIN_SECONDS = 2.0
_NOT_THERE = {State.NONE, State.STAGED}


@dataclass(kw_only=True)
class Attempt:
    """One attempt of a task on one machine.

    Args:
        live: the run it belongs to.
        spec: what to run.
        machine: where.
        reason: why this machine was chosen.
        on_start: called when the session has been started; not where one that lives is joined.
        on_result: called, perhaps often, once the session has said a good result: what is left is its check and so on.
        on_exit: called the moment the machine's slot is free for another, which may be before commits are collected.
        on_wait: called with what the machine, or our own disk, met each time that something is tried again later.
        is_given_up: there is a later attempt, which has the branch and is what the board shows.
    """

    live: Run
    spec: SessionSpec
    machine: Machine
    reason: str = ""
    on_start: Callable[[], None] = lambda: None
    on_result: Callable[[], None] = lambda: None
    on_exit: Callable[[], None] = lambda: None
    on_wait: Callable[[MiyabiError], None] = lambda _: None
    is_given_up: bool = False
    transcript: Transcript = field(default_factory=Transcript)
    _start: datetime = field(default_factory=lambda: datetime.now(UTC))
    _missing: str | None = None
    _known_state: KnownState = KnownState.NOTHING
    _said: TaskState = TaskState.PREPARING
    _before: Before = field(init=False)
    _spent_before: float = field(init=False)

    def __post_init__(self) -> None:
        """What was spent before is read once: it goes to the board with every chunk of output."""
        earlier = [r for r in self.live.every_result(self.spec.task) if r.attempt < self.spec.attempt]
        self._before = self.live.costs.before(self.spec.resumes)
        self._spent_before = sum(each.cost_usd for each in earlier)

    async def run(self) -> SessionResult:
        """Runs the attempt to its end, and returns the result; it is also in the run folder.

        Raises:
            MachineFull: the machine itself refused; nothing was started.
            AccountHeld: its account takes nothing more for now; nothing was started.
            MachineError: it does not answer at the moment; the same attempt may be made again.
            BadInput: the file of an earlier attempt's result is damaged.
            CancelledError: after the session was stopped and its work collected.
        """
        session = self._session(self.spec.paths)
        try:
            with self.live.quota.book.using(self._account):
                await self._with_room(lambda: self._begin(session))
                self.live.outages.end(self.machine.name)
                result = await self._see_through(session)
        except asyncio.CancelledError:
            await self._give_up(session)
            raise
        except (MachineFull, AccountHeld):
            AttemptRecord.forget(self._files)
            raise
        except (MachineError, SessionError, GitError, DiskFull) as error:
            is_away = isinstance(error, MachineError) and error.transient
            if is_away and not self._known_state.is_seen and self.live.outages.within_grace(self.machine.name):
                raise
            result = self._without_end(error)
        self.live.keep(result)
        return result

    async def recover(self) -> SessionResult | None:
        """Ends a session that was given up, and collects what came of it; None where it is gone.

        Raises:
            SessionError: it may be on another machine than this one; else as `RemoteSession.follow`, `Finish.collect`.
            MachineError: as `RemoteSession.follow`, `Finish.collect`.
            GitError: as `Finish.collect`.
            DiskFull: our own disk takes no more.
        """
        session, known = self._session(self.spec.paths), AttemptRecord.pending(self._files)
        if known and not known.is_at(self.machine):
            raise SessionError(known.moved(self.machine))
        self._start = known.start if known else self._start
        if (await session.status()).state in _NOT_THERE:
            AttemptRecord.forget(self._files)
            return None
        await session.stop(grace_seconds=STOP_GRACE_SECONDS)
        return await self._see_through(session)

    async def _begin(self, session: RemoteSession) -> None:
        """Sees that it runs: as an earlier orchestrator started it, or started now."""
        if known := AttemptRecord.pending(self._files):
            self._start, self._known_state = known.start, KnownState.ASKED
            self._known_state = await self._look_for(session, known)
            if self._known_state.is_seen:
                return
            self._require_startable(known)
        self._say(TaskState.PREPARING)
        files = await self.live.copied_files()
        is_copied = await join_ahead(self.live, self.machine, self.spec, files)
        checkout = await self.live.worktrees.checkout(self.machine, self.live.dag.by_id[self.spec.task])
        await self._end_earlier_ones()
        if files and not is_copied:
            await self.live.workspace(self.machine).copy(self.spec.paths, files)
        AttemptRecord.of(self.machine, self.spec, start=self._start).keep(self._files)
        for file in self._output:
            private_files.open_to_append(file).close()  # now is when a full disk costs nothing
        await self._launch(session, checkout)

    async def _look_for(self, session: RemoteSession, known: AttemptRecord) -> KnownState:
        """What became of a session that was asked for: by its machine, its record and the output that we have."""
        if (await session.status()).state not in _NOT_THERE:
            return KnownState.SEEN
        if not known.is_at(self.machine):
            return KnownState.MOVED
        has_run = any(file.exists() and file.stat().st_size for file in self._output)
        return KnownState.GONE if has_run else KnownState.NOTHING

    def _require_startable(self, known: AttemptRecord) -> None:
        """Checks that the session does not run, so that it is never started a second time.

        Raises:
            SessionError: it may run somewhere else, or the machine has forgotten it.
        """
        if self._known_state is KnownState.MOVED:
            raise SessionError(known.moved(self.machine))
        if self._known_state is KnownState.GONE:
            text = f"{self.machine.name} knows nothing of session {self.spec.paths.session} any more, which ran there."
            raise SessionError(f"{text} Was {self.machine.workspace} cleaned?")

    async def _end_earlier_ones(self) -> None:
        """Two never work in one checkout: an attempt that was given up while its machine was away may still live."""
        for number in range(1, self.spec.attempt):
            if AttemptRecord.is_left_at(self.machine, self.live.folder.attempt(self.spec.task, number)):
                earlier = self._session(self.spec.paths.model_copy(update={"attempt": number}))
                if (await earlier.status()).live:
                    await earlier.stop(grace_seconds=STOP_GRACE_SECONDS)

    async def _launch(self, session: RemoteSession, checkout: str) -> None:
        spec, machine = self.spec, self.machine
        agent = (
            await install.install(self.live.host(machine), machine.workspace, "rehearsal") if spec.rehearse else None
        )
        parts = self._parts(checkout, agent=agent)
        await self.live.quota.wait_for_turn(self._account, model=spec.model)
        self._known_state = KnownState.ASKED
        try:
            await session.start(
                **parts,
                slots=machine.slots,
                floors_mib=machine.floors_mib,
                timeout_seconds=spec.timeout_seconds,
                setup_timeout_seconds=spec.setup_timeout_seconds,
                after_timeout_seconds=spec.check_timeout_seconds,
                linger_seconds=spec.linger_seconds,
                stall_seconds=stall_seconds(spec, machine),
                stop_seconds=self.live.deadline.seconds_left(machine, now=time.time()),
            )
        except (MachineError, SessionError) as error:
            if not error.transient and type(error) is not MachineError:  # the machine said no
                self._known_state = KnownState.NOTHING
            raise
        self.on_start()

    def _parts(self, checkout: str, *, agent: str | None) -> dict[str, bytes]:
        """What the machine runs, as `RemoteSession.start` takes it."""
        spec, machine, workspace = self.spec, self.machine, self.live.workspace(self.machine)
        surroundings: Any = {"inherited": inherited_environment(machine), "cache": workspace.cache}
        place: Any = {"checkout": checkout, "prelude": check_prelude(spec, machine, **surroundings)}
        return {
            "setup": setup_script(self.live, spec, machine, checkout=checkout),
            "script": session_script(spec, machine, checkout=checkout, agent=agent, **surroundings),
            "stdin": spec.prompt.encode(),
            "after": workspace.after_script(spec.paths, check=spec.check, max_file_bytes=spec.max_file_bytes, **place),
        }

    async def _see_through(self, session: RemoteSession) -> SessionResult:
        self._known_state = KnownState.SEEN
        self._say(TaskState.PREPARING if self._setup else TaskState.RUNNING)
        with self._setup_shown(session):
            status = await self._follow(session)
        self._known_state = KnownState.OVER
        said, is_green = self.transcript.result, self.spec.check is None or status.check_exit == 0
        if said and not said.is_error and is_green:  # else the next one may meet the same there, or this one go on
            self.on_exit()
        self._say(TaskState.COLLECTING)
        finish = Finish(
            live=self.live,
            spec=self.spec,
            machine=self.machine,
            session=session,
            start=self._start,
            reason=self.reason,
            to_strays=self.is_given_up,
            on_wait=self._note_wait,
        )
        collect = partial(finish.collect, status, transcript=self.transcript, missing=self._missing)
        result = await self._with_room(collect)
        return to_review(self.live, self._explained(result))

    def _explained(self, result: SessionResult) -> SessionResult:
        """The result with what the attempt was begun with, and why it was told to end where no person did that."""
        known, result = AttemptRecord.known(self._files), result.model_copy(update={"account": self._account})
        result = known.completed(result) if known else result
        if known is not None and known.is_stopped:
            return result
        return self.live.cordons.explained(self.live.deadline.explained(result, self.machine))

    async def _follow(self, session: RemoteSession) -> Status:
        status = await self._read_along(session)
        if status.state is State.ORPHAN:  # it may say more, what it has spent too, until it is ended
            await self._stop_orphan(session)
            await self._read_along(session)
        return status

    async def _stop_orphan(self, session: RemoteSession) -> None:
        patience_seconds = self.live.outages.patience_seconds
        stop = partial(session.stop, grace_seconds=STOP_GRACE_SECONDS)
        await retried(stop, patience_seconds=patience_seconds, on_wait=self._note_wait)

    async def _read_along(self, session: RemoteSession) -> Status:
        stopping: list[asyncio.Task[Status]] = []
        self.transcript = Transcript()  # what an earlier follow read is read again, from our own file

        def on_output(chunk: bytes) -> None:
            is_worthless = self._hear(chunk)
            if is_worthless and not stopping:
                stopping.append(asyncio.ensure_future(session.stop(grace_seconds=STOP_GRACE_SECONDS)))

        patience_seconds = self.live.outages.patience_seconds
        try:
            status = await session.follow(
                *self._output,
                on_output=on_output,
                on_wait=lambda error: self._note_wait(error) if is_our_disk(error) else None,
                patience_seconds=patience_seconds,
            )
        except RemoteFailed:  # its output is damaged there; its work need not be
            status = await retried(session.status, patience_seconds=patience_seconds, on_wait=self._note_wait)
            if status.live:
                raise
        self.transcript.finish()
        await asyncio.gather(*stopping, return_exceptions=True)
        return status

    def _hear(self, chunk: bytes) -> bool:
        """Takes what the session said; returns whether it is to end: it cannot do its task, or has no tokens left."""
        said, most = self.transcript.feed(chunk), self.spec.max_tokens
        is_unfit = any(isinstance(event, Init) and self._lacks(event) for event in said)
        is_unfit |= self.live.quota.hear(self.spec, self.machine, said)
        last = self.transcript.result
        if last and not last.is_error:
            self.on_result()
        self._say(TaskState.RUNNING)
        return is_unfit or (last is None and most is not None and self.transcript.tokens >= most)

    def _setup_shown(self, session: RemoteSession) -> AbstractContextManager[None]:
        """While the block runs, what the set-up prints is on the board and in the attempt's folder."""

        def say(line: str) -> None:
            self._say(TaskState.PREPARING, action=f"set-up: {one_line(line)}" if line else "set-up")

        output, log = self._output[0], self._files / SETUP_LOG
        shown = showing_setup(session, log, is_over=lambda: output.stat().st_size > 0, say=say)
        return shown if self._setup else nullcontext()

    def _lacks(self, init: Init) -> bool:
        """Whether the session is not worth a token: it has not the command that it is told, or a server it needs."""
        self._missing = missing_command(self.spec.prompt, init) or self._missing
        return self._missing is not None or bool(missing_servers(self.spec.requires_mcp, init))

    async def _give_up(self, session: RemoteSession) -> None:
        """We were asked to stop: end the whole tree, collect what there is, keep the result."""
        if AttemptRecord.pending(self._files) is None:
            return
        try:
            await self._stop(session)
            self.live.keep(await self._see_through(session))
        except (MachineError, SessionError, GitError, DiskFull) as error:
            if self._known_state is KnownState.OVER:  # else it is left where it is, for the next orchestrator to find
                self.live.keep(self._without_end(error))

    async def _stop(self, session: RemoteSession) -> None:
        """Cancelled again meanwhile, it still sees that the machine is stopped."""
        stopping = asyncio.ensure_future(session.stop(grace_seconds=STOP_GRACE_SECONDS))
        try:
            await asyncio.shield(stopping)
        except asyncio.CancelledError:
            await asyncio.wait([stopping], timeout=_CANCELLED_AGAIN_SECONDS)
            raise

    async def _with_room(self, call: Callable[[], Awaitable[T]]) -> T:
        return await self.live.with_room(call, on_wait=self._note_wait)

    def _without_end(self, error: MachineError | SessionError | GitError | DiskFull) -> SessionResult:
        """The result where the end, or the work, of the session is not here."""
        if self._known_state.is_settled:
            AttemptRecord.forget(self._files)
        result = inconclusive_result(
            self._known_state,
            error,
            live=self.live,
            spec=self.spec,
            machine=self.machine,
            start=self._start,
            reason=self.reason,
            transcript=self.transcript,
        )
        return result.model_copy(update={"account": self._account})

    @property
    def _account(self) -> str:
        return self.spec.account or self.machine.logins[0]

    def _session(self, paths: SessionPaths) -> RemoteSession:
        return RemoteSession(self.live.host(self.machine), paths.session, workspace=self.machine.workspace)

    @property
    def _setup(self) -> tuple[str, ...]:
        return self.spec.setup_on(self.machine.offers)

    @property
    def _files(self) -> Path:
        return self.live.folder.attempt(self.spec.task, self.spec.attempt)

    @property
    def _output(self) -> tuple[Path, Path]:
        return self._files / "stdout.jsonl", self._files / "stderr.txt"

    def _note_wait(self, error: MiyabiError) -> None:
        self._say(self._said, waits_for=error)
        self.on_wait(error)

    def _say(self, state: TaskState, *, waits_for: MiyabiError | None = None, action: str = "") -> None:
        self._said = state
        spend = self.transcript.spending.spent(self._before)
        if self._known_state.is_seen:
            self.live.costs.note(self.spec, self.machine, Spent(usd=spend.usd, tokens=spend.usage.total))
        if self.is_given_up:
            return
        self.live.board.update(
            self.spec.task,
            state=state,
            machine=self.machine.name,
            turns=self.transcript.turns,
            cost_usd=self._spent_before + spend.usd,
            last_action=f"waits: {waits_for}" if waits_for else action or self.transcript.last_action,
        )
