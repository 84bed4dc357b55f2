"""What a report says of reviews: the last verdict, what stays open, and what they cost, apart from the tasks."""

from __future__ import annotations

from typing import Any

import pytest

from miyabi.reports import Report
from miyabi.reports.markdown import to_markdown
from miyabi.sessions import Finding, Outcome, Review, SessionResult, Verdict, reviewing
from tests.support.values.results import report, result, small_dag

FINDINGS = (Finding(file="a|b.py", line=3, why="<b> it | lies"), Finding(file="c", why="no"))
FOUND = Review(verdict=Verdict.CHANGES_ASKED, findings=FINDINGS)


def made(**fields: Any) -> Report:
    """The report of a task that was reviewed twice, and of one that was not."""
    return report(
        small_dag({"a": [], "b": []}),
        [
            result("a", files=["x"], attempt=1),
            result("a", files=["x"], attempt=2, fix_ups=1, **fields),
            result("b"),
            *reviews("a"),
        ],
    )


def reviews(task: str) -> list[SessionResult]:
    """The sessions that reviewed it: the first in two attempts."""
    first, second = (reviewing(task, head=head * 8) for head in "fa")
    return [
        result(first, Outcome.API_UNAVAILABLE, attempt=1, after=60, cost_usd=0.01, cost_is_partial=True),
        result(first, attempt=2, after=120, cost_usd=0.02),
        result(second, after=180, cost_usd=0.04),
    ]


def test_the_last_verdict_counts_and_costs_are_apart() -> None:
    """A row has what the last review says and what all of them took, which is in the run's cost and in no task's."""
    found = made(review=FOUND)
    (row,) = found.reviews
    assert (row.task, row.review, row.session) == ("a", FOUND, "_review-a-aaaaaaaa")
    assert (row.sessions, row.turns, row.cost_usd, row.cost_is_partial) == (3, 12, 0.07, True)
    assert found.reviews_usd == 0.07
    assert [each.cost_usd for each in found.tasks] == [0.5, 0.25]
    assert found.cost_usd == 0.82
    assert found.warnings == ()
    assert found.total == 2


@pytest.mark.parametrize(
    ("fields", "verdict", "said"),
    [
        ({"review": FOUND}, "changes_asked", ["a&#124;b.py:3", "it &#124; lies", "no"]),
        ({"review": Review(verdict=Verdict.APPROVED)}, "approved", []),
        (
            {"review": Review(verdict=Verdict.UNREVIEWED, reason="it crashed")},
            "unreviewed",
            ["no approval: it crashed"],
        ),
        ({"review": Review(verdict=Verdict.PENDING)}, "unreviewed", ["did not come to its end"]),
        ({"outcome": Outcome.CHECK_FAILED}, "unreviewed", ["what came after its last review did not succeed"]),
    ],
)
def test_what_is_open_is_told(fields: dict[str, Any], verdict: str, said: list[str]) -> None:
    """Findings that stay, and work without a verdict, stand in the report; what is approved without any does not."""
    found = made(**fields)
    assert [row.verdict for row in found.reviews] == [verdict]
    before, _, section = to_markdown(found).partition("## What the reviews left open")
    assert "## Reviews" in before
    assert bool(section) is bool(said)
    assert [each for each in said if each not in section.partition("\n## ")[0]] == []


def test_a_run_without_reviews_says_nothing_of_them() -> None:
    """Whoever does not have work reviewed reads no word of it."""
    found = report(small_dag({"a": []}), [result("a")])
    assert found.reviews == ()
    assert "eview" not in to_markdown(found)
