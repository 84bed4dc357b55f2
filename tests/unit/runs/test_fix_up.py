"""When a failure goes back to its conversation, and when it does not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from miyabi.dag import Node
from miyabi.runs.budget import spent
from miyabi.runs.fix_up import failed_before, fix_up_is_due, next_fix_ups, used, why_given_up
from miyabi.sessions import Outcome, SessionResult
from miyabi.settings import Settings
from miyabi.settings.tables import RunDefaults

START = datetime(2026, 1, 1, tzinfo=UTC)


def attempt(number: int, outcome: Outcome = Outcome.CHECK_FAILED, *, fix_ups: int = 0, **fields: Any) -> SessionResult:
    """An attempt of five minutes, five turns and a dollar, that ended so in the conversation c."""
    given = {"session_id": "c", "machine": "m1", "turns": 5, "cost_usd": 1.0, "head": f"h{number}", "fix_ups": fix_ups}
    given |= {"start": START, "end": START + timedelta(minutes=5), "check_output": f"{9 - number} fell"}
    return SessionResult.model_validate(
        {"run": "r", "task": "t", "attempt": number, "outcome": outcome} | given | fields
    )


def due(attempts: Sequence[SessionResult], *, most: int = 2, **node: Any) -> bool:
    """Whether a fix-up is due where so many are allowed."""
    settings = Settings(runs=RunDefaults(fix_attempts=most))
    return fix_up_is_due(attempts, node=Node(id="t", **node), settings=settings)


def reason(attempts: Sequence[SessionResult], **node: Any) -> str:
    """Why none is due though one might be."""
    return why_given_up(attempts, node=Node(id="t", **node), settings=Settings())


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, True),
        ({"outcome": Outcome.UNRESOLVED_CONFLICT}, True),
        ({"outcome": Outcome.PERMISSION_DENIED}, True),
        ({"outcome": Outcome.NO_CHANGES, "left_there": ("big.bin",)}, True),
        ({"outcome": Outcome.NO_CHANGES}, False),
        ({"outcome": Outcome.SUCCEEDED}, False),
        ({"outcome": Outcome.SUCCEEDED, "review": {"verdict": "changes_asked"}}, True),
        ({"outcome": Outcome.SUCCEEDED, "review": {"verdict": "approved"}}, False),
        ({"outcome": Outcome.SUCCEEDED, "review": {"verdict": "unreviewed"}}, False),
        ({"outcome": Outcome.SUCCEEDED, "review": {"verdict": "pending"}}, False),
        ({"outcome": Outcome.MAX_TURNS}, False),
        ({"outcome": Outcome.TIMED_OUT}, False),
        ({"outcome": Outcome.BUDGET_EXCEEDED}, False),
        ({"outcome": Outcome.AGENT_ERROR}, False),
        ({"session_id": None}, False),
        ({"rehearsal": True}, False),
    ],
)
def test_what_goes_back(fields: dict[str, Any], *, expected: bool) -> None:
    """A session that came to its end, and was wrong, can mend it in its conversation; no other failure goes back."""
    assert due([attempt(1, **fields)]) is expected


def test_never_more_than_allowed() -> None:
    """The node's number wins over the settings'; 0 turns it off."""
    rounds = [attempt(number + 1, fix_ups=number) for number in range(4)]
    assert [due(rounds[:many]) for many in range(5)] == [False, True, True, False, False]
    assert [due(rounds[:many], most=0) for many in range(5)] == [False] * 5
    assert [due(rounds[:many], most=0, fix_attempts=1) for many in range(3)] == [False, True, False]


def test_a_denial_where_nothing_is_allowed() -> None:
    """A session that may use no tool at all could do nothing else."""
    assert not due([attempt(1, Outcome.PERMISSION_DENIED)], allowed_tools=())


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"check_output": "8 fell"}, "a failure that had come before"),
        ({"check_output": "8 fell in 12.5 s", "before": "8 fell in 1 min"}, "a failure that had come before"),
        ({"check_output": "at 0x7f, 10:11:12", "before": "at 0x8a, 09:08:07"}, "a failure that had come before"),
        ({"head": "h1"}, "committed nothing"),
        ({"check_output": "8 fell", "check_exit_status": 2}, ""),
        ({"outcome": Outcome.UNRESOLVED_CONFLICT, "check_output": "8 fell"}, ""),
        ({"check_output": "7 fell in 12.5 s", "before": "8 fell in 12.5 s"}, ""),
    ],
)
def test_it_ends_early(fields: dict[str, Any], word: str) -> None:
    """The same failure twice, whatever it took this time, or nothing committed, is the end, and is said."""
    before = fields.pop("before", "8 fell")
    rounds = [attempt(1, check_output=before), attempt(2, **({"fix_ups": 1} | fields))]
    assert due(rounds) is not bool(word)
    assert word in reason(rounds)


@pytest.mark.parametrize(
    ("node", "word"),
    [
        ({"max_turns": 10}, "max_turns"),
        ({"max_turns": 11}, ""),
        ({"timeout_minutes": 10}, "timeout_minutes"),
        ({"timeout_minutes": 10.5}, "timeout_minutes"),
        ({"timeout_minutes": 11}, ""),
        ({"max_budget_usd": 2}, "max_budget_usd"),
        ({"max_budget_usd": 2.1}, ""),
    ],
)
def test_the_limits_are_those_of_all_rounds(node: dict[str, Any], word: str) -> None:
    """Where budget, turns or time are spent by the rounds together there is no other, and which it was is said."""
    rounds = [attempt(1), attempt(2, fix_ups=1)]
    assert due(rounds, **node) is not bool(word)
    assert word in reason(rounds, **node)
    assert bool(reason(rounds, **node)) is bool(word)


def test_set_up_and_check_are_not_on_the_clock() -> None:
    """Time is what claude says that it worked, and the whole attempt where it does not say."""
    rounds = [attempt(1, agent_seconds=60.0), attempt(2, fix_ups=1, agent_seconds=30.0)]
    assert used(rounds) == (10, 90.0)
    assert used([rounds[0], attempt(2, fix_ups=1)]) == (10, 360.0)
    assert due(rounds, timeout_minutes=2)


def test_rounds_are_counted_since_the_task_was_begun_anew() -> None:
    """What a run that somebody started again tried is no round of what it begins; a round that was cut short is one."""
    cut = attempt(3, Outcome.KILLED, fix_ups=1)
    first = [attempt(1), attempt(2, fix_ups=1), cut, attempt(4, fix_ups=1), attempt(5, fix_ups=2)]
    anew = [*first, attempt(6), attempt(7, fix_ups=1)]
    assert failed_before(first, 1) == first[0]
    assert (failed_before(first, 2), failed_before(anew, 1), failed_before(anew, 2)) == (first[3], anew[5], anew[6])
    assert (used(first), used(anew)) == ((25, 1500.0), (10, 600.0))
    known: dict[str, Any] = {"node": Node(id="t"), "settings": Settings()}
    expected = [0, 1, 2, 1, 2, 0, 1, 2]
    assert [next_fix_ups(anew[:many], **known) for many in range(len(anew) + 1)] == expected


def test_a_fix_up_is_paid_from_the_same_budget() -> None:
    """What counts against it is what all rounds have cost; a task that is begun anew has all of it."""
    rounds = [attempt(1), attempt(2, fix_ups=1)]
    assert [spent(rounds[:1], fix_ups=1), spent(rounds, fix_ups=2)] == [1, 2]
    assert [spent(rounds[:1]), spent(rounds), spent([*rounds, attempt(3)], fix_ups=1)] == [0, 0, 1]
