"""A run while it runs: what its tasks share, and what a restarted orchestrator finds again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from miyabi.dag import Dag, Node
from miyabi.host import Host
from miyabi.hosts import open_host
from miyabi.machine import Machine
from miyabi.progress import Board
from miyabi.prompt import compose
from miyabi.repository import Repository
from miyabi.run_folder import RunFolder
from miyabi.session import SessionPaths, SessionResult, SessionSpec
from miyabi.settings import Settings
from miyabi.specs import spec_for
from miyabi.workspace import Workspace


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
    rehearse: bool = False
    results: dict[str, SessionResult] = field(default_factory=dict)
    _hosts: dict[str, Host] = field(default_factory=dict)
    _workspaces: dict[str, Workspace] = field(default_factory=dict)
    _bases: dict[str, asyncio.Task[str]] = field(default_factory=dict)

    @property
    def machines(self) -> Mapping[str, Machine]:
        """The fleet by name."""
        return {m.name: m for m in self.settings.machines}

    def host(self, machine: Machine) -> Host:
        """The one connection to a machine."""
        if machine.name not in self._hosts:
            self._hosts[machine.name] = open_host(machine)
        return self._hosts[machine.name]

    def workspace(self, machine: Machine) -> Workspace:
        """Where this repository's code is on a machine."""
        if machine.name not in self._workspaces:
            self._workspaces[machine.name] = Workspace(
                self.host(machine), self.repository, workspace=machine.workspace
            )
        return self._workspaces[machine.name]

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
        return await asyncio.shield(self._bases[node.id])

    async def _merge_upstream(self, node: Node) -> str:
        heads = [result.head for result in self.upstream(node) if result.head]
        if not heads:
            return self.base
        return await self.repository.merge(heads, base=self.base, message=f"Merge the upstreams of {node.id}")

    async def spec(self, node: Node, *, attempt: int, resume: bool) -> SessionSpec:
        """The spec of one attempt. Raises as `base_for`."""
        return spec_for(
            node,
            self.settings,
            run=self.run,
            attempt=attempt,
            prompt=compose(node, upstream=self.upstream(node)),
            base=await self.base_for(node),
            author=self.author,
            resume=resume,
            rehearse=self.rehearse,
        )

    async def prepare(self, machine: Machine, node: Node) -> None:
        """Makes a task's worktree ahead of its turn, so that it starts the moment a slot is free."""
        paths = SessionPaths(run=self.run, task=node.id)
        await self.workspace(machine).prepare(paths, base=await self.base_for(node))

    async def abandon(self, machine: Machine, node: Node) -> None:
        """Removes what `prepare` made on a machine where the task did not run after all."""
        await self.workspace(machine).remove(SessionPaths(run=self.run, task=node.id))

    async def close(self) -> None:
        """Gives back every connection; what runs on the machines goes on."""
        await asyncio.gather(*(host.close() for host in self._hosts.values()), return_exceptions=True)
        self._hosts.clear()
        self._workspaces.clear()
