"""Real sshd machines for tests: `sshd_fleet` (two for the whole session) and `start_fleet` (your own)."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from miyabi.machines import Machine
from miyabi.machines.machine import SshConfig

SCRIPT = Path(__file__).with_name("sshd.sh")
_CLONE_NEWNET = 0x40000000


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetHost:
    """One machine of a fleet: a real sshd with a home, keys and a log of its own."""

    fleet: SshdFleet
    name: str
    address: str
    port: int
    user: str

    @property
    def folder(self) -> Path:
        """Where its home, keys, sshd_config and log lie."""
        return self.fleet.folder / self.name

    @property
    def home(self) -> Path:
        """What `$HOME` is there."""
        return self.folder / "home"

    @property
    def log(self) -> str:
        """All that its sshd has logged (LogLevel VERBOSE)."""
        return (self.folder / "sshd.log").read_text(errors="replace")

    @property
    def identity(self) -> Path:
        """The private key that it lets in."""
        return self.fleet.folder / "client" / f"id_{self.name}"

    @property
    def host_key(self) -> str:
        """Type and base64 of its host key."""
        return " ".join((self.folder / "hostkey.pub").read_text().split()[:2])

    @property
    def place(self) -> str:
        """Its name in known_hosts."""
        return self.address if self.port == 22 else f"[{self.address}]:{self.port}"

    def machine(self, *, slots: int = 1, workspace: str = "~/.miyabi", **fields: Any) -> Machine:
        """The machine as a user would configure it; `ssh` and other fields may be given."""
        own = {"name": self.name, "host": self.name, "slots": slots, "workspace": workspace}
        return Machine(**own | {"ssh": SshConfig(config_file=str(self.fleet.config))} | fields)

    def connections(self) -> int:
        """How many TCP connections its sshd has seen, including one by the fleet's own start."""
        return self.log.count("Connection from ")

    def link_down(self) -> None:
        """From now on nothing arrives, and nobody is told."""
        self.fleet.command("link", self.name, "down")

    def link_up(self) -> None:
        """What waited arrives."""
        self.fleet.command("link", self.name, "up")

    def stop_sshd(self) -> None:
        """No new connections; those that are open go on."""
        self.fleet.command("sshd", self.name, "stop")

    def start_sshd(self) -> None:
        """Listens again."""
        self.fleet.command("sshd", self.name, "start")

    def restart_sshd(self) -> None:
        """Every connection dies and sshd starts anew; detached processes live on."""
        self.fleet.command("sshd", self.name, "restart")

    def kill_connections(self) -> None:
        """SIGKILL to the sshd processes of all open connections; the listener stays."""
        self.fleet.command("sshd", self.name, "killconns")

    def reboot(self, *, stay_off: bool = False) -> None:
        """Power-cycle (netns mode): every process dies at once, new boot id."""
        self.fleet.command("reboot", self.name, *(["off"] if stay_off else []))

    def boot(self) -> None:
        """Power on after `reboot(stay_off=True)`."""
        self.fleet.command("boot", self.name)

    def small_disk(self, path: str, *, size: str) -> None:
        """A small file system at `$HOME/path` (netns mode)."""
        self.fleet.command("tmpfs", self.name, path, size)


