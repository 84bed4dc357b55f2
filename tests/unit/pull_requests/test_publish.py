"""What of a run goes to GitHub: branches, texts, statuses."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from miyabi.git import Changes
from miyabi.integration import Integration, LeftOut, LeftOutKind
from miyabi.pull_requests import base_branch, nothing_to_publish, plan_publication, statuses_of
from miyabi.reports import Report
from miyabi.runs import MilestoneRun, RunInfo
from miyabi.sessions import Outcome
from miyabi.settings import PullRequestMode, PullRequestSettings
from tests.support.values.pull_requests import BASE, HEAD, ISSUES, integration, run
from tests.support.values.results import RUN, report, result, small_dag

ONE, PER_TASK = PullRequestMode.ONE, PullRequestMode.PER_TASK
EMPTY = Integration(branch="miyabi/x", base=BASE, head=BASE)


def idle() -> Report:
    """A run whose only session changed nothing."""
    return report(small_dag({"a": []}), [result("a", Outcome.NO_CHANGES, changes=Changes())])


def test_one_branch() -> None:
    """The whole goes under the run's name, at the head of the integration."""
    plan = plan_publication(run(), integration(), issues=ISSUES, mode=ONE, name="v1.2")
    assert plan.branches == {f"miyabi/{RUN}": HEAD}
    assert [text.branch for text in plan.texts] == [f"miyabi/{RUN}"]
    assert plan.texts[0].title.startswith("v1.2: 2 of 7 tasks")


def test_a_branch_a_task() -> None:
    """Each task that succeeded with commits has its own head; those of the others stay here."""
    plan = plan_publication(run(), integration(), issues=ISSUES, mode=PER_TASK)
    rows = {row.branch: row.head for row in run().tasks}
    assert plan.branches == {name: rows[name] for name in (f"miyabi/{RUN}/issue-{n}" for n in (1, 2, 3, 4))}
    assert [text.branch for text in plan.texts] == list(plan.branches)


@pytest.mark.parametrize("mode", PullRequestMode)
def test_nothing_to_publish(mode: PullRequestMode) -> None:
    """No branch, no text, and the reason in a sentence; where there is something there is no such sentence."""
    plan = plan_publication(idle(), EMPTY, issues={}, mode=mode)
    assert (plan.branches, plan.texts) == ({}, ())
    assert nothing_to_publish(idle(), EMPTY, plan).startswith(f"Run {RUN}: nothing to merge")
    assert (
        nothing_to_publish(run(), integration(), plan_publication(run(), integration(), issues=ISSUES, mode=mode)) == ""
    )


def test_tasks_without_commits_of_a_whole_that_has_some() -> None:
    """One a task, and no task has work of its own: that is said, for the whole is not asked for."""
    plan = plan_publication(idle(), integration(), issues={}, mode=PER_TASK)
    said = f"Run {RUN}: no task has commits, so there is no pull request."
    assert nothing_to_publish(idle(), integration(), plan) == said


def test_a_rehearsal_is_not_published() -> None:
    """Its texts are made, to be read, and nothing goes to GitHub."""
    plan = plan_publication(run(rehearsal=True), integration(), issues=ISSUES, mode=ONE)
    assert plan.texts[0].title.startswith("[Rehearsal] ")
    assert "was a rehearsal" in nothing_to_publish(run(rehearsal=True), integration(), plan)


def test_what_github_refuses_for_its_size_stays_here() -> None:
    """With one pull request a task, a branch with too large a file stays here with what builds on it; others go."""
    size = LeftOut(task="issue-1", kind=LeftOutKind.SIZE, reason="too large")
    followers = [LeftOut(task=f"issue-{n}", kind=LeftOutKind.UPSTREAM, because_of="issue-1") for n in (2, 3, 4)]
    conflict = LeftOut(task="issue-3", kind=LeftOutKind.CONFLICT)
    for left_out, there in ((size, *followers), ()), ((conflict,), (1, 2, 3, 4)), ((size, followers[0]), (3, 4)):
        came = integration().model_copy(update={"left_out": left_out})
        plan = plan_publication(run(), came, issues=ISSUES, mode=PER_TASK)
        assert set(plan.branches) == {f"miyabi/{RUN}/issue-{n}" for n in there}
        statuses = statuses_of(run(), came, mode=PER_TASK)
        assert {status.context for status in statuses} == {f"miyabi/issue-{n}" for n in there}


