"""The usage limit of a subscription, as the versions of claude have put it into words. Pure.

Newer versions say it as values; what is here is for those that only write a sentence, in the zone of their machine.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from miyabi.claude.decode import moment

_LOOKED_AT = 1000
_JUST_PASSED = timedelta(minutes=15)
_LONGEST = timedelta(days=40)
"""No limit lasts longer; a date beyond that is one of the past, or of a clock that is wrong."""

_LIMIT = re.compile(
    r"you.ve (?:hit|reached) your (?:\S+ ){0,5}limit\b"
    r"|you.re out of (?:extra )?usage(?! credits)\b"
    r"|\b(?:usage|session|weekly|daily|monthly|\d+-(?:hour|day)|(?:opus|sonnet|haiku|fable|mythos)(?: [\d.]+)?)"
    r"(?: usage)? limit (?:reached|exceeded)\b",
    re.IGNORECASE,
)
_EPOCH = re.compile(r"limit reached\|(\d{9,13})")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_RESET = re.compile(
    r"\bresets?(?: at| on)? "
    rf"(?:(?P<month>{'|'.join(_MONTHS)})[a-z]*\.? (?P<day>\d{{1,2}})(?:, (?P<year>\d{{4}}))?(?:,? at |, | |\b)"
    rf"|(?P<weekday>{'|'.join(_WEEKDAYS)})[a-z]*(?:,? at |, | |\b)|(?P<tomorrow>tomorrow)(?: at)? ?)?"
    r"(?:(?P<hour>\d{1,2})(?::(?P<minute>\d\d))? ?(?P<half>[ap]m)?)?(?: ?\((?P<zone>[\w/+-]+)\))?",
    re.IGNORECASE,
)
_IN = re.compile(r"\bresets? in (?:(\d+) ?d[a-z]*,? ?)?(?:(\d+) ?h[a-z]*,? ?)?(?:(\d+) ?m)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class UsageLimit:
    """A limit that was met; `resets_at` is None where its end is not said."""

    resets_at: datetime | None = None


def limit_in_words(text: str, *, now: datetime) -> UsageLimit | None:
    """Finds the usage limit that a message speaks of, None where it speaks of none.

    A time without zone is taken for one of this computer's zone.

    Args:
        text: what claude said; only its beginning counts.
        now: when it was said, with its zone.
    """
    said = text[:_LOOKED_AT]
    if epoch := _EPOCH.search(said):
        return UsageLimit(moment(int(epoch[1])))
    return UsageLimit(_resets_at(said, now)) if _LIMIT.search(said) else None


def _resets_at(said: str, now: datetime) -> datetime | None:
    if (length := _IN.search(said)) and any(length.groups()):
        days, hours, minutes = (int(part or 0) for part in length.groups())
        return (now + timedelta(days=days, hours=hours, minutes=minutes)).astimezone(UTC)
    found = _RESET.search(said)
    if found is None or not any(found.group("month", "weekday", "tomorrow", "hour")):
        return None
    try:
        at = _next(found, now.astimezone(_zone(found["zone"]))).astimezone(UTC)
    except (ValueError, OverflowError):  # the 31st of June, 25 o'clock
        return None
    return at if abs(at - now) <= _LONGEST else None


def _next(found: re.Match[str], here: datetime) -> datetime:
    """The next moment of that description, or the one that has just passed; `here` is now, in its zone."""
    at = here.replace(hour=_hour(found), minute=int(found["minute"] or 0), second=0, microsecond=0)
    if found["month"]:
        month = _MONTHS.index(found["month"].lower()) + 1
        at = at.replace(year=int(found["year"] or here.year), month=month, day=int(found["day"]))
        is_past = not found["year"] and at < here - timedelta(days=1)
        return at.replace(year=at.year + 1) if is_past else at
    if found["tomorrow"]:
        return at + timedelta(days=1)
    if found["weekday"]:
        at += timedelta(days=(_WEEKDAYS.index(found["weekday"].lower()) - at.weekday()) % 7)
    is_past = at < here - _JUST_PASSED
    return at + timedelta(days=7 if found["weekday"] else 1) if is_past else at


def _hour(found: re.Match[str]) -> int:
    hour, half = int(found["hour"] or 0), (found["half"] or "").lower()
    return hour % 12 + (12 if half == "pm" else 0) if half else hour


def _zone(name: str | None) -> tzinfo | None:
    """The zone of that name; None, which stands for this computer's, where there is none."""
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None
