"""Machines for SSH tests: an alias with any ssh_config options, and what connecting to it comes to."""

from __future__ import annotations

import asyncio
import gc
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from miyabi.errors import MachineError
from miyabi.machines import Machine
from miyabi.machines.machine import SshConfig
from miyabi.machines.ssh.connection import connect
from miyabi.machines.ssh.host import SshHost
from tests.support.machines.sshd import FleetHost, SshdFleet


def machine(folder: Path, /, *, more: str = "", **options: object) -> Machine:
    """A machine `m` whose alias has these options; `more` is further ssh_config text."""
    config = folder / "ssh_config"
    lines = "".join(f"  {keyword} {value}\n" for keyword, value in options.items())
    config.write_text(f"Host m\n{lines}{more}")
    return Machine(name="m", host="m", ssh=SshConfig(config_file=str(config)))


def like(host: FleetHost, folder: Path, /, *, more: str = "", **options: object) -> Machine:
    """A machine `m` that is this host, with some options otherwise; None leaves one out."""
    usual: dict[str, object] = {
        "HostName": host.address,
        "Port": host.port,
        "User": host.user,
        "IdentityFile": host.identity,
        "IdentitiesOnly": "yes",
        "UserKnownHostsFile": host.fleet.known_hosts,
        "GlobalKnownHostsFile": "none",
    }
    given = {keyword: value for keyword, value in (usual | options).items() if value is not None}
    return machine(folder, more=more, **given)


def hop(fleet: SshdFleet, number: int, /, *, alias: str = "", **options: object) -> str:
    """ssh_config text for a host of the fleet as a jump host, some options otherwise."""
    host = fleet[number]
    usual = {
        "HostName": host.address,
        "Port": host.port,
        "User": host.user,
        "IdentityFile": host.identity,
        "IdentitiesOnly": "yes",
        "UserKnownHostsFile": fleet.known_hosts,
    }
    lines = "".join(f"  {keyword} {value}\n" for keyword, value in (usual | options).items())
    return f"Host {alias or host.name}\n{lines}"


@asynccontextmanager
async def host_at(where: Machine, *, retry_seconds: float = 0) -> AsyncIterator[SshHost]:
    """A host that gives up at its first failure, unless told otherwise."""
    host = SshHost(where, connect=connect, retry_seconds=retry_seconds)
    try:
        yield host
    finally:
        await host.close()


async def failure(where: Machine) -> MachineError:
    """How the first command fails. Every message names the machine and a command to try."""
    async with host_at(where) as host:
        with pytest.raises(MachineError) as caught:
            await host.run(["true"])
    error = caught.value
    assert str(error).startswith("m"), error
    assert "ssh" in str(error), error
    assert error.machine == "m"
    return error


async def until(condition: Callable[[], object]) -> None:
    """Returns when it holds; the test's time limit ends a wait in vain."""
    while not condition():
        await asyncio.sleep(0.02)


@pytest.fixture
async def proxies_end() -> AsyncIterator[None]:
    """Waits for the exit of the test's proxy commands: asyncssh (2.24) ends them, and does not wait."""
    yield
    loop = asyncio.get_running_loop()
    await until(lambda: all(child.get_returncode() is not None for child in _children(loop)))


def _children(loop: asyncio.AbstractEventLoop) -> list[asyncio.SubprocessTransport]:
    """The processes that this loop has started; those of other tests' loops, which are closed, never get a status."""
    every = [each for each in gc.get_objects() if issubclass(type(each), asyncio.SubprocessTransport)]
    return [each for each in every if getattr(each, "_loop", None) is loop]


async def works(where: Machine) -> bool:
    """Whether a command runs there."""
    async with host_at(where) as host:
        return (await host.run(["echo", "ok"])).stdout == b"ok\n"


def make_key(path: Path, *, kind: str = "ed25519", passphrase: str = "") -> Path:
    """A new private key, its public one beside it."""
    keygen("-q", "-t", kind, "-N", passphrase, "-C", path.name, "-f", path)
    return path


def keygen(*words: str | Path) -> str:
    """What ssh-keygen says."""
    command = ["ssh-keygen", *map(str, words)]
    return subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout


def ssh_knows(name: str, file: Path) -> bool:
    """Whether ssh-keygen finds a line for the name in a known_hosts file."""
    words = ["ssh-keygen", "-F", name, "-f", str(file)]
    return subprocess.run(words, check=False, stdin=subprocess.DEVNULL, capture_output=True).returncode == 0


def public(key: Path) -> str:
    """Type and base64 of the public key beside a private one."""
    return " ".join(key.with_name(f"{key.name}.pub").read_text().split()[:2])


def fingerprint(key: Path) -> str:
    """SHA256:… of the public key beside a private one, by ssh-keygen."""
    return keygen("-l", "-f", f"{key}.pub").split()[1]
