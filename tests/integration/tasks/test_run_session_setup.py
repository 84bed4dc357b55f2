"""A set-up that fails, in a run that somebody started: once more elsewhere, then told; the machine is not blamed."""

from __future__ import annotations

from pathlib import Path

from miyabi.sessions import Outcome
from tests.support.cli.local_site import LocalSite, make_local_site
from tests.support.cli.process import Command
from tests.support.machines.processes import eventually
from tests.support.prefect.server import RealServer, prefect_database, prefect_server  # noqa: F401 - fixtures


def test_it_is_tried_once_more(tmp_path: Path, prefect_server: RealServer) -> None:
    """One that passes then is a success in two attempts; one that does not ends after the other machine's try.

    Both machines go on to take tasks, and the last lines stand in the task's log in Prefect.
    """
    first = f"mkdir '{tmp_path}/begun' && exit 3"
    nodes = [
        {"id": "once", "prompt": "[[scenario:write]]", "setup": f"[ -e '{tmp_path}/begun' ] || {{ {first}; }}"},
        {"id": "never", "prompt": "[[scenario:write]]", "setup": "echo no such lock; exit 4", "dependencies": ["once"]},
    ]
    with make_local_site(tmp_path, prefect_server) as site:
        names = [machine.name for machine in site.machines]
        later = [{"id": f"on-{name}", "requires": [name], "prompt": "[[scenario:write]]"} for name in names]
        site.write_config(runs={"retry_delay_seconds": 0})
        command = site.orchestrate([*nodes, *later], run="set-up")
        assert command.wait() == 1, command.output
        results = {(result.task, result.attempt): result for result in site.run_folder("set-up").results()}
        runs = {"flow_runs": {"name": {"any_": ["set-up"]}}, "task_runs": {"name": {"any_": ["never"]}}}
        (task_run,) = site.ask("/task_runs/filter", runs)
        asked = {"logs": {"task_run_id": {"any_": [task_run["id"]]}}, "limit": 200}
        messages = [line["message"] for line in site.ask("/logs/filter", asked)]
        report = site.report("set-up")
    outcomes = {key: result.outcome for key, result in results.items()}
    red = Outcome.SETUP_FAILED
    assert outcomes == {
        ("once", 1): red,
        ("once", 2): Outcome.SUCCEEDED,
        ("never", 1): red,
        ("never", 2): red,
        **{(f"on-{name}", 1): Outcome.SUCCEEDED for name in names},
    }
    assert {result.machine for key, result in results.items() if key[0] == "never"} == set(names)
    assert {result.cost_usd for result in results.values() if result.outcome is red} == {0}
    assert "never: its set-up printed last:\n  | no such lock" in messages
    assert report.warnings == ()


def test_a_task_that_is_tried_again_is_stopped(tmp_path: Path, prefect_server: RealServer) -> None:
    """It waits for its next attempt: it ends, also where it was stopped before and somebody asked to retry it."""
    with make_local_site(tmp_path, prefect_server) as site:
        nodes = [{"id": "first", "prompt": "x", "setup": "exit 4", "requires": [site.machines[0].name]}]
        site.write_config(runs={"retry_delay_seconds": 800})
        stop_waiting(site, site.orchestrate(nodes), attempt=1)
        stop_waiting(site, site.start("retry", "r1", "first"), attempt=2)
        results = site.run_folder().results()
    assert [result.outcome for result in results] == [Outcome.STOPPED] * 2


def stop_waiting(site: LocalSite, command: Command, *, attempt: int) -> None:
    """`miyabi stop` where the task waits after that attempt; returns when its orchestrator has ended."""
    result = site.run_folder().attempt("first", attempt) / "result.json"
    eventually(result.exists, seconds=60, why=lambda: command.output)
    assert "first: no other attempt is begun\nfirst: stopped" in site.start("stop", "r1", "first").succeeds()
    assert command.wait() == 1
