from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from miyabi.sessions import Outcome
from tests.support.cli.sshd_site import Command, Site, make_site
from tests.support.machines.processes import at_most, eventually
from tests.support.prefect.server import RealServer, prefect_database, start_server  # noqa: F401 - a fixture

AWAY_SECONDS = 4


def node(task: str, *upstreams: str, scenario: str = "write") -> dict[str, Any]:
    """A task whose check asks for its file."""
    prompt = f"Do it. [[scenario:{scenario}]]"
    return {"id": task, "prompt": prompt, "dependencies": upstreams, "check": f"test -s {task}.txt"}


EARLY, LATE = ("early-0", "early-1"), ("late-0", "late-1", "late-2")
NODES = [
    *(node(task, scenario="gate:early") for task in EARLY),
    *(node(task, scenario="gate:late") for task in LATE),
    node("after-early", *EARLY),
]
TASKS = [each["id"] for each in NODES]


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory, prefect_database: Path) -> Iterator[RealServer]:
    """A server that these tests may kill."""
    home = tmp_path_factory.mktemp("own-server")
    server = RealServer(home, start_server(home, database=prefect_database))
    yield server
    server.process.end(timeout_seconds=5)


@pytest.fixture
def own_site(tmp_path: Path, own_server: RealServer) -> Iterator[Site]:
    """A site at that server, which runs."""
    own_server.restart()
    with make_site(tmp_path, own_server) as made:
        yield made


def test_killed_and_restarted(own_site: Site) -> None:
    """All sessions end well when the server dies in mid-run, and once more while the last of them end.

    The report does not wait for it, and when it is back it hears of everything, and no slot stays taken.
    """
    command = _running(own_site)
    own_site.server.process.kill()
    own_site.open_gate("early")
    time.sleep(AWAY_SECONDS)
    assert own_site.live(0) | own_site.live(1) >= set(LATE)
    own_site.server.restart()
    eventually(lambda: "after-early: succeeded" in command.output or not command.runs, why=lambda: command.output)
    own_site.server.process.kill()
    own_site.open_gate("late")
    eventually(own_site.run_folder().report_values_file.exists, why=lambda: command.output)
    assert own_site.report().all_succeeded
    assert command.runs
    own_site.server.restart()
    command.succeeds()
    _all_is_well(own_site, command)


def test_away_for_good(own_site: Site) -> None:
    """A server that does not come back costs the run its last step; it says so, and its report is true."""
    command = _running(own_site, MIYABI_RUNS__SERVER_PATIENCE_MINUTES="0.01")
    own_site.open_gate("early")
    eventually(lambda: "after-early: succeeded" in command.output or not command.runs, why=lambda: command.output)
    own_site.server.process.kill()
    own_site.open_gate("late")
    assert command.wait() == 1, command.output
    assert "miyabi: The Prefect server has been away for 0.01 min." in command.output
    assert str(own_site.run_folder().report_file) in command.output
    assert "Traceback" not in command.output
    assert own_site.report().all_succeeded


def test_interrupted_while_it_is_waited_for(own_site: Site) -> None:
    """Ctrl-C leaves at once, where Prefect would ask the server for minutes more; the report is there."""
    command = own_site.orchestrate([node("one", scenario="gate:go")])
    eventually(lambda: own_site.live(0) | own_site.live(1) or not command.runs, why=lambda: command.output)
    own_site.server.process.kill()
    own_site.open_gate("go")
    eventually(own_site.run_folder().report_values_file.exists, why=lambda: command.output)
    command.interrupt()
    assert command.wait(seconds=at_most(30)) == 130
    assert "to go on    miyabi orchestrate --run r1" in command.output
    assert "Traceback" not in command.output
    assert own_site.report().all_succeeded


def _running(own_site: Site, **environment: str) -> Command:
    command = own_site.start("orchestrate", own_site.write_tasks(NODES), "--run", "r1", **environment)
    eventually(
        lambda: own_site.live(0) | own_site.live(1) == {*EARLY, *LATE} or not command.runs, why=lambda: command.output
    )
    return command


def _all_is_well(own_site: Site, command: Command) -> None:
    assert {row.task: row.outcome for row in own_site.report().tasks} == dict.fromkeys(TASKS, Outcome.SUCCEEDED)
    assert {task: own_site.show(task, f"{task}.txt").splitlines()[0] for task in TASKS} == {
        t: f"task {t}" for t in TASKS
    }
    assert {session: len(pids) for session, pids in own_site.watch.starts.items()} == {
        f"r1.{task}.1": 1 for task in TASKS
    }
    assert [own_site.watch.peak[own_site.workspace(index)] for index in (0, 1)] == [3, 2]
    assert [word for word in ("Traceback", "ERROR", "Error logging") if word in command.output] == []
    eventually(lambda: set(own_site.active_slots().values()) == {0}, why=lambda: str(own_site.active_slots()))
    (flow,) = own_site.flow_runs()
    runs = own_site.ask("/task_runs/filter", {"task_runs": {"flow_run_id": {"any_": [flow["id"]]}}})
    assert {flow["state_type"], *(run["state_type"] for run in runs)} == {"COMPLETED"}
