"""Opens hosts. SSH is imported where a machine is reached by it: that takes a quarter of a command's start."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from miyabi.machines.host import Host
from miyabi.machines.local import LocalHost
from miyabi.machines.machine import Machine
from miyabi.machines.quoting import command_line
from miyabi.system import clean_environment, in_terminal


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


def run_in_terminal(machine: Machine, words: Sequence[str]) -> int:
    """Runs a command on a machine in our terminal, and blocks meanwhile; returns its exit status, as a shell has it.

    It goes the user's own way there: OpenSSH, told by the machine's fields what `open_host` is told. Here it has the
    environment that `open_host` gives it, and what is said of the terminal.

    Raises:
        OSError: it cannot be started.
        ValueError: a word holds a line break or NUL.
    """
    line = command_line(words)
    if machine.host is None:
        terminal = {name: os.environ[name] for name in ("TERM", "COLORTERM") if name in os.environ}
        return in_terminal(["/bin/sh", "-c", line], env=clean_environment(os.environ) | terminal)
    from miyabi.machines.ssh.target import terminal_flags  # noqa: PLC0415 - see the module docstring

    return in_terminal(["ssh", "-t", *terminal_flags(machine.ssh), "--", machine.host, line], env=os.environ)
