"""The flow that makes one branch and a report of a run, on a real Prefect server."""

from __future__ import annotations

import pytest

from miyabi.integration import Integration
from miyabi.pull_requests import plan_publication
from miyabi.reports import read_report, report_page
from miyabi.sessions import Outcome
from miyabi.settings import PullRequestMode
from tests.support.git.repositories import git, project, quiet_home, snapshot  # noqa: F401
from tests.support.machines.processes import eventually
from tests.support.prefect.aggregated import (
    BRANCH,
    VERIFY,
    aggregate,
    configure,
    flow_run_of,
    logs,
    report,
    values,
)
from tests.support.prefect.api import ask
from tests.support.prefect.in_flow import task_runs
from tests.support.prefect.server import RealServer, prefect_database, prefect_server  # noqa: F401
from tests.support.values.finished_runs import PlayedRun, played, temporary_checkouts  # noqa: F401
from tests.support.values.results import RUN

pytestmark = pytest.mark.usefixtures("temporary_checkouts")


async def test_what_fits_is_merged_and_the_rest_is_named(prefect_server: RealServer, played: PlayedRun) -> None:
    """Verified as task runs, culprits left out; branch, report, artifact, logs and state tell the same."""
    for task in "abc":
        await played.task(task, {f"{task}.txt": "x"})
    await played.task("breaks", {"broken.txt": "x"})
    await played.task("on-it", {"more.txt": "x"}, after=["breaks"])
    await played.task("one", {"src/a.txt": "one\n2\n3\n"})
    await played.task("two", {"src/a.txt": "two\n2\n3\n"})
    configure(played)
    folder, before = played.keep(), snapshot(played.root)

    state = aggregate(played)

    kept = folder.load(Integration)
    assert kept
    assert (kept.tasks, kept.verified) == (("a", "b", "c", "one"), True)
    assert [out.task for out in kept.left_out] == ["breaks", "on-it", "two"]
    assert git(played.root, "rev-parse", BRANCH) == kept.head
    assert snapshot(played.root) == before
    assert (state.is_completed(), state.name) == (True, "Partial")
    assert f"{BRANCH} holds 4 of 7 tasks. Left out: breaks: `{VERIFY}` fails from its merge on" in (state.message or "")
    text = report(folder)
    assert "| `breaks` | check |" in text
    assert "| `two` | conflict | it does not merge with one: both changed src/a.txt | `src/a.txt` |" in text
    flow_run = flow_run_of(state)
    log = logs(prefect_server, flow_run, until="report: ")
    assert "FAILED broken.txt is there" in log
    assert "all is well" in log
    wanted = {f"verify {what}: {VERIFY}"[:40] for what in ("all 6 merges", "the base", "all 4 merges")}
    eventually(lambda: wanted < {run.name[:40] for run in task_runs(str(flow_run), count=len(wanted))})
    artifacts = {"artifacts": {"flow_run_id": {"any_": [str(flow_run)]}}}
    shown = {each["key"]: each["data"] for each in ask(f"{prefect_server.url}/artifacts/filter", artifacts)}
    page = report_page(folder, read_report(folder) or pytest.fail("no report"))
    assert shown == {f"report-{RUN}": page, "report-latest": page}
    assert "- `two`: conflict: it does not merge with one: both changed src/a.txt (`src/a.txt`)" in page


