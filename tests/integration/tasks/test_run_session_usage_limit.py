"""Usage limits in a rehearsed run: those that end soon are waited for, others end what would meet them."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

from miyabi.sessions import Outcome
from tests.support.cli.local_site import LocalSite, make_local_site
from tests.support.cli.process import Command
from tests.support.machines.processes import eventually
from tests.support.prefect.server import RealServer, prefect_database, prefect_server  # noqa: F401 - fixtures

UNTIL = r"waits for the usage limit until (?:\w{3} )?\d\d:\d\d \S+"


def rehearse(site: LocalSite, *, seconds: int, run: str = "r1", **runs: Any) -> Command:
    """A rehearsal with one slot, whose first task meets a limit that lasts so long."""
    environment = {"MIYABI_REHEARSAL_LIMIT": "first", "MIYABI_REHEARSAL_LIMIT_SECONDS": str(seconds)}
    site.write_config(sessions={"environment": environment}, runs={"rehearsal_seconds_per_minute": 0} | runs)
    one = [site.machines[0].model_copy(update={"slots": 1}).model_dump()]
    tasks = site.write_tasks([{"id": "first", "priority": 1}, {"id": "second"}])
    return site.start("orchestrate", tasks, "--run", run, "--rehearse", MIYABI_MACHINES=json.dumps(one))


def test_a_limit_that_ends_soon_is_waited_for(tmp_path: Any, prefect_server: RealServer) -> None:
    """The machine takes nothing until then; after it both tasks succeed, and the limit has burnt no attempt."""
    with make_local_site(tmp_path, prefect_server) as site:
        command = rehearse(site, seconds=4, limit_margin_seconds=1, retry_delay_seconds=0, max_attempts=1)
        command.succeeds()
        limited, again, second = site.run_folder().results()
    assert [limited.outcome, again.outcome, second.outcome] == [Outcome.USAGE_LIMIT, *[Outcome.SUCCEEDED] * 2]
    assert limited.resets_at
    assert all(each.start and each.start > limited.resets_at for each in (again, second))
    lines = [line.split(maxsplit=1)[1] for line in command.output.splitlines() if "  first: " in line]
    waiting = [number for number, line in enumerate(lines) if re.match(f"first: {UNTIL}", line)]
    assert len(waiting) == 1
    assert lines[waiting[0] + 1 :], "nothing is said of its going on"


def test_a_wait_for_a_limit_is_seen_in_prefect(tmp_path: Any, prefect_server: RealServer) -> None:
    """Log, state and progress artifact say that the task waits and until when, and the log that it goes on."""
    with make_local_site(tmp_path, prefect_server) as site:
        command = rehearse(site, seconds=25, run="limited", limit_margin_seconds=0, retry_delay_seconds=0)
        eventually(lambda: _first(site).get("state_name") == "Waiting", seconds=60, why=lambda: command.output)
        state = _first(site)["state"]
        assert re.fullmatch(f"It {UNTIL}\\.", state["message"])
        flow = {"flow_run_id": {"any_": [_first(site)["flow_run_id"]]}}
        eventually(lambda: re.search(UNTIL, _progress(site, flow)), seconds=20, why=lambda: _progress(site, flow))
        assert re.search(f"^1 waiting, 1 {UNTIL}, 0.00 USD$", _progress(site, flow), re.MULTILINE)
        assert re.search(f"^- `first` on \\S+: {UNTIL}", _progress(site, flow), re.MULTILINE)
        command.succeeds()
        eventually(lambda: _first(site)["state_type"] == "COMPLETED")
        due, end = state["state_details"]["scheduled_time"], _first(site)["end_time"]
        assert datetime.fromisoformat(due) <= datetime.fromisoformat(end)
        messages = [line["message"] for line in site.ask("/logs/filter", {"logs": flow, "limit": 200})]
    assert len([message for message in messages if re.fullmatch(f"first: {UNTIL}", message)]) == 1
    assert messages.count("first: goes on, having waited for the usage limit") == 1


def test_a_task_that_waits_is_stopped(tmp_path: Any, prefect_server: RealServer) -> None:
    """Its wait ends at once, no other attempt is begun, and what it did stands; one not begun ends with the run."""
    with make_local_site(tmp_path, prefect_server) as site:
        command = rehearse(site, seconds=3600)
        eventually(lambda: re.search(f"first: {UNTIL}", command.output), seconds=60, why=lambda: command.output)
        said = site.start("stop", "r1", "first").succeeds()
        assert "first: no other attempt is begun\nfirst: stopped" in said
        refused = site.start("stop", "r1", "second")
        assert (refused.wait(), refused.output.count("\n")) == (2, 1)
        assert "To stop the whole run: miyabi stop r1" in refused.output
        again = site.start("stop", "r1", "first")
        assert (again.wait(), "it is stopped" in again.output) == (2, True)
        assert command.runs
        site.start("stop", "r1").succeeds()
        command.wait()
        (first, *others) = site.run_folder().results()
    assert (first.task, first.attempt, first.outcome) == ("first", 1, Outcome.STOPPED)
    assert "stopped by hand before another attempt; its last one ended as usage_limit: " in str(first.error_text)
    assert {each.task for each in others} <= {"second"}


def _first(site: LocalSite) -> dict[str, Any]:
    """The run of the first task, as the server has it; empty where it has none."""
    wanted = {"flow_runs": {"name": {"any_": ["limited"]}}, "task_runs": {"name": {"any_": ["first"]}}}
    runs = site.ask("/task_runs/filter", wanted)
    return runs[0] if runs else {}


def _progress(site: LocalSite, flow: dict[str, Any]) -> str:
    shown = site.ask("/artifacts/filter", {"artifacts": flow | {"type": {"any_": ["progress"]}}})
    return "".join(artifact["description"] for artifact in shown)


def test_a_limit_that_lasts_too_long_ends_what_waits(tmp_path: Any, prefect_server: RealServer) -> None:
    """Nothing else is sent to the account's machines, and each task says why."""
    with make_local_site(tmp_path, prefect_server) as site:
        assert rehearse(site, seconds=7200, limit_patience_hours=1).wait(seconds=100) == 1
        first, second = site.run_folder().results()
        assert any("nothing more is sent to" in warning for warning in site.report().warnings)
    assert (first.outcome, second.outcome, second.start) == (Outcome.USAGE_LIMIT, Outcome.NOT_STARTED, None)
    assert "usage limit" in str(second.error_text)
