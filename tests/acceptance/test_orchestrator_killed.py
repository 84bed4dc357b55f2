from __future__ import annotations

from typing import Any

from miyabi.sessions import Outcome, State
from tests.support.cli.sshd_site import Command, Site, site  # noqa: F401 - a fixture
from tests.support.git.repositories import git
from tests.support.machines.processes import eventually
from tests.support.prefect.server import prefect_database, prefect_server  # noqa: F401 - fixtures


def node(task: str, *upstreams: str, scenario: str = "write") -> dict[str, Any]:
    """A task whose check asks for its file."""
    prompt = f"Do it. [[scenario:{scenario}]]"
    return {"id": task, "prompt": prompt, "dependencies": upstreams, "check": f"test -s {task}.txt"}


ALONE = ("alone-0", "alone-1")
JOINED = ("joined-0", "joined-1", "joined-2")
NODES = [
    node("base"),
    *(node(task, "base", scenario="gate_uncommitted:alone") for task in ALONE),
    *(node(task, "base", scenario="gate:joined") for task in JOINED),
    node("left", *ALONE),
    node("right", *JOINED),
    node("more"),
    node("whole", "left", "right"),
]
TASKS = [each["id"] for each in NODES]


def test_orchestrator_killed(site: Site) -> None:
    """Sessions outlive their orchestrator, no other one overfills the machines, and the next goes on with them."""
    first = site.orchestrate(NODES)
    eventually(lambda: site.live(0) | site.live(1) == {*ALONE, *JOINED} or not first.runs, why=lambda: first.output)
    eventually(lambda: all(site.run_folder().attempt(task).exists() for task in (*ALONE, *JOINED)))
    first.kill()
    second = _another_run(site)
    _sessions_end_by_themselves(site)
    second.succeeds()
    assert site.live(0) | site.live(1) == set(JOINED)

    again = _goes_on(site)
    site.open_gate("joined")
    again.succeeds()
    assert [site.watch.peak[site.workspace(index)] for index in (0, 1)] == [3, 2]
    _all_is_there(site)
    assert [flow["state_type"] for flow in site.flow_runs()] == ["CRASHED", "COMPLETED"]
    eventually(lambda: set(site.active_slots().values()) == {0}, why=lambda: str(site.active_slots()))


def _another_run(site: Site) -> Command:
    """A run on the same machines, to which Prefect gives slots that are not free; it is refused by the machines."""
    site.forget_slots()
    second = site.orchestrate([node("other-0"), node("other-1")], run="r2")
    for task in ("other-0", "other-1"):
        staged = f"*/home/.miyabi/sessions/r2.{task}.1"
        eventually(lambda staged=staged: any(site.fleet.folder.glob(staged)), why=lambda: second.output)
    assert site.live(0) | site.live(1) == {*ALONE, *JOINED}
    return second


def _sessions_end_by_themselves(site: Site) -> None:
    """Work is salvaged and checked on the machine, though nobody is there to be told."""
    site.open_gate("alone")
    for task in ALONE:
        eventually(lambda task=task: site.status(task).state is State.EXITED)
        assert (site.status(task).exit_status, site.status(task).check_exit) == (0, 0)
        assert git(site.checkout(task), "show", f"miyabi/r1/{task}:{task}.txt").startswith(f"task {task}\n")
        assert not (site.run_folder().attempt(task) / "result.json").exists()


def _goes_on(site: Site) -> Command:
    """The run, once it has joined its sessions, before the slots of the killed one have run out."""
    again = site.start("orchestrate", "--run", "r1")
    joined = [f"{task}: running" for task in JOINED]
    eventually(lambda: all(line in again.output for line in joined), why=lambda: again.output)
    return again


def _all_is_there(site: Site) -> None:
    report = site.report()
    assert (report.total, report.succeeded) == (10, 10)
    assert {row.task: row.outcome for row in report.tasks} == dict.fromkeys(TASKS, Outcome.SUCCEEDED)
    assert {task: site.show(task, f"{task}.txt").splitlines()[0] for task in TASKS} == {t: f"task {t}" for t in TASKS}
    assert site.show("whole", "whole.txt").split()[3:] == sorted(
        f"{t}.txt" for t in TASKS if t not in {"more", "whole"}
    )
    results = site.run_folder().latest_results()
    assert {task: result.attempt for task, result in results.items()} == dict.fromkeys(TASKS, 1)
    assert {task for task, result in results.items() if result.changes.salvaged} == set(ALONE)
    assert {task: site.home_output(task) == site.machine_output(task) for task in TASKS} == dict.fromkeys(TASKS, True)
    starts = {session: len(pids) for session, pids in site.watch.starts.items() if session.startswith("r1.")}
    assert starts == {f"r1.{task}.1": 1 for task in TASKS}
