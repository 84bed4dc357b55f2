"""A check that does not pass, in a run that somebody started: wherever its failure is told, its last lines are."""

from __future__ import annotations

from pathlib import Path

from tests.support.cli.local_site import make_local_site
from tests.support.prefect.server import RealServer, prefect_database, prefect_server  # noqa: F401 - fixtures

LAST = [*map(str, range(12, 61)), "Closes #1"]


def test_its_last_lines_stand_in_each_text(tmp_path: Path, prefect_server: RealServer) -> None:
    """The report, its artifact, the task's log in Prefect and `miyabi logs` have the last 50 lines."""
    node = {"id": "broken", "prompt": "[[scenario:write]]", "check": "seq 60; echo 'Closes #1'; false"}
    with make_local_site(tmp_path, prefect_server) as site:
        site.write_config()
        command = site.start("orchestrate", site.write_tasks([node]), "--run", "red-check")
        assert command.wait() == 1, command.output
        logs = site.start("logs", "red-check", "broken")
        assert logs.wait() == 0, logs.output
        runs = {"flow_runs": {"name": {"any_": ["red-check"]}}, "task_runs": {"name": {"any_": ["broken"]}}}
        (task_run,) = site.ask("/task_runs/filter", runs)
        asked = {"logs": {"task_run_id": {"any_": [task_run["id"]]}}, "limit": 200}
        messages = [line["message"] for line in site.ask("/logs/filter", asked)]
        kept = site.ask("/artifacts/filter", {"artifacts": {"key": {"any_": ["report-red-check"]}}})
        report = site.run_folder("red-check").report_file.read_text()
    block = "\n".join(["The check of `broken`:", "", "```text", *LAST, "```", ""])
    assert block in report
    assert [block in artifact["data"] for artifact in kept] == [True]
    assert "\nThe session of `broken`:\n\n> " in report
    marked = [f"  | {line}" for line in LAST]
    assert logs.output.splitlines()[-51:] == ["  The check printed last:", *marked]
    assert "\n".join(["broken: its check printed last:", *marked]) in messages
    assert "Closes #1" not in command.output
