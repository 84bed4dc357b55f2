"""What follows an attempt that did not succeed."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

import pytest

from miyabi.attempts import Next, Outage, delay_seconds, is_sick, limit_is_over, next_step
from miyabi.sessions import Outcome, SessionResult

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


def step(outcome: Outcome, *, attempts: int = 1, others: bool = True, resets: bool = False) -> Next:
    """The step after an attempt with that outcome."""
    resets_at = NEW_YEAR if resets else None
    result = SessionResult(run="r", task="t", outcome=outcome, resets_at=resets_at)
    return next_step(result, attempts=attempts, max_attempts=3, other_machines=others, wait_until=NEW_YEAR.timestamp())


@pytest.mark.parametrize("outcome", [Outcome.API_UNAVAILABLE, Outcome.KILLED])
def test_passing_failure_goes_on_where_it_was(outcome: Outcome) -> None:
    """The conversation is taken up again on the machine that has it."""
    assert step(outcome) is Next.RESUME_HERE


def test_what_its_conversation_can_mend_goes_back_to_it() -> None:
    """However many attempts were burnt: fix-ups have a count of their own."""
    red = SessionResult(run="r", task="t", outcome=Outcome.CHECK_FAILED)
    known = {"attempts": 3, "max_attempts": 3, "other_machines": True, "wait_until": 0.0}
    assert next_step(red, fix_up_is_due=True, **known) is Next.FIX_UP


@pytest.mark.parametrize("outcome", [Outcome.MACHINE_LOST, Outcome.NOT_LOGGED_IN, Outcome.LAUNCH_FAILED])
def test_a_sick_machine_is_left(outcome: Outcome) -> None:
    """The task moves, unless there is nowhere to move to."""
    assert step(outcome) is Next.ELSEWHERE
    assert step(outcome, others=False) is Next.FINISH


def test_a_set_up_is_tried_once_more() -> None:
    """On another machine where there is one, and never against the machine."""
    red = SessionResult(run="r", task="t", outcome=Outcome.SETUP_FAILED, error_kind="setup_failed")
    known = {"attempts": 1, "max_attempts": 9, "wait_until": 0.0}
    assert next_step(red, other_machines=True, failed_setups=1, **known) is Next.ELSEWHERE
    assert next_step(red, other_machines=False, failed_setups=1, **known) is Next.RESUME_HERE
    assert next_step(red, other_machines=True, failed_setups=2, **known) is Next.FINISH
    assert not is_sick(red)


def test_what_was_not_admitted_waits_for_another_run() -> None:
    """A budget that is used up is so on each machine."""
    held = SessionResult(run="r", task="t", outcome=Outcome.NOT_STARTED, error_kind="NotAdmitted")
    known = {"attempts": 1, "max_attempts": 3, "other_machines": True, "wait_until": 0.0}
    assert next_step(held, **known) is Next.FINISH
    assert next_step(held.model_copy(update={"error_kind": "GitFailed"}), **known) is Next.ELSEWHERE


def test_a_session_that_stalled_goes_on_once() -> None:
    """In its own conversation, however many attempts there might be; the second time is the task's end."""
    silent = SessionResult(run="r", task="t", outcome=Outcome.STALLED)
    known = {"attempts": 1, "max_attempts": 9, "other_machines": True, "wait_until": 0.0}
    assert next_step(silent, stalls=1, **known) is Next.RESUME_HERE
    assert next_step(silent, stalls=2, **known) is Next.FINISH


def test_the_only_machine_goes_on_where_it_is_back() -> None:
    """A machine that was restarted and has given its work is not lost to the task that has no other."""
    back = SessionResult(run="r", task="t", outcome=Outcome.MACHINE_LOST, head="abc")
    known = {"max_attempts": 3, "wait_until": 0.0}
    assert next_step(back, attempts=1, other_machines=False, **known) is Next.RESUME_HERE
    assert next_step(back, attempts=1, other_machines=True, **known) is Next.ELSEWHERE
    assert next_step(back, attempts=3, other_machines=False, **known) is Next.FINISH


def test_a_usage_limit_that_lasts_too_long() -> None:
    """The limit of a week does not keep a nightly run until next week."""
    week = SessionResult(run="r", task="t", outcome=Outcome.USAGE_LIMIT, resets_at=NEW_YEAR)
    known = {"attempts": 1, "max_attempts": 3, "other_machines": True}
    assert next_step(week, wait_until=NEW_YEAR.timestamp() - 1, **known) is Next.FINISH


@pytest.mark.parametrize(
    ("outcome", "kind", "sick"),
    [
        (Outcome.MACHINE_LOST, None, True),
        (Outcome.NOT_LOGGED_IN, "authentication_failed", True),
        (Outcome.LAUNCH_FAILED, "claude_not_found", True),
        (Outcome.LAUNCH_FAILED, "worktree_missing", False),
        (Outcome.LAUNCH_FAILED, "bad_argument", False),
        (Outcome.LAUNCH_FAILED, "mcp_server", False),
        (Outcome.NOT_STARTED, "MachineDiskFull", True),
        (Outcome.NOT_STARTED, "GitFailed", False),
        (Outcome.CHECK_FAILED, "check_failed", False),
        (Outcome.SUCCEEDED, None, False),
    ],
)
def test_what_says_that_a_machine_is_sick(outcome: Outcome, kind: str | None, *, sick: bool) -> None:
    """Nothing more goes where any other session would meet the same, and only there."""
    assert is_sick(SessionResult(run="r", task="t", outcome=outcome, error_kind=kind)) is sick