@dataclass(frozen=True, slots=True, kw_only=True)
class SshdFleet:
    """Machines h1, h2 … and one SSH client configuration that knows them."""

    folder: Path
    mode: str
    tag: str
    ports: tuple[int, ...]
    count: int

    @property
    def config(self) -> Path:
        """OpenSSH client configuration with an alias a machine."""
        return self.folder / "client" / "config"

    @property
    def known_hosts(self) -> Path:
        """The host keys of all machines."""
        return self.folder / "client" / "known_hosts"

    @property
    def hosts(self) -> tuple[FleetHost, ...]:
        """All machines, in order."""
        return tuple(self._host(k) for k in range(1, self.count + 1))

    def __getitem__(self, index: int) -> FleetHost:
        return self.hosts[index]

    def _host(self, number: int) -> FleetHost:
        user = self.config.read_text().split("User ")[1].split()[0]
        netns = self.mode == "netns"
        address, port = (f"10.77.0.{10 + number}", 22) if netns else ("127.0.0.1", self.ports[number - 1])
        return FleetHost(fleet=self, name=f"h{number}", address=address, port=port, user=user)

    def command(self, *words: str, **environment: str) -> str:
        """One command of sshd.sh; AssertionError with what it said when it fails."""
        own = {"FLEET_DIR": self.folder, "FLEET_MODE": self.mode, "FLEET_TAG": self.tag}
        ports = " ".join(map(str, self.ports))
        with tempfile.TemporaryFile() as said:  # a pipe would stay open in the daemons it starts
            done = subprocess.run(
                ["bash", str(SCRIPT), *words],
                env=os.environ | {k: str(v) for k, v in own.items()} | {"FLEET_PORTS": ports} | environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                timeout=240,
                check=False,
            )
            said.seek(0)
            text = said.read().decode(errors="replace").strip()
        assert done.returncode == 0, f"sshd.sh {' '.join(words)}: {text}"
        return text

    @contextlib.contextmanager
    def network(self) -> Iterator[None]:
        """The calling thread is in the fleet's network: needed to connect in netns mode, nothing otherwise."""
        if self.mode != "netns":
            yield
            return
        with Path("/proc/thread-self/ns/net").open() as before, Path(f"/run/netns/{self.tag}-ctl").open() as there:
            _enter_network(there.fileno())
            try:
                yield
            finally:
                _enter_network(before.fileno())


def _enter_network(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def _free_ports(count: int) -> tuple[int, ...]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for s in sockets:
            s.bind(("127.0.0.1", 0))
        return tuple(s.getsockname()[1] for s in sockets)


def _sweep_abandoned(parent: Path) -> None:
    """Ends the fleets of test runs that were killed before they could."""
    for folder in parent.glob("miyabi-fleet-*"):
        mode, pid, *_ = folder.name.removeprefix("miyabi-fleet-").split("-")
        if pid.isdigit() and not alive(int(pid)):
            with contextlib.suppress(AssertionError, OSError):
                SshdFleet(folder=folder, mode=mode, tag="-", ports=(), count=0).command("down")
            shutil.rmtree(folder, ignore_errors=True)


def alive(pid: int) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextlib.contextmanager
def start_fleet(
    *, hosts: int = 2, mode: str = "loopback", sshd_options: Sequence[str] = (), **environment: str
) -> Iterator[SshdFleet]:
    """A fleet of your own, gone without a trace afterwards. `sshd_options` are lines of sshd_config."""
    parent = Path(tempfile.gettempdir())
    _sweep_abandoned(parent)
    folder = Path(tempfile.mkdtemp(prefix=f"miyabi-fleet-{mode}-{os.getpid()}-", dir=parent)).resolve()
    fleet = SshdFleet(folder=folder, mode=mode, tag=f"mf{folder.name[-8:]}", ports=_free_ports(hosts), count=hosts)
    try:
        fleet.command("up", str(hosts), FLEET_SSHD_OPTS=";".join(sshd_options), **environment)
        yield fleet
    finally:
        if (folder / "state").exists():
            fleet.command("down")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def sshd_fleet() -> Iterator[SshdFleet]:
    """Two real sshd machines on loopback for the whole test session. No sshd: the tests fail, saying so."""
    with start_fleet(hosts=2) as fleet:
        yield fleet


def can_make_namespaces() -> bool:
    """Whether netns mode works here: root on Linux with CAP_NET_ADMIN."""
    if os.geteuid() or not shutil.which("ip") or not shutil.which("unshare"):
        return False
    return not subprocess.run(["unshare", "--net", "--mount", "true"], check=False, capture_output=True).returncode
