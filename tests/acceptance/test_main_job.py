from __future__ import annotations

from typing import Any

from miyabi.sessions import Outcome, SessionPaths
from tests.support.cli.sshd_site import Site, site  # noqa: F401 - a fixture
from tests.support.git.repositories import git, snapshot
from tests.support.machines.processes import eventually
from tests.support.prefect.server import prefect_database, prefect_server  # noqa: F401 - fixtures


def node(task: str, *upstreams: str, scenario: str = "write", **fields: Any) -> dict[str, Any]:
    """A task whose check asks for the file of each of its upstreams."""
    check = " && ".join(f"test -s {name}.txt" for name in (task, *upstreams))
    own = {"id": task, "prompt": f"Do it. [[scenario:{scenario}]]", "dependencies": upstreams, "check": check}
    return own | fields


WIDE = [f"wide-{n}" for n in range(5)]
NODES = [
    node("base"),
    *(node(task, "base", scenario="gate:wide") for task in WIDE),
    node("left", "wide-0", "wide-1"),
    node("right", "wide-2", "wide-3", "wide-4"),
    node("alone", scenario="write_uncommitted"),
    node("whole", "left", "right"),
]
FOUND = {
    "base": "",
    "alone": "",
    **dict.fromkeys(WIDE, "base.txt "),
    "left": "base.txt wide-0.txt wide-1.txt ",
    "right": "base.txt wide-2.txt wide-3.txt wide-4.txt ",
    "whole": "base.txt left.txt right.txt " + "".join(f"{task}.txt " for task in WIDE),
}


def test_ten_tasks(site: Site) -> None:
    """Ten real sessions on two machines fill 3 and 2 slots and no more; all commits arrive, each on the others'."""
    before = snapshot(site.repository)
    command = site.orchestrate(NODES)
    eventually(lambda: (len(site.live(0)), len(site.live(1))) == (3, 2) or not command.runs, why=lambda: command.output)
    site.open_gate("wide")
    said = command.succeeds()

    assert [site.watch.peak[site.workspace(index)] for index in (0, 1)] == [3, 2]
    assert {task: site.show(task, f"{task}.txt") for task in FOUND} == {
        task: f"task {task}\nfound {found}" for task, found in FOUND.items()
    }
    assert snapshot(site.repository) == before
    _reported(site, said)
    _started_once(site)
    _told_to_prefect(site)


def _reported(site: Site, said: str) -> None:
    report = site.report()
    assert (report.total, report.succeeded, report.rehearsal, report.warnings) == (10, 10, False, ())
    names = [machine.name for machine in site.machines]
    assert {row.task: row.outcome for row in report.tasks} == dict.fromkeys(FOUND, Outcome.SUCCEEDED)
    results = site.run_folder().latest_results()
    for task, result in results.items():
        head = git(site.repository, "rev-parse", SessionPaths(run="r1", task=task).branch)
        ran_on = names.index(result.machine or "")
        assert (site.workspace(ran_on) / "sessions" / f"r1.{task}.1").is_dir()
        assert (result.head, result.attempt, result.check_exit_status) == (head, 1, 0)
    assert [task for task, result in results.items() if result.changes.salvaged] == ["alone"]
    assert str(site.run_folder().report_file) in said
    assert "10 of 10" in site.run_folder().report_file.read_text()


def _started_once(site: Site) -> None:
    assert {session: len(pids) for session, pids in site.watch.starts.items()} == {f"r1.{task}.1": 1 for task in FOUND}
    for task in FOUND:
        assert site.home_output(task) == site.machine_output(task)


def _told_to_prefect(site: Site) -> None:
    (flow,) = site.flow_runs()
    assert flow["state_type"] == "COMPLETED"
    runs = site.ask("/task_runs/filter", {"task_runs": {"flow_run_id": {"any_": [flow["id"]]}}})
    tasks = {run["name"]: run["tags"] for run in runs if not run["name"].startswith("aggregate-results")}
    results = site.run_folder().latest_results()
    assert tasks == {t: [f"machine:{r.machine}"] for t, r in results.items()}
    assert set(site.active_slots().values()) == {0}
