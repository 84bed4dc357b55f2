"""Whose work is reviewed, what the session that does it may, and what its end is taken for."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from miyabi.dag import Node, TaskType
from miyabi.runs import review_of
from miyabi.runs.review import reviewing_node, reviewing_settings
from miyabi.sessions import Outcome, Review, SessionResult, Verdict, is_reviewing, reviewed, reviewing
from miyabi.settings import ReviewSettings, SessionDefaults, Settings

HEAD = "0123456789abcdef"


def result(outcome: Outcome = Outcome.SUCCEEDED, **fields: Any) -> SessionResult:
    """A result of the task t."""
    return SessionResult.model_validate({"run": "r", "task": "t", "outcome": outcome, "head": HEAD} | fields)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, False),
        ({"sessions": True}, True),
        ({"types": ["bug"]}, True),
        ({"types": ["docs"]}, False),
        ({"labels": ["gpu", "xcode"]}, True),
        ({"labels": ["gpu"]}, False),
        ({"priorities": [1, 2]}, True),
        ({"priorities": [3]}, False),
        ({"types": ["docs"], "priorities": [2]}, True),
    ],
)
def test_whose_work_is_reviewed(settings: dict[str, Any], *, expected: bool) -> None:
    """That of all tasks, or of those of a type, label or priority that is named."""
    asked = ReviewSettings.model_validate(settings).concerns(type=TaskType.BUG, labels=["xcode"], priority=2)
    assert asked is expected


def test_every_type_can_be_named() -> None:
    """What `types` takes is what a node's type may be."""
    (each, _) = get_args(ReviewSettings.model_fields["types"].annotation)
    assert set(get_args(each)) == {str(kind) for kind in TaskType}


def test_it_can_only_read() -> None:
    """The session that reviews has no tools, check, set-up, servers or limits of the task's; model and login stay."""
    sessions = SessionDefaults(
        check="make",
        setup="make dev",
        max_turns=9,
        allowed_tools=("Bash",),
        permission_mode="bypassPermissions",
        mcp_config={"s": {"command": "s"}},
        copy_files=(".env",),
        extra_args=("--betas", "x"),
        oauth_token_file="~/t",  # noqa: S106 - a path
    )
    made = reviewing_settings(Settings(sessions=sessions, review=ReviewSettings(sessions=True, max_budget_usd=1)))
    ours = made.sessions
    assert (ours.check, ours.setup, ours.mcp_config, ours.copy_files) == (None, None, None, ())
    assert (ours.permission_mode, ours.allowed_tools) == ("dontAsk", ("Glob", "Grep", "Read"))
    assert (ours.max_turns, ours.max_budget_usd, ours.timeout_minutes) == (50, 1, 15)
    assert ours.extra_args[2:] == ("--tools", "Glob,Grep,Read", "--betas", "x")
    assert ours.oauth_token_file == "~/t"  # noqa: S105 - a path
    assert made.runs.fix_attempts == 0
    assert not made.review.sessions


def test_it_is_asked_what_the_task_was() -> None:
    """Its prompt has what was asked and the diff; of the task's fields it has the model, and where it may run."""
    of = Node(
        id="t",
        title="Mend it",
        description="All of it.",
        check="make",
        model="opus",
        max_turns=3,
        allowed_tools=("Bash",),
        requires=("xcode",),
        fix_attempts=5,
        extra_args=("--betas", "x"),
    )
    node = reviewing_node(of, result(), settings=Settings(), diff="+line")
    assert node.id == "_review-t-01234567"
    assert "Mend it\n\nAll of it." in (node.prompt or "")
    assert "+line" in (node.prompt or "")
    assert (node.check, node.max_turns, node.allowed_tools, node.fix_attempts) == (None, None, None, None)
    assert (node.model, node.requires, node.expect_changes) == ("opus", ("xcode",), False)
    assert (node.extra_args or ())[-2:] == ("--betas", "x")


def test_its_name_is_made_and_read() -> None:
    """The name of a review says the task, whatever that is called, and the commit."""
    name = reviewing("a-b-_review-1", head=HEAD)
    assert is_reviewing(name)
    assert not is_reviewing("t")
    assert reviewed(name) == "a-b-_review-1"


APPROVED = Review(verdict=Verdict.APPROVED)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (result(review=APPROVED), APPROVED),
        (
            result(),
            Review(verdict=Verdict.UNREVIEWED, reason="its answer is not of the form that was asked for"),
        ),
        (
            result(Outcome.MAX_TURNS, error_text="50 turns; raise it", review=APPROVED),
            Review(verdict=Verdict.UNREVIEWED, reason="it ended as max_turns: 50 turns; raise it"),
        ),
    ],
)
def test_only_an_answer_is_a_verdict(answer: SessionResult, expected: Review) -> None:
    """A malformed answer is no approval, and a session that was cut short approves nothing, whatever it said."""
    assert review_of(answer) == expected
