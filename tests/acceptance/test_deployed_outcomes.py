"""How deployed flows end: each outcome that we know has its own state, and no worker's log has a traceback of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from miyabi.sessions import Outcome
from tests.support.cli.local_site import LocalSite
from tests.support.cli.milestone_site import MilestoneSite, emulate, github, quick  # noqa: F401 - fixtures
from tests.support.cli.process import Command
from tests.support.machines.processes import eventually
from tests.support.prefect.deployments import Deployments
from tests.support.prefect.server import prefect_database, prefect_server  # noqa: F401 - fixtures

Quick = MilestoneSite[LocalSite]
DAG, MILESTONE = "run-dag/manual", "run-milestone/manual"


def node(task: str, *upstreams: str, scenario: str = "write") -> dict[str, Any]:
    """A task of that scenario."""
    return {"id": task, "prompt": f"Do it. [[scenario:{scenario}]]", "dependencies": upstreams}


@dataclass(frozen=True, kw_only=True)
class Worked:
    """Deployments with a worker, which has the token of GitHub."""

    milestone_site: Quick
    deployed: Deployments
    worker: Command

    def press(self, deployment: str, **parameters: Any) -> dict[str, Any]:
        """A flow run of the deployment, as the UI makes it; what Prefect has of it."""
        given = {"repository": str(self.milestone_site.site.repository)} | parameters
        made = self.deployed.ask(
            f"/deployments/{self.deployed.read(deployment)['id']}/create_flow_run", {"parameters": given}
        )
        return dict(made)

    def state_of(self, run: dict[str, Any]) -> dict[str, Any]:
        """The state of a flow run, once it and its process have ended."""
        said = f"{run['name']!r}"
        eventually(
            lambda: self._read(run)["state_type"] in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"},
            seconds=120,
            why=lambda: f"{said}: {self.worker.output}",
        )
        found: dict[str, Any] = self._read(run)["state"]
        return found

    def log(self) -> str:
        """All that the worker and its processes have said, once they have ended by themselves."""
        eventually(lambda: not self.worker.children, why=lambda: self.worker.output)
        self.worker.terminate()
        self.worker.wait()
        return self.worker.output

    def tasks(self, run: str) -> dict[str, tuple[str, str]]:
        """Type and name of the state of each task run and sub-flow of the flow runs of that name, by its name."""
        named = {"flow_runs": {"name": {"any_": [run]}}}
        found = self.deployed.ask("/task_runs/filter", named)
        return {each["name"]: (each["state_type"], each["state_name"]) for each in found}

    def flows(self) -> dict[str, str]:
        """The name of the state of each flow run of this repository, by the flow run's name."""
        found = self.deployed.ask("/flow_runs/filter", {})
        root = str(self.milestone_site.site.repository)
        return {each["name"]: each["state_name"] for each in found if each["parameters"].get("repository") == root}

    def _read(self, run: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self.deployed.ask(f"/flow_runs/{run['id']}")
        return found


@pytest.fixture
def worked(quick: Quick) -> Worked:
    """All deployments, and a worker that waits for their runs."""
    deployed = Deployments(site=quick.site)
    deployed.deploy()
    return Worked(milestone_site=quick, deployed=deployed, worker=deployed.worker(GITHUB_TOKEN=quick.remote.token()))


def test_a_run(worked: Worked) -> None:
    """Some of it done: completed as Partial, dependants Skipped; nothing done: failed, in its own words."""
    quick = worked.milestone_site
    nodes = [node("good"), node("bad", scenario="fail"), node("below", "bad"), node("under", "below", "good")]
    run = worked.press(DAG, tasks=str(quick.site.write_tasks(nodes)), run="some")
    state = worked.state_of(run)
    assert (state["type"], state["name"]) == ("COMPLETED", "Partial")
    assert "1 of 4 tasks succeeded" in state["message"]
    assert worked.flows() == {"some": "Partial", "report some": "Partial"}
    wanted = {"good": ("COMPLETED", "Completed"), "bad": ("FAILED", "Failed")}
    wanted |= dict.fromkeys(("below", "under"), ("CANCELLED", "Skipped"))
    eventually(lambda: wanted.items() <= worked.tasks("some").items(), why=lambda: str(worked.tasks("some")))

    run = worked.press(DAG, tasks=str(quick.site.write_tasks([node("bad", scenario="fail")])), run="none")
    state = worked.state_of(run)
    assert (state["type"], state["name"], "0 of 1 task succeeded" in state["message"]) == ("FAILED", "Failed", True)
    assert "Traceback" not in worked.log()


def test_a_milestone_run(worked: Worked) -> None:
    """Two of three issues in a pull request: not one red row, and the pull request is named in the state."""
    quick = worked.milestone_site
    milestone = quick.remote.milestone("v1")
    good = [quick.issue(title, milestone) for title in ("One", "Two")]
    quick.issue("Three", milestone, scenario="fail")
    state = worked.state_of(worked.press("run-milestone/nightly", milestone=str(milestone)))
    (pull,) = quick.remote.pulls()
    assert (state["type"], state["name"]) == ("COMPLETED", "Partial")
    assert f"Pull request #{pull['number']}" in state["message"]
    (run,) = quick.runs()
    assert worked.flows() == dict.fromkeys((f"milestone {milestone}", run, f"report {run}"), "Partial")
    assert all(f"Closes #{number}" in pull["body"] for number in good)
    assert "Traceback" not in worked.log()


@pytest.mark.parametrize(
    ("deployment", "parameters", "said"),
    [
        (DAG, {"tasks": "/nowhere/tasks.json"}, "/nowhere/tasks.json"),
        ("aggregate-results/manual", {"run": "nobody"}, "run nobody: not found"),
        ("run-milestone/nightly", {"milestone": "v9"}, "milestone 'v9'"),
    ],
)
def test_bad_input(worked: Worked, deployment: str, parameters: dict[str, str], said: str) -> None:
    """It is refused once, in one line of the log, without a traceback; the state is named BadInput."""
    run = worked.press(deployment, **parameters)
    state = worked.state_of(run)
    assert (state["type"], state["name"], said in state["message"]) == ("FAILED", "BadInput", True), state
    output = worked.log()
    errors = [line for line in output.splitlines() if "ERROR" in line and said in line and "Finished in" not in line]
    assert (len(errors), "Traceback" in output) == (1, False), output
    assert worked.deployed.ask(f"/flow_runs/{run['id']}")["run_count"] == 1


def test_cancelled(worked: Worked) -> None:
    """Cancel in the UI with four sessions that have uncommitted files: all of it is here, told, and nothing crashed."""
    site, tasks = worked.milestone_site.site, [f"t{number}" for number in range(4)]
    nodes = [*(node(task, scenario="hold:end") for task in tasks), node("below", "t0")]
    run = worked.press(DAG, tasks=str(site.write_tasks(nodes)), run="held")
    written = [f"machines/*/checkouts/held/{task}/{task}/{task}.txt" for task in tasks]
    eventually(lambda: all(any(site.folder.glob(file)) for file in written), why=lambda: worked.worker.output)
    cancelling = {"state": {"type": "CANCELLING", "name": "Cancelling", "message": "in the UI"}}
    worked.deployed.ask(f"/flow_runs/{run['id']}/set_state", cancelling)
    state = worked.state_of(run)
    output = worked.log()
    assert (state["type"], state["name"]) == ("CANCELLED", "Cancelled")
    assert state["message"] == "Flow run was cancelled successfully."  # the worker's words, whatever we have said
    report = site.report("held")
    assert {row.task: (row.outcome, row.salvaged) for row in report.tasks if row.task != "below"} == dict.fromkeys(
        tasks, (Outcome.STOPPED, True)
    )
    artifacts = worked.deployed.ask("/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [run["id"]]}}})
    shown = {artifact["key"]: artifact for artifact in artifacts}
    assert shown["report-held"]["data"] == shown["report-latest"]["data"]
    assert "\n## What did not succeed\n" in shown["report-held"]["data"]
    assert "To go on: miyabi orchestrate --run held" in shown["report-held"]["description"]
    assert "To go on: miyabi orchestrate --run held" in output
    assert ("Traceback" in output, "Crash" in output) == (False, False), output


def test_a_stopped_milestone_run(worked: Worked) -> None:
    """`miyabi stop` ends what a worker runs as Cancel in the UI does, and returns when all of it is here."""
    quick = worked.milestone_site
    milestone = quick.remote.milestone("v1")
    quick.issue("One", milestone, scenario="hold:end")
    flow = worked.press("run-milestone/nightly", milestone=str(milestone))
    eventually(
        lambda: any(quick.site.folder.glob("machines/*/checkouts/*/*/*/*.txt")), why=lambda: worked.worker.output
    )
    (run,) = quick.runs()
    said = quick.site.start("stop", run).succeeds()
    assert "0 of 1 task succeeded" in said
    assert [(row.outcome, row.salvaged) for row in quick.site.report(run).tasks] == [(Outcome.STOPPED, True)]
    assert worked.state_of(flow)["type"] == "CANCELLED"
    assert quick.runs() == [run]
    assert "Traceback" not in worked.log()
