"""Opens hosts. SSH is imported where a machine is reached by it: that takes a quarter of a command's start."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from miyabi.machines.host import Host
from miyabi.machines.local import LocalHost
from miyabi.machines.machine import Machine


def open_host(machine: Machine) -> Host:
    """Makes the host of a machine: this computer, or one over SSH. Connects when the first command comes."""
    if machine.host is None:
        return LocalHost(machine.name)
    from miyabi.machines.ssh.connection import connect  # noqa: PLC0415 - see the module docstring
    from miyabi.machines.ssh.host import SshHost  # noqa: PLC0415 - same

    return SshHost(machine, connect=connect)


@asynccontextmanager
async def opened_host(machine: Machine) -> AsyncIterator[Host]:
    """Makes the host of a machine for the context's time, and closes it then."""
    host = open_host(machine)
    try:
        yield host
    finally:
        await host.close()