def test_an_issue_with_a_task_that_github_refuses_stays_open() -> None:
    """Two tasks of one issue: the one that can be published closes nothing while the other cannot."""
    made = report(small_dag({"a": [], "b": []}), [result("a", files=["x"]), result("b", files=["y"])])
    size = LeftOut(task="a", kind=LeftOutKind.SIZE, reason="too large")
    for left_out, closes in ((), (7,)), ((size,), ()):
        came = Integration(branch="miyabi/x", base=BASE, head=HEAD, left_out=left_out)
        plan = plan_publication(made, came, issues={"a": 7, "b": 7}, mode=PER_TASK)
        assert plan.texts[-1].task == "b"
        assert plan.texts[-1].closes == closes


def test_a_task_that_failed_has_no_status_of_its_own() -> None:
    """Its commits are not at GitHub, which takes no status for them."""
    made = report(small_dag({"a": []}), [result("a", Outcome.CHECK_FAILED, files=["x"])])
    assert statuses_of(made, integration(), mode=PER_TASK) == ()


def test_statuses_of_the_whole() -> None:
    """Each task's outcome is on the head of the whole, left out is no success, and one says how the whole is."""
    made = statuses_of(run(), integration(), mode=ONE)
    assert {each.commit for each in made} == {HEAD}
    assert {each.context: each.state for each in made} == {
        "miyabi/issue-1": "success",
        "miyabi/issue-2": "success",
        "miyabi/issue-3": "failure",
        "miyabi/issue-4": "failure",
        "miyabi/issue-5": "failure",
        "miyabi/issue-6": "failure",
        "miyabi/tidy": "success",
        "miyabi": "failure",
    }
    said = {each.context: each.description for each in made}
    assert said["miyabi/issue-3"] == f"succeeded, left out (conflict) on macmini-1, run {RUN}"
    assert said["miyabi/issue-5"] == f"check failed on macmini-1, run {RUN}"
    assert said["miyabi"].startswith("verified. 2 left out. 5 of 7 tasks succeeded")


@pytest.mark.parametrize(("verified", "state"), [(True, "success"), (None, "success"), (False, "failure")])
def test_the_status_of_the_whole(*, verified: bool | None, state: str) -> None:
    """It is a success where all succeeded, nothing is left out and the verify commands do not fail."""
    good = report(small_dag({"a": []}), [result("a", files=["x"])])
    came = Integration(branch="miyabi/x", base=BASE, head=HEAD, verified=verified)
    assert statuses_of(good, came, mode=ONE)[-1].state == state
    out = LeftOut(task="a", kind=LeftOutKind.CONFLICT)
    assert statuses_of(good, came.model_copy(update={"left_out": (out,)}), mode=ONE)[-1].state == "failure"


def test_statuses_a_task() -> None:
    """Each is on the task's own head, whatever the whole says; tasks without work have none."""
    made = statuses_of(run(), integration(), mode=PER_TASK)
    heads = {f"miyabi/{row.task}": row.head for row in run().tasks}
    assert all(each.commit == heads[each.context] for each in made)
    assert {each.context: each.state for each in made} == {
        **{f"miyabi/issue-{n}": "success" for n in (1, 2, 3, 4)},
    }


@pytest.mark.parametrize(
    ("run_base", "is_milestone", "setting", "expected"),
    [
        ("develop", True, "main", "develop"),
        ("develop", False, "main", "main"),
        ("develop", False, None, "develop"),
        (None, True, "main", "main"),
        (None, False, None, None),
    ],
)
def test_the_base(run_base: str | None, setting: str | None, expected: str | None, *, is_milestone: bool) -> None:
    """A milestone's run has chosen it at its start; else the setting wins over what the run started from."""
    info = RunInfo(run=RUN, repository="/r", base=BASE, base_branch=run_base, started=datetime.now(UTC))
    of = MilestoneRun(repository="acme/app", number=3, title="v1.2") if is_milestone else None
    assert base_branch(info, of, PullRequestSettings(base=setting)) == expected
