"""What we say on an issue: one comment, one label; and whether a milestone is closed."""

from __future__ import annotations

from typing import Any

import pytest

from miyabi.milestones.issue_comment import (
    LABELS,
    IssueState,
    IssueStatus,
    closing,
    issue_comment,
    labels_for,
    state_of,
)
from miyabi.milestones.prompt import COMMENT_MARKER, heeded
from miyabi.sessions import Outcome
from miyabi.text.github_markdown import plain
from tests.support.values.milestones import comment, matches_golden, milestone
from tests.support.values.pull_requests import CLOSING, MENTION, NASTY, integration, rendered, run


def status(task: str, *, pull_request: int | None = None) -> IssueStatus:
    """Of a task of a run in which most went well."""
    report = run()
    row = next(row for row in report.tasks if row.task == task)
    return IssueStatus.of_task(row, report, integration(), pull_request=pull_request)


def test_golden() -> None:
    """The comments of each state read as agreed."""
    statuses = {
        "queued": IssueStatus(state=IssueState.QUEUED, run="20261122-113501-k3f"),
        "running": IssueStatus(state=IssueState.RUNNING, run="20261122-113501-k3f", machine="macmini-1"),
        "review": status("issue-1", pull_request=12),
        "conflict": status("issue-3", pull_request=12),
        "upstream left out": status("issue-4"),
        "work beside its branch": status("issue-2"),
        "failed": status("issue-5"),
        "skipped": status("issue-6"),
        "waiting": IssueStatus.waiting("it waits for #21, which is open and not an issue of this milestone"),
    }
    text = "\n".join(f"==== {name}\n{issue_comment(each)}" for name, each in statuses.items())
    assert matches_golden(text, name="issue_comments.md")


def test_a_rehearsal_says_that_it_is_one() -> None:
    """A try without a session is not taken for work."""
    text = issue_comment(status("issue-1").model_copy(update={"rehearsal": True}))
    assert text.startswith(f"{COMMENT_MARKER}\n\n> **Rehearsal.** ")
    assert "ehears" not in issue_comment(status("issue-1"))


def test_the_same_status_makes_the_same_text() -> None:
    """Nothing is edited where nothing changed."""
    assert issue_comment(status("issue-5")) == issue_comment(status("issue-5"))


@pytest.mark.parametrize("task", ["issue-1", "issue-2", "issue-3", "issue-5", "issue-6"])
def test_foreign_words_do_nothing(task: str) -> None:
    """Errors, reasons and file names close no issue and mention nobody."""
    shown = rendered(issue_comment(status(task)))
    assert CLOSING.findall(shown) == []
    assert MENTION.findall(shown) == []


def test_an_error_cannot_end_its_fence() -> None:
    """Whatever was said stays in the block, and is cut."""
    said = "```\n\n@octocat closes #1\n~~~~\n" * 500
    text = issue_comment(IssueStatus(state=IssueState.FAILED, error=said))
    assert MENTION.findall(rendered(text)) == []
    assert len(text) < 3000


def test_our_comment_is_not_told_to_a_session() -> None:
    """It begins with the marker by which it is left out of prompts and fingerprints."""
    text = issue_comment(status("issue-5"))
    assert text.startswith(f"{COMMENT_MARKER}\n")
    assert heeded([comment(1, text), comment(2, "words")]) == (comment(2, "words"),)


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_has_a_state_and_a_next_step(outcome: Outcome) -> None:
    """Only success is ready for review, and only what never had its turn waits."""
    waiting = dict.fromkeys((Outcome.SKIPPED, Outcome.NOT_STARTED), IssueState.WAITING)
    expected = {Outcome.SUCCEEDED: IssueState.REVIEW, **waiting}
    assert state_of(outcome, is_left_out=False) is expected.get(outcome, IssueState.FAILED)
    assert state_of(outcome, is_left_out=True) is not IssueState.REVIEW
    report = run()
    row = report.tasks[0].model_copy(update={"outcome": outcome})
    assert IssueStatus.of_task(row, report, None).next_step.endswith(".")


def test_only_what_is_ready_names_the_pull_request() -> None:
    """Work that was left out is not in it."""
    assert status("issue-1", pull_request=12).pull_request == 12
    assert status("issue-3", pull_request=12).pull_request is None


@pytest.mark.parametrize(
    ("state", "current", "add", "remove"),
    [
        (IssueState.QUEUED, [], ["miyabi:queued"], []),
        (IssueState.RUNNING, ["miyabi:queued", "bug"], ["miyabi:running"], ["miyabi:queued"]),
        (IssueState.RUNNING, ["Miyabi:Running"], [], []),
        (IssueState.REVIEW, ["MIYABI:FAILED", "miyabi"], ["miyabi:review"], ["MIYABI:FAILED"]),
        (IssueState.DONE, ["miyabi:review", "miyabi:queued"], [], ["miyabi:queued", "miyabi:review"]),
        (IssueState.WAITING, ["miyabi", "miyabi:other"], [], []),
    ],
)
def test_one_label_of_ours(state: IssueState, current: list[str], add: list[str], remove: list[str]) -> None:
    """The state's label and no other of ours, in whatever case; other labels are left alone."""
    change = labels_for(state, current=current)
    assert (list(change.add), list(change.remove)) == (add, remove)


def test_labels_have_the_agreed_names() -> None:
    """Four states have a label."""
    assert sorted(LABELS.values()) == ["miyabi:failed", "miyabi:queued", "miyabi:review", "miyabi:running"]


DONE: dict[str, Any] = {"all_succeeded": True, "rehearsal": False, "allowed": True}


@pytest.mark.parametrize(
    ("fields", "facts", "close", "reason"),
    [
        ({}, {}, True, "nothing is open and every task succeeded"),
        ({"state": "closed"}, {}, False, "it is closed already"),
        ({"open_issues": 1}, {}, False, "1 of its issues and pull requests is still open"),
        ({"closed_issues": 0}, {}, False, "there is nothing in it"),
        ({}, {"rehearsal": True}, False, "it was a rehearsal"),
        ({}, {"all_succeeded": False}, False, "not every task succeeded"),
        ({}, {"allowed": False}, False, "nothing is open; the settings do not let us close it"),
    ],
)
def test_when_a_milestone_is_closed(fields: dict[str, Any], facts: dict[str, Any], close: object, reason: str) -> None:
    """Only when nothing is open, something was done, all succeeded in earnest, and it is allowed."""
    found = closing(milestone(**{"closed_issues": 5, **fields}), **{**DONE, **facts})
    assert (found.close, found.reason) == (close, reason)


def test_reasons_are_foreign_text() -> None:
    """A reason may hold a title that somebody has made up."""
    assert plain(NASTY) in issue_comment(IssueStatus.waiting(NASTY))
