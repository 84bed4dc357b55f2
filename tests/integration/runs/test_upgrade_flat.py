"""A run that the build before the packages was killed in is gone on with: see `tests/cases/upgrade/flat/README.md`."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from miyabi.git import Repository
from miyabi.machines import Machine
from miyabi.sessions import Outcome, State, Status
from miyabi.sessions.protocol import parse_status
from tests.support.cli.site import CommandSite
from tests.support.git.repositories import git
from tests.support.machines.processes import eventually
from tests.support.prefect.server import RealServer, prefect_database, prefect_server  # noqa: F401 - fixtures
from tests.support.values.recorded_run import call, copy_filled, fill

CASES = Path(__file__).parents[2] / "cases" / "upgrade" / "flat"
RECORDED = (CASES / "run/sessions/live/attempt-1/stdout.jsonl").read_bytes()
MACHINE = "upgraded-mini"
LIMIT = f"tag:slot:{MACHINE}"
TASKS = ("done", "live", "next")


class UpgradedSite(CommandSite):
    """The recorded run, its machine and its flow run, as the killed orchestrator left them; `live` is alive."""

    @property
    def machines(self) -> tuple[Machine, ...]:
        """The recorded one."""
        program, workspace = str(self.folder / "bin" / "claude"), str(self.workspace)
        return (Machine(name=MACHINE, slots=3, claude=program, workspace=workspace),)

    @property
    def workspace(self) -> Path:
        """Where the machine keeps everything."""
        return self.folder / "machine"

    @property
    def starts(self) -> list[str]:
        """The sessions whose claude was started, each time that it was."""
        return (self.folder / "bin" / "starts").read_text().split()

    async def stand_up(self) -> None:
        """Makes all of it; returns when the machine is where it was at the kill."""
        for name in ("home", "bin", "machine"):
            (self.folder / name).mkdir()
        shutil.copy(CASES / "claude", self.folder / "bin" / "claude")
        (self.folder / "bin" / "claude").chmod(0o755)
        shutil.copytree(CASES / "bin", self.workspace / "bin")
        git(self.folder, "clone", "-q", str(CASES / "repository.bundle"), str(self.repository), "-b", "main")
        git(self.repository, "fetch", "-q", "origin", "refs/heads/miyabi/*:refs/heads/miyabi/*")
        git(self.repository, "remote", "remove", "origin")
        self.write_config()
        key = (await Repository.open(self.repository)).key
        values = {"@FOLDER@": str(self.folder), "@KEY@": key, "@LEASE@": self._lease()}
        copy_filled(CASES / "run", self.run_folder().path, values)
        self._add_flow_run(json.loads(fill((CASES / "flow_run.json").read_text(), values)))
        for asked in json.loads((CASES / "asked.json").read_text(encoding="utf-8")):
            self._ask_machine(asked, values)
        eventually(lambda: self.status("live").out_bytes == len(RECORDED))

    def status(self, task: str) -> Status:
        """What the old script says of a task's session."""
        (script,) = (CASES / "bin").glob("supervise-*.sh")
        return parse_status(call(str(script), str(self.workspace), "status", f"r1.{task}.1").decode())[1]

    def machine_output(self, task: str) -> bytes:
        """What the session of a task has printed."""
        return (self.workspace / "sessions" / f"r1.{task}.1" / "out").read_bytes()

    def open_gate(self) -> None:
        """Lets `live` end."""
        (self.folder / "bin" / "gate").touch()

    def _ask_machine(self, asked: dict[str, Any], values: dict[str, str]) -> None:
        parts = [_bytes(fill(part, values)) for part in asked["stdin"]]
        sizes = {f"@{number}@": str(len(part)) for number, part in enumerate(parts)}
        words = [fill(word, values | sizes) for word in asked["words"]]
        if "collect" in words:
            eventually(lambda: self.status("done").state is State.EXITED)
        call(*words, stdin=b"".join(parts))

    def _lease(self) -> str:
        """A slot that the killed orchestrator holds, and for long."""
        if not self._limits():
            self.ask("/v2/concurrency_limits/", {"name": LIMIT, "limit": 3})
        wanted = {"names": [LIMIT], "slots": 1, "mode": "concurrency", "lease_duration": 3600}
        return str(self.ask("/v2/concurrency_limits/increment-with-lease", wanted)["lease_id"])

    def _limits(self) -> list[dict[str, Any]]:
        found = self.ask("/v2/concurrency_limits/filter", {"limit": 200})
        return [limit for limit in found if limit["name"] == LIMIT]

    @property
    def active_slots(self) -> int:
        """How many slots of the machine Prefect counts as taken."""
        return int(self._limits()[0]["active_slots"])

    def _add_flow_run(self, recorded: dict[str, Any]) -> None:
        flow = self.ask("/flows/", {"name": "run-dag"})["id"]
        state = {"type": recorded.pop("state_type"), "name": recorded.pop("state_name")}
        made = self.ask("/flow_runs/", recorded | {"flow_id": flow})["id"]
        self.ask(f"/flow_runs/{made}/set_state", {"state": state, "force": True})

    def flow_run_states(self) -> list[str]:
        """The states of the flow runs on this repository, the oldest first."""
        named = {"flow_runs": {"name": {"any_": ["r1"]}}, "sort": "EXPECTED_START_TIME_ASC"}
        found = self.ask("/flow_runs/filter", named)
        return [each["state_type"] for each in found if each["parameters"].get("repository") == str(self.repository)]


