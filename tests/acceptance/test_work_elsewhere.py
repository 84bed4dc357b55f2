"""What sessions leave beside their branches or unresolved on them is told truly, to people and to the next sessions."""

from __future__ import annotations

from typing import Any

from miyabi.integration import Integration
from miyabi.sessions import Outcome, SessionResult
from tests.support.cli.sshd_site import Site, site  # noqa: F401 - a fixture
from tests.support.git.repositories import git
from tests.support.prefect.server import prefect_database, prefect_server  # noqa: F401 - fixtures


def node(task: str, *upstreams: str, scenario: str = "write") -> dict[str, Any]:
    """A task whose upstreams are told in its prompt."""
    return {"id": task, "description": f"Do it. [[scenario:{scenario}]]", "dependencies": upstreams}


NODES = [
    node("beside", scenario="beside"),
    node("partly", scenario="partly"),
    node("conflict", scenario="conflict"),
    node("reads", "partly"),
    node("below", "conflict"),
]


def strays(task: str) -> str:
    """How one commit of one file of one line on the strays of a task is told."""
    return f"1 commit (1 file, +{2 if task == 'beside' else 1} -0) on miyabi/r1/{task}+strays"


def test_work_elsewhere_is_reported(site: Site) -> None:
    """No change is said of nobody who committed something; nothing unresolved is merged; the next session knows."""
    site.write_config(runs={"fix_attempts": 0})
    command = site.orchestrate(NODES)
    assert command.wait() == 1, command.output
    results = site.run_folder().latest_results()
    assert {task: result.outcome for task, result in results.items()} == {
        "beside": Outcome.OFF_BRANCH,
        "partly": Outcome.SUCCEEDED,
        "conflict": Outcome.UNRESOLVED_CONFLICT,
        "reads": Outcome.SUCCEEDED,
    }
    assert {skip.task for skip in site.report().skips} == {"below"}
    assert results["conflict"].unresolved == ("conflict.txt",)
    assert "<<<<<<< HEAD" in site.show("conflict", "conflict.txt"), "the work is kept"
    _is_told_to_people(site, results, said=command.output)
    _is_told_to_the_next(site)
    came = site.run_folder().load(Integration)
    assert came
    assert came.tasks == ("partly", "reads")
    assert git(site.repository, "grep", "-l", "<<<<<<<", came.branch, check=False) == ""


def _is_told_to_people(site: Site, results: dict[str, SessionResult], *, said: str) -> None:
    report = site.run_folder().report_file.read_text()
    for task in ("beside", "partly"):
        found = results[task].strays
        assert found
        assert f"{task}: beside its branch: {strays(task)}" in said
        size, _, branch = strays(task).partition(" on ")
        assert f"| `{task}` | {size} | `{branch}` |" in report
        assert git(site.repository, "rev-parse", found.branch)
    assert "left no change" not in said + report


def _is_told_to_the_next(site: Site) -> None:
    prompts = [request.prompt for request in site.api.requests if "Do it." in request.prompt]
    assert any(f"Beside that branch, so not in your checkout: {strays('partly')}." in prompt for prompt in prompts)
