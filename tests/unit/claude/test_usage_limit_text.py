from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from miyabi.claude import Evidence
from miyabi.claude.outcome import decide
from miyabi.claude.usage_limit_text import limit_in_words
from miyabi.sessions import Outcome
from tests.support.claude.recordings import assistant, init, line, read, result

NOW = datetime(2026, 4, 20, 12, 30, tzinfo=UTC)  # a Monday


@pytest.mark.parametrize(
    ("text", "resets_at"),
    [
        ("You've hit your limit · resets 7pm (Asia/Shanghai)", "2026-04-21 11:00"),
        ("You've hit your 5-hour limit · resets 8:26pm (UTC)", "2026-04-20 20:26"),
        ("You've hit your weekly limit · resets Apr 23 at 4pm (America/Recife)", "2026-04-23 19:00"),
        ("You\u2019ve reached your Opus weekly limit · resets Apr 23, 4:15pm (UTC)", "2026-04-23 16:15"),
        ("You've hit your session limit · resets Thursday at 9am (UTC)", "2026-04-23 09:00"),
        ("You've hit your session limit · resets Mon 9am (UTC)", "2026-04-27 09:00"),
        ("Claude usage limit reached. Your limit will reset at 3pm (America/New_York).", "2026-04-20 19:00"),
        ("5-hour limit reached ∙ resets 12am (UTC)", "2026-04-21 00:00"),
        ("Weekly limit reached ∙ resets May 1, 2026, 12:00pm (Europe/Paris)", "2026-05-01 10:00"),
        ("You're out of extra usage · resets tomorrow at 3am (Asia/Tokyo)", "2026-04-20 18:00"),
        ("Opus 4.1 limit reached ∙ resets 19:05 (UTC)", "2026-04-20 19:05"),
        ("You've hit your limit · resets in 2h 15m", "2026-04-20 14:45"),
        ("You've hit your limit · resets 12:25pm (UTC)", "2026-04-20 12:25"),  # it has just passed
        ("Claude AI usage limit reached|1776700000", "2026-04-20 15:46"),
    ],
)
def test_each_wording_says_until_when(text: str, resets_at: str) -> None:
    """Every form in which a version tells the end of a limit gives that moment, in whatever zone it is told."""
    found = limit_in_words(text, now=NOW)
    assert found is not None
    assert found.resets_at is not None
    assert f"{found.resets_at:%Y-%m-%d %H:%M}" == resets_at


def test_no_zone_is_the_zone_here() -> None:
    """A time without zone is one of this computer's zone, and lies within a day."""
    found = limit_in_words("5-hour limit reached ∙ resets 3pm", now=NOW)
    assert found is not None
    assert found.resets_at is not None
    assert found.resets_at.astimezone().hour == 15
    assert timedelta(minutes=-15) <= found.resets_at - NOW <= timedelta(days=1)


@pytest.mark.parametrize(
    "text",
    [
        "You've hit your limit",
        "Session limit reached ∙ try again later",
        "You've hit your monthly spend limit · /usage-credits to raise it",
        "You've hit your limit · resets Feb 31 at 4pm (UTC)",
        "You've hit your limit · resets Sep 1 at 4pm (UTC)",  # no limit lasts as long
        "You've hit your limit · resets at 25:99 (UTC)",
    ],
)
def test_a_limit_without_a_time_is_a_limit(text: str) -> None:
    """Where no end is told, or none that can be, it is a limit all the same."""
    found = limit_in_words(text, now=NOW)
    assert found is not None
    assert found.resets_at is None


@pytest.mark.parametrize(
    "text",
    [
        "API Error: Rate limit reached",
        "Context limit reached · /compact or /clear to continue",
        "Reached maximum number of turns (2)",
        "You're out of usage credits. /model to switch models",
        "The limit of 5 retries resets at 7pm",
        "",
    ],
)
def test_other_limits_are_none(text: str) -> None:
    """Limits of another kind are not taken for the subscription's."""
    assert limit_in_words(text, now=NOW) is None


REJECTED = line(type="rate_limit_event", rate_limit_info={"status": "rejected", "resetsAt": 1776714000})
CREDITS = line(
    type="rate_limit_event",
    rate_limit_info={"status": "rejected", "resetsAt": 1776714000, "errorCode": "credits_required"},
)
SYNTHETIC = assistant({"type": "text", "text": "x"}, is_api_error_message=True, error="rate_limit")


@pytest.mark.parametrize(
    ("stream", "outcome", "resets"),
    [
        (REJECTED + result(is_error=True, result="It did not work"), Outcome.USAGE_LIMIT, True),
        (result(is_error=True, result="You've hit your limit"), Outcome.USAGE_LIMIT, False),
        (SYNTHETIC + result(result="You've hit your limit · resets 7pm (UTC)"), Outcome.USAGE_LIMIT, True),
        (REJECTED + result(result="5-hour limit reached"), Outcome.USAGE_LIMIT, True),
        (result(result="You've hit your limit is the text that I put into the dialog."), Outcome.SUCCEEDED, False),
        (REJECTED + result(is_error=True, result="API Error: 500 oops"), Outcome.API_UNAVAILABLE, False),
        (result(is_error=True, result="API Error: Rate limit reached"), Outcome.API_UNAVAILABLE, False),
        (CREDITS + result(is_error=True, result="You've hit your limit"), Outcome.API_REFUSED, False),
        (result(is_error=True, result="You're out of usage credits. /model"), Outcome.API_REFUSED, False),
    ],
)
def test_what_is_a_usage_limit(stream: bytes, outcome: Outcome, *, resets: bool) -> None:
    """An event that says rejected and a sentence are a limit each; credits that are missing are not waited for."""
    decision = decide(read(init() + stream), Evidence(agent_exit=0, commits=1, at=NOW))
    assert (decision.outcome, decision.resets_at is not None) == (outcome, resets)
