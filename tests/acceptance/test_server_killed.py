from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from miyabi.session import Outcome
from tests.support.machine_watch import eventually
from tests.support.orchestrated import Command, Site, make_site
from tests.support.prefect_server import RealServer, prefect_database, start_server  # noqa: F401 - a fixture

AWAY_SECONDS = 4


def node(task: str, *upstreams: str, scenario: str = "write") -> dict[str, Any]:
    """A task whose check asks for its file."""
    prompt = f"Do it. [[scenario:{scenario}]]"
    return {"id": task, "prompt": prompt, "dependencies": upstreams, "check": f"test -s {task}.txt"}


EARLY, LATE = ("early-0", "early-1"), ("late-0", "late-1", "late-2")
SESSIONS = [
    *(node(task, scenario="gate:early") for task in EARLY),
    *(node(task, scenario="gate:late") for task in LATE),
]


@pytest.fixture
def site(tmp_path: Path, prefect_database: Path) -> Iterator[Site]:
    """A site with a Prefect server of its own, which may be killed."""
    home, folder = tmp_path / "server", tmp_path / "site"
    for each in (home, folder):
        each.mkdir()
    server = RealServer(home, start_server(home, database=prefect_database))
    try:
        with make_site(folder, server) as made:
            yield made
    finally:
        server.process.end(timeout_seconds=5)


@pytest.mark.timeout(180)
def test_killed_and_restarted(site: Site) -> None:
    """All sessions end well when the server is gone for seconds in mid-run, and no slot stays taken."""
    nodes = [*SESSIONS, node("after-early", *EARLY), node("after-all", *EARLY, *LATE)]
    command = _running(site, nodes)
    site.server.process.kill()
    site.open_gate("early")
    time.sleep(AWAY_SECONDS)
    assert site.live(0) | site.live(1) >= set(LATE)
    site.server.restart()
    eventually(lambda: "after-early: running" in command.output or not command.runs, why=lambda: command.output)
    site.open_gate("late")
    command.succeeds()
    _all_is_well(site, command, nodes)


@pytest.mark.timeout(180)
def test_away_until_the_sessions_have_ended(site: Site) -> None:
    """The report does not wait for a server that is away; it hears of the run when it is back."""
    command = _running(site, SESSIONS)
    site.server.process.kill()
    for gate in ("early", "late"):
        site.open_gate(gate)
    eventually(site.run_folder().report_values_file.exists, why=lambda: command.output)
    assert site.report().all_succeeded
    time.sleep(AWAY_SECONDS)
    assert command.runs
    site.server.restart()
    command.succeeds()
    _all_is_well(site, command, SESSIONS)


@pytest.mark.timeout(180)
def test_away_for_good(site: Site) -> None:
    """A server that does not come back costs the run its last step; it says so, and its report is true."""
    command = _running(site, SESSIONS, MIYABI_RUNS__SERVER_PATIENCE_MINUTES="0.05")
    site.server.process.kill()
    for gate in ("early", "late"):
        site.open_gate(gate)
    assert command.wait(seconds=60) == 1, command.output
    assert "miyabi: The Prefect server has been away for 0.05 min." in command.output
    assert str(site.run_folder().report_file) in command.output
    assert "Traceback" not in command.output
    assert site.report().all_succeeded


def _running(site: Site, nodes: list[dict[str, Any]], **environment: str) -> Command:
    command = site.start("orchestrate", site.write_tasks(nodes), "--run", "r1", **environment)
    eventually(lambda: site.live(0) | site.live(1) == {*EARLY, *LATE} or not command.runs, why=lambda: command.output)
    return command


def _all_is_well(site: Site, command: Command, nodes: list[dict[str, Any]]) -> None:
    tasks = [each["id"] for each in nodes]
    assert {row.task: row.outcome for row in site.report().tasks} == dict.fromkeys(tasks, Outcome.SUCCEEDED)
    assert {task: site.show(task, f"{task}.txt").splitlines()[0] for task in tasks} == {t: f"task {t}" for t in tasks}
    assert {session: len(pids) for session, pids in site.watch.starts.items()} == {f"r1.{task}.1": 1 for task in tasks}
    assert [site.watch.peak[site.workspace(index)] for index in (0, 1)] == [3, 2]
    assert not {"Traceback", "ERROR", "Error logging"} & set(command.output.split())
    eventually(lambda: set(site.active_slots().values()) == {0}, seconds=90, why=lambda: str(site.active_slots()))
    (flow,) = site.flow_runs()
    runs = site.ask("/task_runs/filter", {"task_runs": {"flow_run_id": {"any_": [flow["id"]]}}})
    assert {flow["state_type"], *(run["state_type"] for run in runs)} == {"COMPLETED"}
