from __future__ import annotations

import signal
import time
from collections.abc import Sequence
from typing import Any

from miyabi.sessions import Outcome
from tests.support.cli.sshd_site import Command, Site, site  # noqa: F401 - a fixture
from tests.support.machines.processes import at_most, eventually
from tests.support.prefect.server import prefect_database, prefect_server  # noqa: F401 - fixtures


def node(task: str, *upstreams: str, scenario: str = "write", machine: str = "first") -> dict[str, Any]:
    """A task that has to run on one of the two machines."""
    prompt = f"Do it. [[scenario:{scenario}]]"
    return {"id": task, "prompt": prompt, "dependencies": upstreams, "requires": [machine]}


CANCELLING = {"state": {"type": "CANCELLING", "name": "Cancelling", "message": "in the UI"}}
WRITING = ("first-0", "second-0")
ENDS = {"done": Outcome.SUCCEEDED, "below": Outcome.SKIPPED, **dict.fromkeys(WRITING, Outcome.STOPPED)}


def nodes(scenario: str = "gate_uncommitted:end", *, first: str = "gate_uncommitted:end") -> list[dict[str, Any]]:
    """Two sessions that write and wait, in those scenarios; one is done before, one waits for the first."""
    return [
        node("done"),
        node("first-0", "done", scenario=first),
        node("second-0", "done", scenario=scenario, machine="second"),
        node("below", "first-0"),
    ]


def test_ctrl_c(site: Site) -> None:
    """Ctrl-C ends every process of every session, strays too, and collects what nobody committed."""
    command = _writing(site, nodes("strays:end"))
    command.interrupt()
    assert command.wait() == 130, command.output
    _stopped_well(site, command)
    _is_cancelled(site)
    _goes_on(site)


def test_ctrl_c_twice(site: Site) -> None:
    """Who presses Ctrl-C again need not wait; the machines end the sessions, the next run collects their work."""
    command = _writing(site, nodes("stubborn:end", first="stubborn:end"))  # else they are collected at once
    command.interrupt()
    time.sleep(0.3)
    command.interrupt()
    started = time.monotonic()
    assert command.wait() == 130, command.output
    assert time.monotonic() - started < at_most(15)
    assert "Traceback" not in command.output
    left = {warning.partition(";")[0] for warning in site.report().warnings}
    assert left == {f"{t}: its session was left on {m.name}" for t, m in zip(WRITING, site.machines, strict=True)}
    report = site.report()
    outcomes = {row.task: row.outcome for row in report.tasks}
    assert outcomes == ENDS | dict.fromkeys(WRITING, Outcome.NOT_COLLECTED)
    assert [row.reason for row in report.skips] == ["upstream first-0 (not_collected) failed"]
    assert ("No session ran" in command.output, "on 2 machines" in command.output) == (False, True)
    assert set(site.active_slots().values()) == {0}
    _is_cancelled(site)
    eventually(lambda: not site.live(0) | site.live(1))
    _goes_on(site)


def test_cancelled_in_prefect(site: Site) -> None:
    """A flow run that somebody cancels in the UI stops its sessions as Ctrl-C does, and ends cancelled."""
    command = _writing(site, nodes())
    (flow,) = site.flow_runs()
    site.ask(f"/flow_runs/{flow['id']}/set_state", CANCELLING)
    assert command.wait() == 130, command.output
    _stopped_well(site, command)
    _is_cancelled(site)


