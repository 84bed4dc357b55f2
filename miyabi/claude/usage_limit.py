"""The usage limit of an account as a session meets it, and usage that is paid for beyond it."""

from __future__ import annotations

from datetime import datetime

from miyabi.claude.events import ApiFailure, RateLimit, Result
from miyabi.claude.evidence import Decision, Evidence, decision_of
from miyabi.claude.known_failures import EXTRA_USAGE, USAGE_LIMIT, Fault
from miyabi.claude.transcript import Transcript
from miyabi.claude.usage_limit_text import UsageLimit

_TOO_MANY = 429
_LONGEST = 300


def met_limit(
    result: Result, failure: ApiFailure, *, rejected: RateLimit, said_limit: UsageLimit | None, is_explained: bool
) -> UsageLimit | None:
    """Returns the limit, if that is what a turn met that failed; its end by a value rather than by words.

    An event alone counts where nothing else explains the failure.
    """
    resets_at = rejected.resets_at or failure.resets_at or (said_limit.resets_at if said_limit else None)
    is_said = "usage_limit_reached" in {result.api_error, failure.api_error}
    is_limited = rejected.resets_at and _TOO_MANY in {result.api_error_status, failure.status}
    if is_said or is_limited or said_limit or (rejected.resets_at and not is_explained):
        return UsageLimit(resets_at)
    return None


def limited(situation: str, evidence: Evidence, *, resets_at: datetime | None, fault: Fault = USAGE_LIMIT) -> Decision:
    """Makes the judgement: USAGE_LIMIT, with the moment at which the limit ends where that is known."""
    until = f", that is until {resets_at:%Y-%m-%d %H:%M} UTC" if resets_at else ""
    return decision_of(fault, situation[:_LONGEST] + until, evidence=evidence, resets_at=resets_at)


def on_extra_usage(transcript: Transcript, evidence: Evidence) -> Decision | None:
    """Decides USAGE_LIMIT where we ended it as it had gone on to extra usage, which nobody has allowed."""
    said = transcript.rate_limit
    if evidence.ended_by != "stop" or evidence.may_use_extra or said is None or not said.uses_extra:
        return None
    situation = "its account went on to extra usage, so the session was ended (quota.never_use_extra_usage)"
    return limited(situation, evidence, resets_at=said.resets_at, fault=EXTRA_USAGE)
