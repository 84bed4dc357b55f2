from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from miyabi.claude import Before
from miyabi.dag import Node
from miyabi.runs import spent_all
from miyabi.runs.budget import before, spent
from miyabi.sessions import Outcome, SessionResult
from miyabi.settings import SessionDefaults

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def attempt(number: int, cost: float, *, total: float | None = None, **fields: Any) -> SessionResult:
    """An attempt that is over."""
    given = {"run": "r", "task": "t", "outcome": Outcome.KILLED, "attempt": number, "cost_usd": cost}
    return SessionResult.model_validate(given | {"total_usd": total} | fields)


@pytest.mark.parametrize(
    ("attempts", "expected"),
    [
        ([], Before()),
        ([attempt(1, 0.5, total=0.5)], Before(total_usd=0.5)),
        ([attempt(1, 0.5, total=0.0)], Before(since_usd=0.5)),
        ([attempt(2, 0.3, total=0.0), attempt(1, 0.5, total=0.0)], Before(since_usd=0.8)),
        ([attempt(1, 0.5, total=0.0), attempt(2, 0.3, total=0.3)], Before(total_usd=0.3)),
        ([attempt(1, 0.5, total=0.5), attempt(2, 0.3, total=0.5)], Before(total_usd=0.5, since_usd=0.3)),
        ([attempt(1, 0.5), attempt(2, 0.3)], Before(total_usd=0.8)),  # results of an earlier version
    ],
)
def test_what_a_conversation_had_cost(attempts: list[SessionResult], expected: Before) -> None:
    """Claude's own count, and beside it what it forgot because a process was killed."""
    found = before(attempts)
    assert (found.total_usd, found.since_usd) == pytest.approx((expected.total_usd, expected.since_usd))


def test_a_conversation_that_merges_went_back_to() -> None:
    """Its task's attempts come first, whatever the names of the others; those follow by their starts."""
    later = [
        attempt(1, 0.1, total=0.9, task="_resolve-t-b", start=NOON),
        attempt(1, 0.2, total=0.8, task="_resolve-t-c"),
    ]
    own = attempt(1, 0.5, total=0.5)
    assert before([later[1].model_copy(update={"start": NOON - timedelta(hours=1)}), own, later[0]]).total_usd == 0.9


def test_what_counts_against_a_budget() -> None:
    """All attempts that the work went on after, in whatever conversation; a task that is begun anew has all of it."""
    killed, lost = attempt(1, 0.5, session_id="x"), attempt(2, 0.25, session_id="y", outcome=Outcome.MACHINE_LOST)
    assert spent([killed, lost]) == 0.75
    assert spent([killed, lost, attempt(3, 1, outcome=Outcome.CHECK_FAILED)]) == 0
    assert spent([killed, attempt(2, 1, outcome=Outcome.BUDGET_EXCEEDED), attempt(3, 0.1)]) == 0.1


@pytest.mark.parametrize(("usd", "over"), [(0, False), (1.99, False), (1.995, True), (2, True), (5.4, True)])
def test_nothing_left(usd: float, *, over: bool) -> None:
    """Where nothing is left the reason says what was spent, of how much, and what to do."""
    reason = spent_all(Node(id="t", max_budget_usd=2), SessionDefaults(), spent_usd=usd)
    assert (reason is not None) is over
    if reason:
        assert reason.startswith(f"its attempts have spent {usd:.2f} USD of 2.00")
        assert "raise max_budget_usd of t" in reason


def test_no_budget() -> None:
    """A task without budget may spend whatever it takes; the settings' is every task's that has none of its own."""
    assert spent_all(Node(id="t"), SessionDefaults(), spent_usd=1e6) is None
    assert spent_all(Node(id="t"), SessionDefaults(max_budget_usd=1), spent_usd=1)