def test_a_machine_that_is_back_is_not_sick() -> None:
    """One that lost a session by a restart and answers again takes others."""
    assert not is_sick(SessionResult(run="r", task="t", outcome=Outcome.MACHINE_LOST, head="abc"))


def test_a_usage_limit_is_over_after_its_margin() -> None:
    """Sessions go on a margin after the end; where that is past already, later each time, never at once."""
    known = {"now": 1000.0, "margin_seconds": 60.0, "first": 30.0}
    assert limit_is_over(5000, times=1, **known) == 5060
    assert [limit_is_over(0, times=times, **known) for times in (1, 2, 9)] == [1030, 1060, 1900]


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


def test_an_outage_burns_no_attempt_while_it_is_waited_out() -> None:
    """Whatever the number of attempts, the task waits for the API; else its failures count."""
    result = SessionResult(run="r", task="t", outcome=Outcome.API_UNAVAILABLE)
    known = {"attempts": 3, "max_attempts": 3, "other_machines": True, "wait_until": 0.0}
    assert next_step(result, waits_out_outage=True, **known) is Next.WAIT
    assert next_step(result, waits_out_outage=False, **known) is Next.FINISH


def test_how_long_an_outage_is_waited_out() -> None:
    """From the first failure on, and anew after an attempt that the API has answered, which counts itself."""
    down = SessionResult(run="r", task="t", outcome=Outcome.API_UNAVAILABLE)
    late = down.model_copy(update={"cost_usd": 0.1})
    outage = Outage()
    within = partial(outage.within_grace, patience_seconds=60)
    assert [within(down, now=now) for now in (1000, 1059, 1060, 1100)] == [True, True, False, False]
    assert outage.times == 4
    assert not within(late, now=1110)
    assert [within(down, now=now) for now in (1111, 1170, 1171)] == [True, True, False]
    assert not within(SessionResult(run="r", task="t", outcome=Outcome.KILLED), now=1172)
    assert not Outage().within_grace(down, now=1000, patience_seconds=0)


def test_a_full_disk_is_waited_out_like_an_outage() -> None:
    """A session that did not begin for want of room waits as long as patience lasts; one that cost something not."""
    full = SessionResult(run="r", task="t", outcome=Outcome.LAUNCH_FAILED, error_kind="disk_full")
    outage = Outage()
    within = partial(outage.within_grace, patience_seconds=60)
    assert [within(full, now=now) for now in (1000, 1059, 1060)] == [True, True, False]
    assert not within(full.model_copy(update={"cost_usd": 0.1}), now=1061)
    assert not within(full.model_copy(update={"error_kind": "bad_settings"}), now=1062)


@pytest.mark.parametrize(
    ("outcome", "kind", "is_within"),
    [
        (Outcome.LAUNCH_FAILED, "disk_full", True),
        (Outcome.NOT_STARTED, "MachineDiskFull", True),
        (Outcome.NOT_COLLECTED, "MachineDiskFull", False),
        (Outcome.NOT_STARTED, "DiskFull", False),
        (Outcome.KILLED, "crashed", False),
    ],
)
def test_what_found_no_room(outcome: Outcome, kind: str, *, is_within: bool) -> None:
    """A session that its machine's disk kept from beginning, in its launch or before, waits; one that ran does not."""
    result = SessionResult(run="r", task="t", outcome=outcome, error_kind=kind)
    assert Outage().within_grace(result, now=1000, patience_seconds=60) is is_within


def test_a_limit_without_an_end_is_waited_out() -> None:
    """It is waited for as long as patience lasts, burns no attempt, and what was done before it changes nothing."""
    limit = SessionResult(run="r", task="t", outcome=Outcome.USAGE_LIMIT)
    late = limit.model_copy(update={"cost_usd": 0.1})
    outage = Outage()
    within = partial(outage.within_grace, patience_seconds=60)
    assert [within(limit, now=now) for now in (1000, 1059, 1060)] == [True, True, False]
    assert [within(late, now=2000), within(limit, now=2059), within(limit, now=2060)] == [True, True, False]
    assert not within(limit.model_copy(update={"resets_at": NEW_YEAR}), now=2061)
    known = {"attempts": 3, "max_attempts": 3, "other_machines": True, "wait_until": 0.0}
    assert next_step(limit, waits_out_outage=True, **known) is Next.WAIT


@pytest.mark.parametrize("lost", [("transcript",), ("global_config",), ("transcript", "global_config")])
def test_a_full_disk_takes_nothing_more(lost: tuple[str, ...]) -> None:
    """Where claude could not save, nothing more is sent there; a conversation that is not whole is not resumed."""
    result = SessionResult(run="r", task="t", outcome=Outcome.KILLED, session_id="s", turns=1, writes_lost=lost)
    assert is_sick(result)
    assert result.conversation == (None if "transcript" in lost else "s")


def test_the_delay_doubles_to_a_quarter_of_an_hour() -> None:
    """Nobody hammers an API that is down."""
    assert [delay_seconds(attempts=n, first=30) for n in (1, 2, 3, 9)] == [30, 60, 120, 900]
