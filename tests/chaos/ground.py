"""Where trials are made: two sshd machines and a Prefect server for all of them, a repository for each."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flows.cli.local_server import client_settings
from miyabi.machines import Machine
from tests.chaos.forked import ForkedCommand
from tests.support.cli.canary import Canary
from tests.support.cli.process import TRUST
from tests.support.cli.site import CommandSite
from tests.support.git.repositories import make_repository
from tests.support.github.emulate import serve_emulate
from tests.support.github.github import GitHub, serve_github
from tests.support.machines.processes import Watch
from tests.support.machines.sshd import SshdFleet, start_fleet
from tests.support.prefect.api import ask
from tests.support.prefect.server import RealServer, start_server

AGENT = Path(__file__).with_name("agent.sh")
SLOTS = (2, 1)
RUN = "r1"
NODES = (("a", ()), ("b", ()), ("c", ("a",)))
_QUIET = {"PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL", "PREFECT_INTERNAL_LOGGING_LEVEL": "CRITICAL"}
_DISK = "size=64m,mode=777"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What all trials share. `disk` is a small one, mounted before there were sshd processes."""

    folder: Path
    fleet: SshdFleet
    server: RealServer
    disk: Path
    until_over: contextlib.ExitStack
    mortals: list[RealServer] = field(default_factory=list)
    hubs: list[GitHub] = field(default_factory=list)

    def mortal_server(self) -> RealServer:
        """A second server, which may be killed; it runs."""
        if not self.mortals:
            self.mortals.append(_server(self.folder, "mortal"))
        self.mortals[0].restart()
        return self.mortals[0]

    def github(self) -> GitHub:
        """A GitHub for all trials that publish."""
        if not self.hubs:
            peer = self.until_over.enter_context(serve_emulate(self.folder))
            self.hubs.append(self.until_over.enter_context(serve_github(peer)))
        return self.hubs[0]

    @contextlib.contextmanager
    def trial(self, name: str, dice: random.Random, *, is_server_mortal: bool = False) -> Iterator[Trial]:
        """A repository and its configuration; no process of it lives afterwards, its folder stays."""
        server = self.mortal_server() if is_server_mortal else self.server
        folder = self.folder / name
        (folder / "home").mkdir(parents=True)
        make_repository(folder / "repository")
        secret = f"canary-{dice.getrandbits(64):016x}"
        with contextlib.ExitStack() as stack, Watch(self.folder) as watch, Canary(secret) as canary:
            trial = Trial(
                folder=folder,
                server=server,
                fleet=self.fleet,
                watch=watch,
                canary=canary,
                secret=secret,
                dice=dice,
                until_over=stack,
            )
            try:
                yield trial
            finally:
                for command in trial.commands:
                    command.kill()
                for pid in trial.processes():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, 9)