def _bytes(part: str) -> bytes:
    return base64.b64decode(part[7:]) if part.startswith("base64:") else part.encode()


@pytest.fixture
async def upgraded(tmp_path: Path, prefect_server: RealServer) -> AsyncIterator[UpgradedSite]:
    """The run of the build before, cut short."""
    upgraded = UpgradedSite(folder=tmp_path, server=prefect_server)
    try:
        await upgraded.stand_up()
        yield upgraded
    finally:
        for command in upgraded.commands:
            command.kill()
        upgraded.open_gate()


def goes_on(upgraded: UpgradedSite) -> None:
    """The command joins the session that lives, which ends then, and comes to its end."""
    again = upgraded.start("orchestrate", "--run", "r1")
    eventually(lambda: "live: running" in again.output or not again.runs, why=lambda: again.output)
    assert (upgraded.status("live").state, upgraded.starts) == (State.RUNNING, ["r1.done.1", "r1.live.1"]), again.output
    upgraded.open_gate()
    again.succeeds()


def goes_on_later(upgraded: UpgradedSite) -> None:
    """The session has ended when the command comes."""
    upgraded.open_gate()
    eventually(lambda: upgraded.status("live").state is State.EXITED)
    upgraded.start("orchestrate", "--run", "r1").succeeds()


WHOLE, IN_A_LETTER = len(RECORDED), RECORDED.index("分".encode()) + 1


@pytest.mark.parametrize(
    ("go_on", "have"), [(goes_on, WHOLE), (goes_on, IN_A_LETTER), (goes_on_later, WHOLE), (goes_on_later, 0)]
)
def test_goes_on(upgraded: UpgradedSite, go_on: Callable[[UpgradedSite], None], have: int) -> None:
    """Nothing is started twice, no byte is lost or there twice, wherever our copy of the output broke off."""
    folder = upgraded.run_folder()
    (folder.attempt("live") / "stdout.jsonl").write_bytes(RECORDED[:have])
    done = (folder.attempt("done") / "result.json").read_bytes()
    go_on(upgraded)
    assert upgraded.starts == [f"r1.{task}.1" for task in TASKS]
    outputs = {task: (folder.attempt(task) / "stdout.jsonl").read_bytes() for task in TASKS}
    assert outputs == {task: upgraded.machine_output(task) for task in TASKS}
    assert outputs["live"].startswith(RECORDED)
    assert (folder.attempt("done") / "result.json").read_bytes() == done
    _work_is_collected(upgraded)
    _report_is_whole(upgraded)
    assert upgraded.flow_run_states() == ["CRASHED", "COMPLETED"]
    eventually(lambda: upgraded.active_slots == 0)
    assert folder.leases_file.read_text() == ""
    _sweeps(upgraded)


def _work_is_collected(upgraded: UpgradedSite) -> None:
    whole = {f"{task}{kind}.txt" for task in TASKS for kind in ("", "-open")}
    assert whole < set(git(upgraded.repository, "ls-tree", "--name-only", "miyabi/r1/_integration").split())
    for task in TASKS:
        said = git(upgraded.repository, "log", "--format=%s", "-2", f"miyabi/r1/{task}").split("\n")
        assert said == [f"Salvage uncommitted work of {task}", f"Do {task}"]
    seen = git(upgraded.repository, "show", "miyabi/r1/next:next.txt").split()
    assert set(seen) >= {"done.txt", "done-open.txt", "live.txt", "live-open.txt"}


def _report_is_whole(upgraded: UpgradedSite) -> None:
    report = upgraded.report()
    assert {row.task: row.outcome for row in report.tasks} == dict.fromkeys(TASKS, Outcome.SUCCEEDED)
    results = upgraded.run_folder().latest_results()
    assert {task: (r.attempt, r.turns, r.changes.salvaged) for task, r in results.items()} == dict.fromkeys(
        TASKS, (1, 2, True)
    )
    assert all(f"| {task}" in upgraded.run_folder().report_file.read_text() for task in TASKS)


def _sweeps(upgraded: UpgradedSite) -> None:
    upgraded.start("sweep", "r1").succeeds()
    assert [path for path in upgraded.workspace.rglob("*") if path.name.startswith("r1")] == []
