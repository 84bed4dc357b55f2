"""What follows an attempt that did not succeed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from miyabi.retry import Next, delay_seconds, next_step
from miyabi.session import Outcome, SessionResult


def step(outcome: Outcome, *, attempts: int = 1, others: bool = True, resets: bool = False) -> Next:
    """The step after an attempt with that outcome."""
    resets_at = datetime(2026, 1, 1, tzinfo=UTC) if resets else None
    result = SessionResult(run="r", task="t", outcome=outcome, resets_at=resets_at)
    return next_step(result, attempts=attempts, max_attempts=3, other_machines=others)


@pytest.mark.parametrize("outcome", [Outcome.API_UNAVAILABLE, Outcome.KILLED])
def test_passing_trouble_goes_on_where_it_was(outcome: Outcome) -> None:
    """The conversation is taken up again on the machine that has it."""
    assert step(outcome) is Next.RESUME_HERE


@pytest.mark.parametrize("outcome", [Outcome.MACHINE_LOST, Outcome.NOT_LOGGED_IN, Outcome.LAUNCH_FAILED])
def test_a_sick_machine_is_left(outcome: Outcome) -> None:
    """The task moves, unless there is nowhere to move to."""
    assert step(outcome) is Next.ELSEWHERE
    assert step(outcome, others=False) is Next.FINISH


def test_a_usage_limit_burns_no_attempt() -> None:
    """It is waited for however often it comes, but only where we know for how long."""
    assert step(Outcome.USAGE_LIMIT, attempts=99, resets=True) is Next.WAIT_FOR_LIMIT
    assert step(Outcome.USAGE_LIMIT) is Next.FINISH


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome.SUCCEEDED,
        Outcome.CHECK_FAILED,
        Outcome.MAX_TURNS,
        Outcome.NO_CHANGES,
        Outcome.API_REFUSED,
        Outcome.STOPPED,
    ],
)
def test_what_would_end_alike_is_not_repeated(outcome: Outcome) -> None:
    """Wrong work is the task's outcome."""
    assert step(outcome) is Next.FINISH


def test_attempts_come_to_an_end() -> None:
    """The last attempt's outcome stands."""
    assert step(Outcome.API_UNAVAILABLE, attempts=3) is Next.FINISH


def test_the_delay_doubles_to_a_quarter_of_an_hour() -> None:
    """Nobody hammers an API that is down."""
    assert [delay_seconds(attempts=n, first=30) for n in (1, 2, 3, 9)] == [30, 60, 120, 900]
