"""A run while it runs: what its tasks share, and what a restarted orchestrator finds again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from miyabi.absence import Absences
from miyabi.attempt_record import AttemptRecord, Continuation
from miyabi.budget import before, spent
from miyabi.clone import Clone, describe
from miyabi.dag import Dag, Node
from miyabi.errors import DiskFull, GitDiskFull, MachineError, MiyabiError
from miyabi.host import Host
from miyabi.launcher import hide_secrets
from miyabi.machine import NAMED, Machine
from miyabi.placement import Load, unplaceable
from miyabi.places import Places
from miyabi.progress import Board
from miyabi.prompt import compose
from miyabi.redact import redact
from miyabi.repository import Repository
from miyabi.retrying import is_our_disk, retried
from miyabi.run_folder import RunFolder
from miyabi.session import Outcome, SessionPaths, SessionResult, SessionSpec
from miyabi.settings import Settings
from miyabi.specs import spec_for
from miyabi.spending import Before
from miyabi.submodules import Submodules, submodules_of
from miyabi.workspace import Workspace

T = TypeVar("T")


@dataclass(kw_only=True)
class LiveRun:
    """What the tasks of one run share. Everything that must outlive the process is in `folder` and on the machines."""

    run: str
    dag: Dag
    settings: Settings
    folder: RunFolder
    repository: Repository
    base: str
    author: tuple[str, str]
    board: Board
    run_id: str = ""
    rehearse: bool = False
    machines: dict[str, Machine] = field(default_factory=dict)
    results: dict[str, SessionResult] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    _prepared: dict[tuple[str, str], str] = field(default_factory=dict)
    unplaced: dict[str, str] = field(default_factory=dict)  # tasks that no machine can take, and why
    _ended: set[str] = field(default_factory=set)
    _unwritten: dict[tuple[str, int], SessionResult] = field(default_factory=dict)
    _places: Places = field(init=False)
    absences: Absences = field(init=False)
    _bases: dict[str, asyncio.Task[str]] = field(default_factory=dict)
    _described: asyncio.Task[Clone] | None = None
    _submodules: dict[str, Submodules] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._places = Places(self.repository)
        self.absences = Absences(patience_seconds=60 * self.settings.runs.patience_minutes)
        self.machines = self.machines or {machine.name: machine for machine in self.settings.machines}
        hide_secrets(self.settings.machines, self.settings.sessions.environment)
        known = self.dag.by_id
        self.results = {task: result for task, result in self.folder.latest_results().items() if task in known}
        for result in self.results.values():
            if result.succeeded:
                self.board.finish(self.whole(result))

    def host(self, machine: Machine) -> Host:
        """The one connection to a machine."""
        return self._places.host(machine)

    def workspace(self, machine: Machine) -> Workspace:
        """Where this repository's code is on a machine."""
        return self._places.workspace(machine)

    def fleet(self) -> list[Machine]:
        """The machines in the order of the configuration."""
        return list(self.machines.values())

    def requires(self, task: str) -> tuple[str, ...]:
        """The labels that a task's machine must have; what was begun somewhere goes on there."""
        begun = self.continuation(task)
        return (*self.dag.by_id[task].requires, *((f"{NAMED}{begun.machine}",) if begun else ()))

    def startable(self) -> Iterator[str]:
        """The tasks still to be done, each after its upstreams; those that no machine can take have a result."""
        loads, blocked = [Load(machine=m, used=0) for m in self.fleet()], set[str]()
        for task in self.dag.order:
            if task in self.results and self.results[task].succeeded:
                continue
            if not blocked.isdisjoint(self.dag.dependencies(task)):
                blocked.add(task)
            elif impossible := self._unplaceable(task, loads):
                blocked.add(task)
                self.keep(impossible)
                self.unplaced[task] = impossible.error_text or ""
            else:
                yield task

    def _unplaceable(self, task: str, fleet: Sequence[Load]) -> SessionResult | None:
        left = self.pending(task)
        if left and left.machine not in self.machines:
            absent, where = MachineError(left.told_absent(run=self.run)), left.machine
            return self.no_session(task, outcome=Outcome.NOT_COLLECTED, error=absent, machine=where)
        reason = unplaceable(fleet, self.requires(task))
        return self.no_session(task, outcome=Outcome.NOT_STARTED, error=MachineError(reason)) if reason else None

    def upstream(self, node: Node) -> Sequence[SessionResult]:
        """The results of the tasks that this one depends on, in the node's order."""
        return [self.results[d] for d in self.dag.dependencies(node.id)]

    async def base_for(self, node: Node) -> str:
        """The commit that a task starts from: the run's base, or its upstreams' heads merged. Computed once.

        Raises:
            MergeConflict: the heads do not merge; `files` says where.
            GitFailed: git could not do it.
        """
        if node.id not in self._bases:
            self._bases[node.id] = asyncio.ensure_future(self._merge_upstream(node))
        merging = self._bases[node.id]
        try:
            return await asyncio.shield(merging)
        except GitDiskFull:  # may go well later
            if self._bases.get(node.id) is merging:
                del self._bases[node.id]
            raise

    async def start_for(self, node: Node) -> str:
        """The commit that a checkout starts from: what an earlier attempt brought home, else the task's base."""
        earlier = self.results.get(node.id)
        return (earlier and earlier.head) or await self.base_for(node)

    async def _merge_upstream(self, node: Node) -> str:
        heads = [result.head for result in self.upstream(node) if result.head]
        if not heads:
            return self.base
        return await self.repository.merge(heads, base=self.base, message=f"Merge the upstreams of {node.id}")

    async def spec(self, node: Node, *, attempt: int, conversation: str | None = None) -> SessionSpec:
        """The spec of one attempt, which goes on with `conversation` where there is one. Raises as `base_for`."""
        return spec_for(
            node,
            self.settings,
            run=self.run,
            run_id=self.run_id,
            attempt=attempt,
            prompt=compose(node, upstream=self.upstream(node), check=self.settings.sessions.check),
            base=await self.base_for(node),
            author=self.author,
            conversation=conversation,
            spent_usd=self.spent_on(node.id),
            rehearse=self.rehearse,
        )

    async def prepare(self, machine: Machine, node: Node) -> None:
        """Makes a task's checkout ahead of its turn, so that it starts the moment a slot is free."""
        self._prepared[node.id, machine.name] = await self._make_checkout(machine, node)

    async def checkout(self, machine: Machine, node: Node) -> str:
        """The path of a task's checkout on a machine, made now where it was not made ahead of time."""
        return self._prepared.pop((node.id, machine.name), None) or await self._make_checkout(machine, node)

    async def _make_checkout(self, machine: Machine, node: Node) -> str:
        paths = SessionPaths(run=self.run, task=node.id)
        base = await self.start_for(node)
        submodules = (await self.submodules(base)).filled
        return await self.workspace(machine).prepare(paths, base=base, clone=await self._clone(), submodules=submodules)

    async def submodules(self, commit: str) -> Submodules:
        """The submodules of a commit. Looked for once. Raises as `submodules_of`."""
        if commit not in self._submodules:
            self._submodules[commit] = await submodules_of(self.repository, commit)
        return self._submodules[commit]

    async def _clone(self) -> Clone:
        """What each task's checkout has besides its branch. Computed once."""
        if self._described is None:
            info = self.folder.info()
            self._described = asyncio.ensure_future(
                describe(self.repository, branch=info.base_branch, commit=info.base)
            )
        try:
            return await asyncio.shield(self._described)
        except GitDiskFull:
            self._described = None
            raise

    async def abandon(self, machine: Machine, node: Node) -> None:
        """Removes what `prepare` made on a machine where the task did not run after all, nor ever did."""
        self._prepared.pop((node.id, machine.name), None)
        attempts = range(1, self.attempts(node.id) + 2)
        if any(AttemptRecord.has_been_at(machine, self.folder.attempt(node.id, number)) for number in attempts):
            return
        await self.workspace(machine).remove(SessionPaths(run=self.run, task=node.id))

    def attempts(self, task: str) -> int:
        """How many attempts of a task are over; one that was skipped, or whose work may come home yet, is not."""
        last = self.results.get(task)
        undecided = {Outcome.SKIPPED, Outcome.NOT_COLLECTED}
        return last.attempt - (last.outcome in undecided or self._may_be_joined(last)) if last else 0

    def _may_be_joined(self, last: SessionResult) -> bool:
        """Whether an earlier orchestrator lost its machine, which takes part again."""
        lost = last.outcome is Outcome.MACHINE_LOST and last.task not in self._ended
        left = AttemptRecord.pending(self.folder.attempt(last.task, last.attempt)) if lost else None
        return left is not None and left.machine in self.machines

    def pending(self, task: str) -> AttemptRecord | None:
        """The attempt that an earlier orchestrator began and did not see to its end."""
        return AttemptRecord.pending(self.folder.attempt(task, self.attempts(task) + 1))

    def continuation(self, task: str) -> Continuation | None:
        """Where an earlier orchestrator left a task, if that machine still takes part or has to be asked."""
        last = self.results.get(task)
        return Continuation.of(self.pending(task), last if last and last.machine in self.machines else None)

    def before(self, conversation: str | None) -> Before:
        """What a conversation has cost in the attempts that are over."""
        return before(r for r in self.every_result() if conversation and r.session_id == conversation)

    def whole(self, result: SessionResult) -> SessionResult:
        """A task's last result, with what all of its attempts have cost."""
        every = [r for r in self.every_result() if r.task == result.task and r.attempt != result.attempt]
        usd = sum(r.cost_usd for r in every) + result.cost_usd
        is_partial = any(r.cost_is_partial for r in (*every, result))
        return result.model_copy(update={"cost_usd": usd, "cost_is_partial": is_partial})

    def spent_on(self, task: str) -> float:
        """What counts against a task's budget so far, US dollars."""
        return spent(r for r in self.every_result() if r.task == task)

    def no_session(
        self,
        task: str,
        *,
        outcome: Outcome,
        error: Exception,
        attempt: int | None = None,
        machine: str | None = None,
        placement_reason: str = "",
        start: datetime | None = None,
    ) -> SessionResult:
        """The result of an attempt that no session has told anything about."""
        return SessionResult(
            run=self.run,
            task=task,
            title=self.dag.by_id[task].title,
            outcome=outcome,
            attempt=attempt or self.attempts(task) + 1,
            machine=machine,
            placement_reason=placement_reason,
            start=start,
            end=start and datetime.now(UTC),
            error_kind=type(error).__name__,
            error_text=redact(str(error)),
            rehearsal=self.rehearse,
        )

    async def with_room(self, call: Callable[[], Awaitable[T]], *, on_wait: Callable[[MiyabiError], None]) -> T:
        """What the call returns; while our own disk is full it is made again, as patiently as a machine is waited for.

        Raises:
            DiskFull: the disk is full still. Whatever else the call raises.
        """
        patience_seconds = self.absences.patience_seconds
        return await retried(call, patience_seconds=patience_seconds, passes=is_our_disk, on_wait=on_wait)

    def keep(self, result: SessionResult) -> None:
        """An attempt is over: its result is in the run folder from now on, or as soon as the disk has room."""
        self.results[result.task] = result
        self._ended.add(result.task)
        self._unwritten[result.task, result.attempt] = result
        with suppress(DiskFull):
            self.write_late()

    def write_late(self) -> None:
        """Writes the results that there was no room for.

        Raises:
            DiskFull: there is none still. Whoever runs the run again finds their sessions on the machines.
        """
        for key, result in list(self._unwritten.items()):
            self.folder.write_result(result)
            if self._unwritten.get(key) is result:
                del self._unwritten[key]

    def every_result(self) -> tuple[SessionResult, ...]:
        """The results of all attempts of all tasks, by task and attempt. Raises as `RunFolder.results`."""
        known = {(r.task, r.attempt): r for r in self.folder.results()} | self._unwritten
        return tuple(known[key] for key in sorted(known))

    def note_end(self, task: str, *, state: str | None, message: str | None) -> None:
        """What the engine says of a task that left no result: it was not started, or it broke."""
        result = self.results.get(task)
        if result and (result.succeeded or task in self._ended):
            return
        if left := self.pending(task):
            self.warn(f"{task}: its session was left on {left.machine}; the run goes on with it when it is run again")
            return
        outcome = Outcome.NOT_STARTED if state in {"Failed", "Crashed"} else Outcome.SKIPPED
        if outcome is Outcome.NOT_STARTED or (state or "").startswith("Cancel"):
            self.keep(self.no_session(task, outcome=outcome, error=MiyabiError(f"{state}: {message}")))

    def warn(self, sentence: str) -> None:
        """What the reader of the report should know besides."""
        if sentence not in self.warnings:
            self.warnings.append(sentence)

    def end(self) -> None:
        """The run is over, for now: its folder says so, and since when, which is as before where nothing was done.

        May be repeated.

        Raises:
            DiskFull: not all of it could be written.
        """
        self.write_late()
        info = self.folder.info()
        ended = info.ended if info.ended and not self._ended else datetime.now(UTC)
        warnings = (*info.warnings, *(w for w in self.warnings if w not in info.warnings))
        self.folder.write_info(info.model_copy(update={"ended": ended, "warnings": warnings}))
        self.board.close({task: self.whole(result) for task, result in self.results.items()})
        self.board.write(self.folder.status_file)

    async def close(self) -> None:
        """Gives back every connection; what runs on the machines goes on."""
        await self._places.close()
