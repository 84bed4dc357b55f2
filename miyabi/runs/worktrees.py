"""Where the tasks of a run start from, and their checkouts on the machines, made ahead of their turn or in it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from miyabi.dag import Dag, Node
from miyabi.errors import GitDiskFull
from miyabi.git import Clone, Repository, Submodules, clone_of, submodules_of
from miyabi.machines import Machine
from miyabi.runs.attempt_record import AttemptRecord
from miyabi.runs.connections import Connections
from miyabi.runs.folder import RunFolder
from miyabi.runs.hand_over import take_up
from miyabi.sessions import EarlierWork, SessionPaths, SessionResult, TakenUp

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Worktrees:
    """The bases and the checkouts of a run. What is worked out once is kept.

    Args:
        dag: the tasks of the run.
        folder: that of the run.
        repository: where the work comes from.
        connections: the workspaces on the machines.
        base: commit that the run starts from.
        results: the last result of each task: the run's own, which become more.
        earlier: what earlier runs left of the tasks, by task.
    """

    dag: Dag
    folder: RunFolder
    repository: Repository
    connections: Connections
    base: str
    results: Mapping[str, SessionResult]
    earlier: Mapping[str, EarlierWork] = field(default_factory=dict)
    _bases: dict[str, asyncio.Task[str]] = field(default_factory=dict, init=False)
    _taken_up: dict[str, asyncio.Task[TakenUp]] = field(default_factory=dict, init=False)
    _clones: dict[str, asyncio.Task[Clone]] = field(default_factory=dict, init=False)
    _prepared: dict[tuple[str, str], str] = field(default_factory=dict, init=False)
    _submodules: dict[str, Submodules] = field(default_factory=dict, init=False)

    async def base_for(self, node: Node) -> str:
        """Returns the commit that a task starts from: the run's base, or its upstreams' heads merged. Computed once.

        Raises:
            MergeConflict: the heads do not merge; `files` says where.
            GitFailed: git could not do it.
        """
        return await _once(self._bases, node.id, lambda: self._merge_upstream(node))

    async def taken_up(self, node: Node) -> TakenUp | None:
        """Returns what a task has of an earlier run's work on it; None where there was none. Computed once.

        Raises:
            MergeConflict: as `base_for`.
            GitFailed: as `base_for`.
        """
        if (work := self.earlier.get(node.id)) is None:
            return None
        base = await self.base_for(node)
        take = partial(take_up, work, task=node.id, base=base, repository=self.repository)
        return await _once(self._taken_up, node.id, take)

    async def prepare(self, machine: Machine, node: Node) -> None:
        """Makes a task's checkout ahead of its turn, so that it starts the moment a slot is free.

        Raises:
            MergeConflict: as `base_for`.
            GitFailed: as `base_for` and `Workspace.prepare`.
            MachineError: as `Workspace.prepare`.
        """
        self._prepared[node.id, machine.name] = await self._make_checkout(machine, node)

    async def checkout(self, machine: Machine, node: Node) -> str:
        """Returns the path of a task's checkout on a machine, made now where it was not made ahead of time.

        Raises:
            MergeConflict: as `base_for`.
            GitFailed: as `base_for` and `Workspace.prepare`.
            MachineError: as `Workspace.prepare`.
        """
        return self._prepared.pop((node.id, machine.name), None) or await self._make_checkout(machine, node)

    def prepared(self, machine: Machine, node: Node) -> str | None:
        """Returns the path of a checkout that was made ahead of time, and of which nobody has asked for yet."""
        return self._prepared.get((node.id, machine.name))

    def has_been_at(self, machine: Machine, task: str) -> bool:
        """Returns whether an attempt of a task, over or not, was begun on a machine."""
        return any(AttemptRecord.has_been_at(machine, folder) for folder in self.folder.attempts(task).values())

    async def abandon(self, machine: Machine, node: Node) -> None:
        """Removes what `prepare` made on a machine where the task did not run after all, nor ever did.

        Raises:
            MachineError: as `Workspace.remove`.
        """
        if self.has_been_at(machine, node.id):
            self._prepared.pop((node.id, machine.name), None)
        else:
            await self.remove(machine, node)

    async def remove(self, machine: Machine, node: Node) -> None:
        """Removes a task's checkout from a machine.

        Raises:
            MachineError: as `Workspace.remove`.
        """
        self._prepared.pop((node.id, machine.name), None)
        await self.connections.workspace(machine).remove(self._paths(node))

    async def submodules(self, commit: str) -> Submodules:
        """Finds the submodules of a commit, once.

        Raises:
            GitFailed: git could not read them.
        """
        if commit not in self._submodules:
            self._submodules[commit] = await submodules_of(self.repository, commit)
        return self._submodules[commit]

    async def _merge_upstream(self, node: Node) -> str:
        heads = [head for other in self.dag.dependencies(node.id) if (head := self.results[other].head)]
        if not heads:
            return self.base
        return await self.repository.merge(heads, base=self.base, message=f"Merge the upstreams of {node.id}")

    async def _make_checkout(self, machine: Machine, node: Node) -> str:
        base = await self._start_for(node)
        submodules, clone = (await self.submodules(base)).filled, await self._clone(node)
        workspace = self.connections.workspace(machine)
        return await workspace.prepare(self._paths(node), base=base, clone=clone, submodules=submodules)

    async def _start_for(self, node: Node) -> str:
        """What an earlier attempt collected, else what the task has of an earlier run, else the task's base."""
        earlier = self.results.get(node.id)
        if earlier and earlier.head:
            return earlier.head
        taken_up = await self.taken_up(node)
        return (taken_up and taken_up.commit) or await self.base_for(node)

    async def _clone(self, node: Node) -> Clone:
        """What a task's checkout has besides its branch, which is the same for all that share no earlier branch."""
        taken_up = await self.taken_up(node)
        work = taken_up.work if taken_up and taken_up.is_beside else None
        beside = {work.branch: work.head} if work else {}
        return await _once(self._clones, work.branch if work else "", partial(self._describe, beside))

    async def _describe(self, beside: Mapping[str, str]) -> Clone:
        info = self.folder.info()
        return await clone_of(self.repository, branch=info.base_branch, commit=info.base, also=beside)

    def _paths(self, node: Node) -> SessionPaths:
        return SessionPaths(run=self.folder.run, task=node.id)


async def _once(known: dict[str, asyncio.Task[T]], key: str, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """What the work of that key comes to, whoever asks for it first; after a full disk it is done again."""
    if key not in known:
        known[key] = asyncio.ensure_future(work())
    working = known[key]
    try:
        return await asyncio.shield(working)  # who asked first may be cancelled, the others still wait for it
    except GitDiskFull:  # may go well later
        if known.get(key) is working:
            del known[key]
        raise
