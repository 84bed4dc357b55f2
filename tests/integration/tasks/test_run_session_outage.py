"""An API that fails for everybody: tasks wait for it without burning their attempts, though not for ever."""

from __future__ import annotations

from pathlib import Path

from miyabi.sessions import Outcome
from tests.support.cli.local_site import make_local_site
from tests.support.machines.processes import eventually
from tests.support.prefect.server import RealServer, prefect_database, prefect_server  # noqa: F401 - fixtures

NODES = [{"id": task, "prompt": "[[scenario:outage:over]]"} for task in ("one", "two")]


def test_an_outage_is_waited_for(tmp_path: Path, prefect_server: RealServer) -> None:
    """However often the API fails meanwhile, a task that may have one attempt succeeds."""
    with make_local_site(tmp_path, prefect_server) as site:
        site.write_config(runs={"max_attempts": 1, "retry_delay_seconds": 0.2})
        command = site.orchestrate(NODES)
        told = [f"  {node['id']}: waits for the API until " for node in NODES]
        eventually(lambda: all(line in command.output for line in told) or not command.runs, why=lambda: command.output)
        site.open_gate("over")
        command.succeeds()
        results = site.run_folder().results()
    for task in ("one", "two"):
        *failed, last = [result for result in results if result.task == task]
        assert {result.outcome for result in failed} == {Outcome.API_UNAVAILABLE}
        assert last.outcome is Outcome.SUCCEEDED
        assert len(failed) >= 1


def test_an_outage_that_lasts_too_long(tmp_path: Path, prefect_server: RealServer) -> None:
    """Beyond the patience each failure is an attempt, and the last one is told."""
    with make_local_site(tmp_path, prefect_server) as site:
        site.write_config(runs={"max_attempts": 2, "retry_delay_seconds": 0, "api_patience_hours": 0})
        assert site.orchestrate(NODES).wait() == 1
        report = site.report()
    assert [(row.outcome, row.attempts) for row in report.tasks] == [(Outcome.API_UNAVAILABLE, 2)] * 2
    assert all("529" in trouble.text for trouble in report.troubles)