@dataclass(frozen=True, kw_only=True)
class Trial(CommandSite):
    """One small run: three tasks of two levels on two machines, whose sessions note what they do."""

    fleet: SshdFleet
    watch: Watch
    canary: Canary
    secret: str
    dice: random.Random
    until_over: contextlib.ExitStack
    options: dict[str, Any] = field(default_factory=dict)
    """What a fault sets before the run begins: `workspaces` by machine, the sessions' `environment`, `tables` of the
    settings, and the `server_url` that commands use."""

    @property
    def machines(self) -> tuple[Machine, ...]:
        """The machines; their names, and so their slots at the server, are of this trial alone."""
        return tuple(self._machine(index) for index in range(len(SLOTS)))

    def _machine(self, index: int) -> Machine:
        environment = {"CHAOS_NOTES": str(self.folder / "notes"), "CHAOS_SECONDS": "0.2", "CHAOS_LEAVES": ""}
        environment |= {"DB_PASSWORD": self.secret} | self.options.get("environment", {})
        name = f"{self.fleet.tag}-{self.folder.name}-{index}"
        workspace = str(self.workspace(index))
        return self.fleet[index].machine(
            slots=SLOTS[index], name=name, workspace=workspace, claude=str(AGENT), environment=environment
        )

    def workspace(self, index: int) -> Path:
        """Where the machine of that number keeps everything."""
        return self.options.get("workspaces", {}).get(index) or self.folder / f"machine-{index}"

    @property
    def environment(self) -> dict[str, str]:
        """That of a command, with what it would set itself before it imports Prefect."""
        home = {"PREFECT_HOME": str(self.folder / "home" / ".prefect")}
        return {
            **super().environment,
            **client_settings(self.options.get("server_url", self.server.url)),
            **_QUIET,
            **home,
            **TRUST,
        }

    def start(self, *words: str | Path, program: str = "miyabi", **environment: str) -> ForkedCommand:
        """A command that runs in the repository from now on."""
        log = self.folder / f"{len(self.commands)}-{words[0]}.log"
        own = self.environment | environment
        command = ForkedCommand(words, environment=own, folder=self.repository, log=log)
        self.commands.append(command)
        return command

    def press(self, *words: str, **environment: str) -> ForkedCommand:
        """`miyabi orchestrate` with the tasks."""
        tables = {"runs": {"retry_delay_seconds": 0}} | self.options.get("tables", {})
        self.write_config(**tables)
        check = "echo password $DB_PASSWORD; test -e done-$MIYABI_SESSION"
        nodes = [{"id": task, "prompt": f"Do {task}.", "dependencies": above, "check": check} for task, above in NODES]
        return self.orchestrate(nodes, *words, run=RUN, **environment)

    @property
    def notes(self) -> list[tuple[str, str, str]]:
        """What the sessions did, in order: `began`, `committed` or `left`; the session; pid, commit or file."""
        file = self.folder / "notes"
        lines = file.read_text().splitlines() if file.exists() else []
        return [(kind, session, what) for kind, session, what in map(str.split, lines)]

    @property
    def starts(self) -> Counter[str]:
        """How often each session began."""
        return Counter(session for kind, session, _ in self.notes if kind == "began")

    def supervisors(self, index: int) -> dict[str, int]:
        """Those that live on the machine of that number: the process that attends to a session, by its name."""
        files = self.workspace(index).glob("sessions/*/claim")
        pids = {file.parent.name: int((file.read_text().split() or ["0"])[0]) for file in files}
        return {session: pid for session, pid in pids.items() if _supervises(pid, session)}

    def processes(self, index: int | None = None) -> set[int]:
        """Those that work for its sessions, on all machines or one: by their environment, or as a supervisor."""
        indexes = range(len(SLOTS)) if index is None else [index]
        found = {pid for each in indexes for pid in self.supervisors(each).values()}
        places = [str(self.workspace(each)).encode() for each in indexes]
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                environment = (process / "environ").read_bytes()
                if any(b"MIYABI_WORKSPACE=" + place + b"\0" in environment for place in places):
                    found.add(int(process.name))
        return found

    def active_slots(self) -> dict[str, int]:
        """How many slots of each machine Prefect counts as taken."""
        names = {f"tag:{machine.slot_tag}" for machine in self.machines}
        limits = ask(f"{self.server.url}/v2/concurrency_limits/filter", {"limit": 200, "offset": 0})
        return {limit["name"]: limit["active_slots"] for limit in limits if limit["name"] in names}


def _supervises(pid: int, session: str) -> bool:
    with contextlib.suppress(OSError):
        return f"miyabi supervise {session}".encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


@contextlib.contextmanager
def made_ground(folder: Path) -> Iterator[Ground]:
    """The machines and the server, which are gone afterwards."""
    disk = folder / "disk"
    with mounted(disk), start_fleet(hosts=len(SLOTS)) as fleet, contextlib.ExitStack() as stack:
        server = _server(folder, "server")
        os.environ.update(
            {**client_settings(server.url), **_QUIET, "PREFECT_HOME": str(server.home / "client"), **TRUST}
        )
        ground = Ground(folder=folder, fleet=fleet, server=server, disk=disk, until_over=stack)
        try:
            yield ground
        finally:
            for each in (server, *ground.mortals):
                each.process.end(timeout_seconds=10)


def _server(folder: Path, name: str) -> RealServer:
    (home := folder / name).mkdir()
    return RealServer(home, start_server(home, database=folder / "prefect.db"))


@contextlib.contextmanager
def mounted(disk: Path) -> Iterator[None]:
    """A small disk at that folder; takes root."""
    disk.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", _DISK, "tmpfs", str(disk)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
