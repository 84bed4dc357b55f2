from __future__ import annotations

from typing import Any

import pytest

from miyabi.integration import Integration
from miyabi.sessions import Outcome, SessionPaths, SessionResult, is_resolving
from tests.support.cli.process import Command
from tests.support.cli.sshd_site import Site, site  # noqa: F401 - a fixture
from tests.support.git.repositories import git
from tests.support.machines.processes import eventually
from tests.support.prefect.server import prefect_database, prefect_server  # noqa: F401 - fixtures

LONG = "a-task-with-the-longest-name-that-a-dag-file-may-give-to-one-0001"[:64]


def writes(task: str, file: str, *, title: str = "", **fields: Any) -> dict[str, Any]:
    """A task that writes its name into a file; the title is what the session reads that resolves its conflict."""
    return {"id": task, "title": title, "prompt": f"Do it. [[scenario:into:{file}]]", **fields}


NODES = [
    writes("one", "a.txt"),
    writes("two", "a.txt", title="Two [[scenario:resolve:hold]]", check="grep -q 'of two' a.txt", requires=["first"]),
    writes("three", "b.txt"),
    writes("four", "b.txt", title="Four, which leaves the markers"),
    writes("five", "c.txt"),
    writes("six", "c.txt", title="Six [[scenario:resolve]]", check="! grep -q 'of five' c.txt"),
]


def resolutions(site: Site) -> dict[str, SessionResult]:
    """The results of the sessions that resolved conflicts, by the task whose conflict it was."""
    found = site.run_folder().latest_results()
    return {name.split("-")[1]: result for name, result in found.items() if is_resolving(name)}


def integration(site: Site) -> Integration:
    """What is on the run's branch."""
    kept = site.run_folder().load(Integration)
    assert kept
    return kept


def test_conflicts_go_to_sessions(site: Site) -> None:
    """Each conflict gets a session in a slot; what it resolves is merged, what it does not is left out, and why."""
    site.write_config(integration={"resolve_conflicts": True}, runs={"fix_attempts": 0})
    run = site.orchestrate(NODES)
    eventually(lambda: _resolving(site) or not run.runs, why=lambda: run.output)
    other = _others_keep_to_the_slots(site)
    for gate in ("hold", "others"):
        site.open_gate(gate)
    assert run.wait() == 1, run.output
    other.succeeds()
    assert [site.watch.peak[site.workspace(index)] for index in (0, 1)] == [3, 2]
    _merged(site)
    _reported(site, run.output)

    asked, kept, report = len(site.api.requests), integration(site), site.report()
    assert site.orchestrate(NODES).wait() == 1
    assert (len(site.api.requests), integration(site)) == (asked, kept), "what was resolved once is not again"
    assert site.report() == report


def _resolving(site: Site) -> set[str]:
    return {task for index in (0, 1) for task in site.live(index) if is_resolving(task)}


def _others_keep_to_the_slots(site: Site) -> Command:
    """Another run that wants more slots than are left while one is taken to resolve."""
    other = site.orchestrate([{"id": f"o{n}", "prompt": "Do it. [[scenario:gate:others]]"} for n in range(5)], run="r2")
    eventually(lambda: sum(len(site.live(index)) for index in (0, 1)) == 5, why=lambda: other.output)
    assert sum(site.active_slots().values()) == 5
    return other


