"""The `miyabi` command as a user has it: a repository, two sshd machines, the real claude, a Prefect server: `site`."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from miyabi.machines import Machine
from miyabi.sessions import SessionPaths, Status
from miyabi.sessions.protocol import parse_status
from tests.support.claude.messages_api import MessagesApi, usual_usage
from tests.support.claude.real import claude_binary, claude_environment
from tests.support.cli.process import Command
from tests.support.cli.site import CommandSite
from tests.support.git.repositories import git, make_repository
from tests.support.machines.processes import Watch
from tests.support.machines.sshd import FleetHost, SshdFleet, start_fleet
from tests.support.prefect.server import RealServer

__all__ = ["Command", "Site", "make_site", "site"]

SLOTS = (3, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site(CommandSite):
    """A repository whose configuration names two machines, with 3 and 2 slots and the labels `first` and `second`.

    The first uses an API key, the second a subscription; their account is no other site's.
    """

    fleet: SshdFleet
    api: MessagesApi
    watch: Watch

    @property
    def machines(self) -> tuple[Machine, ...]:
        """The machines as the configuration has them; their names are used by no other test."""
        return tuple(map(self._machine, self.fleet.hosts, SLOTS, ("first", "second")))

    def _machine(self, host: FleetHost, slots: int, label: str) -> Machine:
        sessions = claude_environment(self.api.url, home=host.home, oauth=label == "second")
        sessions |= {"SCRIPTED_GATES": str(self.folder / "gates")}
        claude = str(claude_binary())
        name = f"{self.fleet.tag}-{label}"
        own = {"labels": (label,), "account": self.fleet.tag}
        return host.machine(slots=slots, name=name, **own, claude=claude, environment=sessions)

    def workspace(self, index: int) -> Path:
        """Where the machine of that number keeps everything."""
        return self.fleet[index].home / ".miyabi"

    def open_gate(self, name: str) -> None:
        """Lets the sessions go on that wait for it."""
        (self.folder / "gates" / name).touch()

    def live(self, index: int) -> set[str]:
        """The tasks whose sessions live on the machine of that number."""
        return {session.split(".")[1] for session in self.watch.live(self.workspace(index))}

    def checkout(self, task: str, *, run: str = "r1") -> Path:
        """A task's checkout, on the one machine that has it."""
        (folder,) = self.fleet.folder.glob(f"*/home/.miyabi/checkouts/{run}/{task}/{task}")
        return folder

    def show(self, task: str, file: str, *, run: str = "r1") -> str:
        """A file on a task's branch, in the user's repository."""
        return git(self.repository, "show", f"{SessionPaths(run=run, task=task).branch}:{file}")

    def conversation(self, task: str, *, run: str = "r1") -> str:
        """The id of the conversation of a task's first attempt."""
        return SessionPaths(run=run, task=task).conversation(run_id=self.run_folder(run).info().id)

    def home_output(self, task: str, *, run: str = "r1") -> bytes:
        """What the orchestrator has of the stdout of a task's first attempt."""
        return (self.run_folder(run).attempt(task) / "stdout.jsonl").read_bytes()

    def machine_output(self, task: str, *, run: str = "r1") -> bytes:
        """What the stdout of a task's first attempt was, on the one machine where it ran."""
        session = SessionPaths(run=run, task=task).session
        (file,) = self.fleet.folder.glob(f"*/home/.miyabi/sessions/{session}/out")
        return file.read_bytes()

    def status(self, task: str, *, run: str = "r1") -> Status:
        """What the machine says of a task's first attempt."""
        session = SessionPaths(run=run, task=task).session
        (workspace,) = (path.parents[1] for path in self.fleet.folder.glob(f"*/home/.miyabi/sessions/{session}"))
        (script,) = workspace.glob("bin/supervise-*.sh")
        line = ["/bin/sh", script, workspace, "status", session]
        return parse_status(subprocess.run(line, check=True, capture_output=True, text=True, timeout=240).stdout)[1]

    def flow_runs(self, run: str = "r1") -> list[dict[str, Any]]:
        """The flow runs of that name on this repository, as Prefect has them; the oldest first."""
        named = {"flow_runs": {"name": {"any_": [run]}}, "sort": "EXPECTED_START_TIME_ASC"}
        found = self.ask("/flow_runs/filter", named)
        return [each for each in found if each["parameters"].get("repository") == str(self.repository)]

    def active_slots(self) -> dict[str, int]:
        """How many slots of each machine Prefect counts as taken."""
        names = {f"tag:{machine.slot_tag}" for machine in self.machines}
        limits = self.ask("/v2/concurrency_limits/filter", {"limit": 200})
        return {limit["name"]: limit["active_slots"] for limit in limits if limit["name"] in names}

    def forget_slots(self) -> None:
        """Prefect takes every slot of the machines for free, as one does that lost its memory."""
        for machine in self.machines:
            self.ask(f"/v2/concurrency_limits/tag:{machine.slot_tag}", {"active_slots": 0}, method="PATCH")

    def ask(self, path: str, body: Mapping[str, Any], *, method: str = "POST") -> Any:
        """What Prefect's API answers; None where that is nothing."""
        kind = {"content-type": "application/json"}
        url = f"{self.server.url}{path}"
        return _answer(urllib.request.Request(url, json.dumps(body).encode(), kind, method=method))  # noqa: S310 - loopback


def _answer(request: urllib.request.Request) -> Any:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for patience in range(300, -1, -1):
        try:
            with opener.open(request, timeout=240) as response:
                return json.loads(response.read() or b"null")
        except urllib.error.HTTPError as error:
            if error.code != 503 or not patience:  # SQLite is busy
                raise
        time.sleep(0.2)
    return None


@contextlib.contextmanager
def make_site(
    folder: Path, server: RealServer, *, usage: Callable[[int], Mapping[str, int]] = usual_usage
) -> Iterator[Site]:
    """A site of your own, whose API serves these tokens; nothing that it started runs afterwards."""
    for name in ("home", "gates"):
        (folder / name).mkdir()
    make_repository(folder / "repository")
    with start_fleet(hosts=2) as fleet, MessagesApi(usage=usage) as api, Watch(fleet.folder) as watch:
        site = Site(folder=folder, fleet=fleet, api=api, server=server, watch=watch)
        site.write_config()
        try:
            yield site
        finally:
            for command in site.commands:
                command.kill()


@pytest.fixture
def site(tmp_path: Path, prefect_server: RealServer) -> Iterator[Site]:
    """A site for this test, at the test session's Prefect server."""
    with make_site(tmp_path, prefect_server) as site:
        yield site
