"""What recorded sessions say of their account's limits becomes known, and holds back what would meet them."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from miyabi.claude import Evidence, Transcript
from miyabi.claude.outcome import decide
from miyabi.machines import Machine
from miyabi.quota import QuotaBook, QuotaRules
from miyabi.runs.quota_use import RunQuota
from miyabi.sessions import Outcome
from miyabi.settings import QuotaSettings
from tests.support.claude.recordings import recording
from tests.support.values.specs import session_spec

MACHINE = Machine(name="m", slots=2)


def run_quota(**settings: Any) -> RunQuota:
    """That of a run with one machine, which knows nothing yet."""
    rules = QuotaRules(settings=QuotaSettings(**settings))
    return RunQuota(rules=rules, machines={"m": MACHINE}, book=QuotaBook())


def event(**info: Any) -> Transcript:
    """A session that was told so."""
    line = json.dumps({"type": "rate_limit_event", "rate_limit_info": info})
    transcript = Transcript()
    transcript.feed(f"{line}\n".encode())
    return transcript


def said(**info: Any) -> list[Any]:
    """The event."""
    return Transcript().feed(json.dumps({"type": "rate_limit_event", "rate_limit_info": info}).encode() + b"\n")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("oauth_limit5h", {"five_hour": ("rejected", None)}),
        ("oauth_limit7d", {"seven_day": ("rejected", None)}),
        ("oauth_limitwarn", {"five_hour": ("allowed_warning", 0.93)}),
        ("limit_then_resume_1", {"five_hour": ("rejected", None)}),
        ("oauth_e429", {}),
        ("oauth_text", {}),
    ],
)
def test_recorded_streams(name: str, expected: dict[str, tuple[str, float | None]]) -> None:
    """Each window that they name has its figure; a throttle that passes has none."""
    quota = run_quota()
    quota.hear(session_spec(), MACHINE, Transcript().feed(recording(name).stdout))
    figures = quota.book[""].figures
    assert {window: each.status for window, each in figures.items()} == {w: each[0] for w, each in expected.items()}
    used = {window: each.utilization for window, each in figures.items() if not each.is_spent}
    assert used == {window: each[1] for window, each in expected.items() if each[0] != "rejected"}
    assert all(each.source.endswith(" on m") for each in figures.values())


def test_extra_usage_ends_the_session_unless_it_is_allowed() -> None:
    """Its outcome is that of a limit, with the end that was said; the account is closed until then."""
    info = {"status": "rejected", "resetsAt": int(time.time()) + 600, "rateLimitType": "five_hour"}
    extra = info | {"isUsingOverage": True, "overageStatus": "allowed"}
    for may_use_extra in (False, True):
        quota = run_quota(never_use_extra_usage=not may_use_extra)
        spec = quota.fitted(session_spec(), MACHINE)
        assert spec.may_use_extra is may_use_extra
        assert quota.hear(spec, MACHINE, said(**extra)) is not may_use_extra
        assert (quota.hold(MACHINE, model=None) is None) is may_use_extra
    judged = decide(event(**extra), Evidence(ended_by="stop", may_use_extra=False))
    assert (judged.outcome, judged.error_kind) == (Outcome.USAGE_LIMIT, "extra_usage")
    assert judged.resets_at
    assert "quota.never_use_extra_usage" in str(judged.error_text)
    assert decide(event(**extra), Evidence(ended_by="stop", may_use_extra=True)).outcome is Outcome.STOPPED


def test_a_fallback_model_takes_the_place_of_one_whose_limit_is_met() -> None:
    """Only where the setting allows it, and where it is not held back itself."""
    opus = {"status": "rejected", "resetsAt": int(time.time()) + 600, "rateLimitType": "seven_day_opus"}
    spec = session_spec(model="opus", fallback_model="opus-4, sonnet")
    for allowed, model in ((False, "opus"), (True, "sonnet")):
        quota = run_quota(use_fallback_model=allowed)
        quota.hear(spec, MACHINE, said(**opus))
        assert quota.fitted(spec, MACHINE).model == model
        assert (quota.hold_unless_instead(MACHINE, "opus", spec.fallback_model) is None) is allowed
        assert quota.hold(MACHINE, model="sonnet") is None


def test_a_limit_in_words_alone_closes_the_account() -> None:
    """One that was told as an event is not closed twice."""
    quota, until = run_quota(), time.time() + 300
    quota.note_limit(MACHINE, model=None, until=until, resets_at=None)
    hold = quota.hold(MACHINE, model="any")
    assert hold
    assert (hold.until, list(quota.book[""].figures)) == (until, ["unnamed"])


def test_what_waits_too_long_is_told_why() -> None:
    """Where no machine's account opens in time; where one is open nothing is said."""
    quota = run_quota()
    quota.hear(
        session_spec(), MACHINE, said(status="rejected", resetsAt=int(time.time()) + 7200, rateLimitType="seven_day")
    )
    known: dict[str, Any] = {"model": None, "fallback": None}
    assert quota.why_never([MACHINE], **known, by=time.time() + 9000) == ""
    reason = quota.why_never([MACHINE], **known, by=time.time() + 60)
    assert reason.startswith("quota: the usage limit of its account: the weekly limit, until ")
    other = MACHINE.model_copy(update={"account": "other"})
    assert quota.why_never([MACHINE, other], **known, by=time.time() + 60) == ""
    (row,) = quota.rows()
    assert row.startswith("weekly limit: met, resets ")