async def test_twenty_branches(prefect_server: RealServer, played: PlayedRun) -> None:
    """Of 20 branches 3 conflict and 1 breaks the checks: 16 are merged, report and pull request name the 4 and why."""
    for number in range(20):
        files: dict[str, str | None] = {f"part{number}.txt": "x\n"}
        files |= {"src/a.txt": f"{number}\n2\n3\n"} if number in {2, 7, 12, 17} else {}
        files |= {"broken.txt": "x\n"} if number == 9 else {}
        await played.task(f"t{number:02}", files)
    configure(played)
    folder = played.keep()

    state = aggregate(played)

    assert f"{BRANCH} holds 16 of 20 tasks." in (state.message or "")
    kept = folder.load(Integration)
    assert kept
    merged = git(
        played.root, "log", "--first-parent", "--format=%(trailers:key=Miyabi-Task,valueonly,separator=)", BRANCH
    )
    assert sorted(filter(None, merged.splitlines())) == [f"t{n:02}" for n in range(20) if n not in {7, 9, 12, 17}]
    issues = {f"t{number:02}": 100 + number for number in range(20)}
    plan = plan_publication(values(folder), kept, issues=issues, mode=PullRequestMode.ONE)
    (pull_request,) = plan.texts
    assert plan.branches == {pull_request.branch: kept.head}
    assert pull_request.title == f"Run {RUN}: 16 of 20 tasks"
    assert set(pull_request.closes) == {100 + n for n in range(20) if n not in {7, 9, 12, 17}}
    for text in (report(folder), pull_request.body):
        for task in ("t07", "t12", "t17"):
            (line,) = [line for line in text.splitlines() if f"`{task}`" in line and "conflict" in line]
            assert "it does not merge with t02: both changed src/a.txt" in line
        (line,) = [line for line in text.splitlines() if "`t09`" in line and "check" in line]
        assert "fails from its merge on (exit status 3): FAILED broken.txt is there" in line


async def test_all_is_well_and_again(prefect_server: RealServer, played: PlayedRun) -> None:
    """A run whose work is all on a verified branch completes; again it is the same branch and the same report."""
    await played.task("a", {"a.txt": "x"})
    await played.task("b", {"b.txt": "x"}, after=["a"])
    configure(played)
    folder = played.keep()
    first = aggregate(played)
    assert first.is_completed(), first.message
    assert (first.message or "").endswith(f"{BRANCH} holds 2 of 2 tasks. The verify commands pass.")
    files = ("integration.json", "report.md", "report.json")
    before = {name: (folder.path / name).read_bytes() for name in files}
    assert aggregate(played).message == first.message
    assert {name: (folder.path / name).read_bytes() for name in files} == before


async def test_a_base_that_fails_is_no_success(prefect_server: RealServer, played: PlayedRun) -> None:
    """All tasks succeeded and are merged, but what comes of it does not pass: the flow fails, and says why."""
    await played.task("a", {"a.txt": "x"})
    configure(played, verify="echo out of order; exit 4")
    folder = played.keep()
    state = aggregate(played)
    assert state.is_failed()
    assert (state.message or "").endswith("holds 1 of 1 task. The verify commands do not pass.")
    assert "The base fails by itself" in report(folder)


async def test_a_task_that_failed_is_no_success(prefect_server: RealServer, played: PlayedRun) -> None:
    """Where a task did not succeed the flow ends as Partial, and the rest is merged and verified."""
    await played.task("a", {"a.txt": "x"})
    await played.task("b", outcome=Outcome.TIMED_OUT, error_text="after 30 minutes")
    configure(played)
    played.keep()
    state = aggregate(played)
    assert (state.is_completed(), state.name) == (True, "Partial")
    assert git(played.root, "rev-parse", BRANCH)


async def test_nothing_that_can_be_used_is_a_failure(prefect_server: RealServer, played: PlayedRun) -> None:
    """Where no task succeeded, or the work of none fits, the flow fails; what changed nothing was done all the same."""
    await played.task("a", outcome=Outcome.TIMED_OUT, error_text="after 30 minutes")
    played.keep()
    assert aggregate(played).is_failed()
    await played.task("breaks", {"broken.txt": "x"})
    configure(played)
    played.keep()
    assert aggregate(played).is_failed()
    await played.task("looked", {})
    played.keep()
    assert aggregate(played).name == "Partial"


async def test_a_name_that_prefect_would_not_have(prefect_server: RealServer, played: PlayedRun) -> None:
    """A run's name may hold what the key of an artifact may not."""
    run = PlayedRun(played.repository, run="Nightly_1")
    await run.task("a", {"a.txt": "x"})
    run.keep()
    assert aggregate(run, run="Nightly_1").is_completed()


async def test_the_report_is_of_the_run(prefect_server: RealServer, played: PlayedRun) -> None:
    """report.json holds what the results say, and how long the run itself took, whenever it is made."""
    await played.task("a", {"a.txt": "x"})
    folder = played.keep()
    aggregate(played)
    made = values(folder)
    assert (made.total, made.succeeded, made.wall_seconds) == (1, 1, 600)