def test_cancelled_with_a_full_fleet(site: Site) -> None:
    """Cancel in the UI with four sessions that have uncommitted files: all of it is here, and what is told is true."""
    machines = ("first", "first", "second", "second")
    tasks = [f"{machine}-{number}" for number, machine in enumerate(machines)]
    held = [node(t, scenario="gate_uncommitted:end", machine=m) for t, m in zip(tasks, machines, strict=True)]
    command = site.orchestrate([*held, node("below", "first-0"), node("later", *tasks, machine="second")])
    _wait_for_files(site, command, tasks)
    (flow,) = site.flow_runs()
    started = time.monotonic()
    site.ask(f"/flow_runs/{flow['id']}/set_state", CANCELLING)
    assert command.wait() == 130, command.output
    assert time.monotonic() - started < at_most(20)

    report = site.report()
    stopped = dict.fromkeys(tasks, Outcome.STOPPED)
    assert {row.task: row.outcome for row in report.tasks} == stopped | dict.fromkeys(
        ("below", "later"), Outcome.SKIPPED
    )
    assert {row.task for row in report.tasks if row.salvaged} == set(tasks)
    assert all(site.show(task, f"{task}.txt").startswith(f"task {task}") for task in tasks)
    assert {row.task: row.reason for row in report.skips}["below"] == "upstream first-0 (stopped) failed"
    assert "0 of 6 tasks succeeded (0 %), 4 failed, 2 skipped, in " in command.output
    assert not site.live(0) | site.live(1)
    _is_cancelled(site)
    artifacts = site.ask("/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [flow["id"]]}}})
    shown = {artifact["key"]: artifact for artifact in artifacts}
    assert shown["report-r1"]["data"] == shown["report-latest"]["data"]
    assert "\n## What did not succeed\n" in shown["report-r1"]["data"]
    assert "To go on: miyabi orchestrate --run r1" in shown["report-r1"]["description"]


def test_terminated(site: Site) -> None:
    """SIGTERM, as a Prefect worker sends it, does the same within the worker's grace."""
    command = _writing(site, nodes())
    command.terminate()
    started = time.monotonic()
    assert command.wait() == -signal.SIGTERM, command.output
    assert time.monotonic() - started < at_most(30)
    _stopped_well(site, command)


def _writing(site: Site, nodes: list[dict[str, Any]]) -> Command:
    """The run, once there is work in two worktrees that nobody has committed."""
    command = site.orchestrate(nodes)
    _wait_for_files(site, command, WRITING)
    return command


def _wait_for_files(site: Site, command: Command, tasks: Sequence[str]) -> None:
    written = [f"*/home/.miyabi/checkouts/r1/{task}/{task}/{task}.txt" for task in tasks]
    eventually(lambda: all(any(site.fleet.folder.glob(file)) for file in written), why=lambda: command.output)


def _stopped_well(site: Site, command: Command) -> None:
    assert "Traceback" not in command.output, command.output
    eventually(lambda: not site.live(0) | site.live(1))
    assert {row.task: row.outcome for row in site.report().tasks} == ENDS
    results = site.run_folder().latest_results()
    assert {task for task, result in results.items() if result.changes.salvaged} == set(WRITING)
    assert {task: site.show(task, f"{task}.txt").splitlines()[0] for task in WRITING} == {
        t: f"task {t}" for t in WRITING
    }
    assert {task: site.home_output(task) == site.machine_output(task) for task in WRITING} == dict.fromkeys(
        WRITING, True
    )
    assert set(site.active_slots().values()) == {0}


def _is_cancelled(site: Site) -> None:
    """Prefect has the run as cancelled, and says how to go on with it."""
    (flow,) = site.flow_runs()
    assert (flow["state_type"], flow["state_name"]) == ("CANCELLED", "Cancelled")
    assert "To go on: miyabi orchestrate --run r1" in flow["state"]["message"]


def _goes_on(site: Site) -> None:
    """The run again: every conversation that was stopped is taken up where it was, nothing is done twice."""
    site.open_gate("end")
    site.start("orchestrate", "--run", "r1").succeeds()
    attempts = {(result.task, result.attempt): result for result in site.run_folder().results()}
    assert attempts.keys() == {(task, 1) for task in ENDS} | {(task, 2) for task in WRITING}
    for task in WRITING:
        first, second = attempts[task, 1], attempts[task, 2]
        assert (first.outcome, second.outcome) == (Outcome.STOPPED, Outcome.SUCCEEDED)
        assert (first.machine, first.session_id) == (second.machine, second.session_id)
        assert first.session_id == site.conversation(task)
    assert site.report().all_succeeded