def _merged(site: Site) -> None:
    came = integration(site)
    assert {merged.task: merged.resolved for merged in came.merged} == {
        "one": False,
        "two": True,
        "three": False,
        "five": False,
    }
    head = next(merged for merged in came.merged if merged.resolved)
    parents = git(site.repository, "show", "-s", "--format=%P", head.commit).split()
    assert parents[1] == git(site.repository, "rev-parse", "miyabi/r1/two") == head.head
    assert git(site.repository, "show", f"{came.branch}:a.txt") == "line of one\nline of two"
    reasons = {out.task: out.reason for out in came.left_out}
    sessions = resolutions(site)
    four, six = sessions["four"], sessions["six"]
    marked = f"{four.task}, which was to resolve it, ended as unresolved_conflict: {four.error_text}"
    failed = f"{six.task}, which was to resolve it, ended as check_failed: {six.error_text}"
    assert reasons == {
        "four": f"it does not merge with three: both changed b.txt; {marked}",
        "six": f"it does not merge with five: both changed c.txt; {failed}",
    }
    assert four.unresolved == ("b.txt",)
    assert sessions["two"].machine == site.machines[0].name, "what its task requires, it requires"
    outcomes = {task: (result.outcome, result.check_exit_status) for task, result in sessions.items()}
    assert outcomes == {
        "two": (Outcome.SUCCEEDED, 0),
        "four": (Outcome.UNRESOLVED_CONFLICT, 0),
        "six": (Outcome.CHECK_FAILED, 1),
    }


def _reported(site: Site, said: str) -> None:
    report, sessions = site.report(), resolutions(site)
    results = site.run_folder().results()
    assert sum(machine.sessions for machine in report.machines) == len(results) == 9
    assert report.cost_usd == pytest.approx(sum(result.cost_usd for result in results), abs=1e-3)
    assert report.wall_seconds > (site.run_folder().info().ended - site.run_folder().info().started).total_seconds()
    text = site.run_folder().report_file.read_text()
    for result in sessions.values():
        assert f"`miyabi logs r1 {result.task}`" in text
    assert "Left out: four: it does not merge with three" in said
    logs = site.start("logs", "r1", sessions["two"].task)
    assert "resolved" in logs.succeeds()
    wanted = {r.task: [f"machine:{r.machine}"] for r in sessions.values()}
    eventually(lambda: {run["name"]: run["tags"] for run in _task_runs(site)} == wanted)


def _task_runs(site: Site) -> list[dict[str, Any]]:
    """The sessions' task runs, whichever flow run integrated the run."""
    flows = [flow["id"] for flow in site.flow_runs("report r1")]
    found: list[dict[str, Any]] = site.ask("/task_runs/filter", {"task_runs": {"flow_run_id": {"any_": flows}}})
    return found


def test_interrupted_while_it_resolves(site: Site) -> None:
    """After a crash the session is joined, Ctrl-C stops it, gone on with it resolves; a sweep takes it all away."""
    site.write_config(integration={"resolve_conflicts": True})
    nodes = [writes("one", "a.txt"), writes(LONG, "a.txt", title="Long [[scenario:resolve:hold]]")]
    run = site.orchestrate(nodes)
    eventually(lambda: _resolving(site) or not run.runs, why=lambda: run.output)
    run.kill()
    run = site.start("orchestrate", "--run", "r1")
    eventually(lambda: len(_task_runs(site)) == 2 or not run.runs, why=lambda: run.output)
    assert [len(pids) for session, pids in site.watch.starts.items() if "_resolve" in session] == [1]
    run.interrupt()
    assert run.wait() == 130, run.output
    assert [site.live(index) for index in (0, 1)] == [set(), set()]
    assert set(site.active_slots().values()) == {0}
    assert "Traceback" not in run.output

    site.open_gate("hold")
    assert "holds 2 of 2 tasks" in site.start("orchestrate", "--run", "r1").succeeds()
    (name,) = (task for task in site.run_folder().latest_results() if is_resolving(task))
    assert site.run_folder().latest_results()[name].attempt == 2
    branches = git(site.repository, "branch", "--format=%(refname:short)").splitlines()
    assert SessionPaths(run="r1", task=name).branch in branches

    site.start("sweep", "r1", "--branches", "--yes").succeeds()
    assert git(site.repository, "branch", "--list", "miyabi/r1/*") == ""
    for index in (0, 1):
        left = [path for path in site.workspace(index).rglob("*resolve*") if "bin" not in path.parts]
        assert left == []
