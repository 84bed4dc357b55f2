from __future__ import annotations

from typing import Any

import pytest
import yaml

from miyabi.reports import Report
from miyabi.runs import RunFolder
from miyabi.sessions import SessionPaths
from tests.acceptance.test_demo import TASKS
from tests.support.git.repositories import git
from tests.support.machines.processes import eventually
from tests.support.prefect.deployed import Deployed, report_of


def came_of(report: Report) -> dict[str, Any]:
    """What two runs of the same DAG have in common."""
    tasks = {t.task: (t.title, t.outcome, t.upstream, t.commits, t.files, t.insertions) for t in report.tasks}
    machines = [(m.machine, m.slots) for m in report.machines]
    return {"tasks": tasks, "machines": machines, "files": report.files, "rehearsal": report.rehearsal}


@pytest.fixture(scope="module")
def flow_run(deployed: Deployed) -> dict[str, Any]:
    """The flow run of the rehearsal DAG, started with `prefect deployment run`."""
    tasks = deployed.clone / "examples" / "tasks.json"
    deployed.run("run-dag/manual", tasks=tasks, repository=deployed.repository, rehearse="true")
    (run,) = deployed.flow_runs("run-dag/manual")
    return run


def test_every_flow_is_deployed(deployed: Deployed) -> None:
    """`prefect deploy --all` makes each deployment of prefect.yaml, described and tagged; the clone stays clean."""
    wanted = yaml.safe_load((deployed.clone / "prefect.yaml").read_text())["deployments"]
    made = deployed.ask("/deployments/filter", {})
    assert sorted((d["entrypoint"], d["name"]) for d in made) == sorted((d["entrypoint"], d["name"]) for d in wanted)
    assert all(d["description"] and "water-spider" in d["tags"] for d in made)
    assert git(deployed.clone, "status", "--porcelain") == ""


def test_every_form_has_plain_fields(deployed: Deployed) -> None:
    """Each parameter of each deployment is described and of one kind, with a default that its form may send back."""
    for deployment in deployed.ask("/deployments/filter", {}):
        for name, schema in deployment["parameter_openapi_schema"]["properties"].items():
            where = f"{deployment['entrypoint']}: {name}"
            assert schema.get("description"), where
            of_texts = {"type": "array", "items": {"type": "string"}}
            plain = schema.get("type") in {"string", "boolean", "integer", "number"}
            assert plain or schema.items() >= of_texts.items(), where
            assert schema.get("default", "") is not None, where


def test_a_deployed_run_ends_as_the_demo_does(deployed: Deployed, flow_run: dict[str, Any]) -> None:
    """A worker runs the rehearsal DAG: COMPLETED, ten branches in the repository, and the report of the demo."""
    run = flow_run["name"]
    assert (flow_run["state_type"], flow_run["work_pool_name"]) == ("COMPLETED", "water-spider")
    assert "10 of 10 tasks succeeded" in flow_run["state"]["message"]
    for task in TASKS:
        branch = SessionPaths(run=run, task=task).branch
        assert f"rehearsal/{task}.md" in git(deployed.repository, "ls-tree", "-r", "--name-only", branch)
    report = report_of(RunFolder(deployed.repository, run).path)
    assert came_of(report) == came_of(deployed.demo.report)


def test_a_deployed_run_is_told_to_prefect(deployed: Deployed, flow_run: dict[str, Any]) -> None:
    """Its task runs are named and tagged, and the report and a progress that reached its end are on its own page."""
    wanted = {"task_runs": {"flow_run_id": {"any_": [flow_run["id"]]}}}
    report = report_of(RunFolder(deployed.repository, flow_run["name"]).path)
    tags = {row.task: [f"machine:{row.machine}"] for row in report.tasks}
    eventually(
        lambda: tags.items() <= {run["name"]: run["tags"] for run in deployed.ask("/task_runs/filter", wanted)}.items()
    )
    artifacts = deployed.ask("/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [flow_run["id"]]}}})
    shown = {artifact["key"]: artifact["data"] for artifact in artifacts}
    page = shown.pop("report-latest")
    assert shown == {f"report-{flow_run['name']}": page, f"progress-{flow_run['name']}": 100.0}
    assert page.startswith(f"# Rehearsal `{flow_run['name']}`\n")
    assert page.count("](data:image/svg+xml;base64,") == len(("the DAG", "the timeline"))


def test_the_report_is_made_again(deployed: Deployed, flow_run: dict[str, Any]) -> None:
    """`aggregate-results/manual` gives the same report, however often."""
    folder = RunFolder(deployed.repository, flow_run["name"])
    before = [file.read_bytes() for file in (folder.report_file, folder.report_values_file)]
    deployed.run("aggregate-results/manual", run=flow_run["name"], repository=deployed.repository)
    assert [file.read_bytes() for file in (folder.report_file, folder.report_values_file)] == before
    (again,) = deployed.flow_runs("aggregate-results/manual")
    assert (again["state_type"], again["name"]) == ("COMPLETED", f"report {flow_run['name']}")
