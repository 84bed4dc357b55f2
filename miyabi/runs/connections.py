"""A run's connections to its machines, and for how long one that is away is waited for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from miyabi.git import Repository
from miyabi.machines import Host, Machine, open_host
from miyabi.sessions import Workspace


class Connections:
    """The machines' connections, and this repository's workspaces on them."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._hosts: dict[str, Host] = {}
        self._workspaces: dict[str, Workspace] = {}

    def host(self, machine: Machine) -> Host:
        """Returns the one connection to a machine."""
        if machine.name not in self._hosts:
            self._hosts[machine.name] = open_host(machine)
        return self._hosts[machine.name]

    def workspace(self, machine: Machine) -> Workspace:
        """Returns where the repository's code is on a machine."""
        if machine.name not in self._workspaces:
            workspace = Workspace(self.host(machine), self._repository, workspace=machine.workspace)
            self._workspaces[machine.name] = workspace
        return self._workspaces[machine.name]

    async def close(self) -> None:
        """Gives back every connection; what runs on the machines goes on."""
        await asyncio.gather(*(host.close() for host in self._hosts.values()), return_exceptions=True)
        self._hosts.clear()
        self._workspaces.clear()


class Outages:
    """Since when machines have not answered, and `patience_seconds`: after them they are lost."""

    def __init__(self, *, patience_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.patience_seconds = patience_seconds
        self._clock = clock
        self._since: dict[str, float] = {}

    def within_grace(self, machine: str) -> bool:
        """Returns whether it may come back yet, now that it does not answer."""
        now = self._clock()
        return now - self._since.setdefault(machine, now) < self.patience_seconds

    def end(self, machine: str) -> None:
        """Notes that the machine answers."""
        self._since.pop(machine, None)
