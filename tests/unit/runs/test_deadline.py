"""What may start when a run is to be over by an hour, and why not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from miyabi.dag import Node, TaskType
from miyabi.machines import Machine
from miyabi.runs import Deadline
from miyabi.runs.deadline import ACTIVE_HOURS, NO_DEADLINE
from miyabi.runs.durations import Durations
from miyabi.sessions import Outcome, SessionResult
from miyabi.settings import Settings

NOW = datetime(2026, 12, 1, 22, tzinfo=UTC).timestamp()
HOUR = 3600.0
ALWAYS = Machine(name="m1")
KNOWN = Durations(by_type={TaskType.DOCS: (60.0, 120.0, 180.0, 240.0, 3000.0), TaskType.BUG: (7200.0, 7200.0)})
NIGHT = Deadline(until=NOW + 2 * HOUR, stop_at=NOW + HOUR, durations=KNOWN)


@pytest.mark.parametrize(
    ("node", "seconds_before", "may"),
    [
        pytest.param(Node(id="a", type=TaskType.DOCS), 241, True, id="the p75 of its type fits"),
        pytest.param(Node(id="a", type=TaskType.DOCS), 239, False, id="it does not"),
        pytest.param(Node(id="a", type=TaskType.DOCS, estimated_duration=50), 241, True, id="what was beats a guess"),
        pytest.param(Node(id="a", type=TaskType.BUG, estimated_duration=3), 181, True, id="two are too few"),
        pytest.param(Node(id="a", type=TaskType.BUG, estimated_duration=3), 179, False, id="so its estimate counts"),
        pytest.param(Node(id="a"), 301, True, id="an estimate that nobody made"),
    ],
)
def test_a_task_begins_where_its_usual_time_is_left(node: Node, seconds_before: float, *, may: bool) -> None:
    """Until sessions are told to end; the reason says how long it takes, and by what that is said."""
    now = NIGHT.stop_at - seconds_before
    reason = NIGHT.why_not(node, is_begun=False, now=now)
    assert (reason is None) == may
    assert reason is None or reason.startswith("until: it is likely to take ")
    assert NIGHT.why_not(node, is_begun=True, now=now) is None


def test_nothing_begins_when_sessions_are_told_to_end() -> None:
    """Nor is anything gone on with, however short it may be."""
    for is_begun in (True, False):
        reason = NIGHT.why_not(Node(id="a"), is_begun=is_begun, now=NIGHT.stop_at)
        assert reason
        assert reason.startswith("until: sessions are told to end at ")


def test_a_clock_that_jumps() -> None:
    """Set back it lets tasks begin again, set forward none; a machine is never told of a time that is over."""
    docs = Node(id="a", type=TaskType.DOCS)
    assert NIGHT.why_not(docs, is_begun=False, now=NOW - 1e9) is None
    assert NIGHT.why_not(docs, is_begun=False, now=NOW + 1e9)
    assert NIGHT.seconds_left(ALWAYS, now=NOW + 1e9) == 1
    assert NIGHT.seconds_left(ALWAYS, now=NOW) == 2 * HOUR


def test_without_an_hour() -> None:
    """Everything starts at any time, and no machine ends anything by itself."""
    assert NO_DEADLINE.why_not(Node(id="a"), is_begun=False, now=1e12) is None
    assert (NO_DEADLINE.seconds_left(ALWAYS, now=NOW), NO_DEADLINE.text) == (0, None)


@pytest.mark.parametrize(
    ("outcome", "after", "said"),
    [(Outcome.STOPPED, 1, True), (Outcome.STOPPED, -1, False), (Outcome.CHECK_FAILED, 1, False)],
)
def test_what_was_told_to_end_says_so(outcome: Outcome, after: float, *, said: bool) -> None:
    """And nothing else does: not what was stopped before, nor what failed."""
    end = datetime.fromtimestamp(NIGHT.stop_at + after, tz=UTC)
    result = SessionResult(run="r", task="a", outcome=outcome, end=end, error_text="as it was")
    assert str(NIGHT.explained(result, ALWAYS).error_text).startswith("until: ") == said


@pytest.mark.parametrize(
    ("tables", "minutes"),
    [
        ({}, 10),
        ({"integration": {"verify": ["make"], "verify_timeout_minutes": 20}}, 30),
        ({"runs": {"wrap_up_minutes": 3}, "integration": {"verify": ["make"]}}, 3),
    ],
)
def test_time_to_wrap_up(tables: dict[str, dict[str, object]], minutes: float) -> None:
    """Ten minutes, and as long as a verify command may take; or what the settings say."""
    assert Settings.model_validate(tables).wrap_up_seconds == 60 * minutes


def test_what_ended_with_its_machines_hours_says_so() -> None:
    """Where the machine is closed by then, and the run has still time."""
    closed = Machine(name="m1", active_hours="10:00-22:00, UTC")
    result = SessionResult(run="r", task="a", outcome=Outcome.STOPPED, end=datetime.fromtimestamp(NOW + 2, tz=UTC))
    assert NIGHT.explained(result, closed).error_kind == ACTIVE_HOURS
    assert NIGHT.explained(result, ALWAYS) == result
    assert NIGHT.seconds_left(closed, now=NOW - 60) == 60
    assert NO_DEADLINE.seconds_left(closed, now=NOW - 60) == 60
