"""Hours of the day as people say them, and when they are next; and waiting for one, whatever the clock does meanwhile.

Moments are seconds since 1970. They are compared with the clock again and again, for it may be set, and the computer
may sleep: no wait is measured once.
"""

from __future__ import annotations

import asyncio
import re
import time
from datetime import UTC, date, datetime, timedelta
from datetime import time as hour_of_day
from zoneinfo import ZoneInfo, available_timezones

from miyabi.text import did_you_mean

LOOK_SECONDS = 5.0
_HOUR = re.compile(r"(\d{1,2}:\d{2}(?::\d{2})?)(?: +(\S+))?")
_MUST = "must be an hour such as '07:00' or '07:00 Europe/Berlin', or a moment such as '2030-12-31T07:00+01:00'"


def next_moment(text: str, *, now: float) -> float:
    """Returns when it is next that hour, or the moment that the text names.

    An hour without a time zone is this computer's. One that a night's change of the clocks leaves out comes when it
    would without the change; of one that comes twice it is the first.

    Args:
        text: `07:00`, `07:00 Europe/Berlin`, or a moment as ISO 8601 has it, with its offset.
        now: seconds since 1970.

    Raises:
        ValueError: it is none of these; says what it must be.
    """
    if not (found := _HOUR.fullmatch(text.strip())):
        return _exactly(text.strip())
    hour, zone = parse_hour(found[1]), parse_zone(found[2])
    today = datetime.fromtimestamp(now, zone).date()
    moment = at_hour(today, hour, zone=zone)
    return moment if moment > now else at_hour(today + timedelta(days=1), hour, zone=zone)


def fixed(text: str, *, now: float) -> str:
    """Returns a text that always means the moment that this one means now, as `next_moment` reads them.

    Raises:
        ValueError: as `next_moment`.
    """
    return datetime.fromtimestamp(next_moment(text, now=now), tz=UTC).isoformat()


def parse_hour(text: str) -> hour_of_day:
    """Reads an hour of the day: `7:00`, `07:00` or `07:00:30`.

    Raises:
        ValueError: there is no such hour.
    """
    try:
        hours, minutes, seconds, *_ = [*map(int, text.split(":")), 0]
        return hour_of_day(hours, minutes, seconds)
    except ValueError:
        raise ValueError(_MUST) from None


def at_hour(day: date, hour: hour_of_day, *, zone: ZoneInfo | None = None) -> float:
    """Returns when it is that hour of that day; without a zone by the clock of this computer."""
    return datetime.combine(day, hour, tzinfo=zone).timestamp()


def _exactly(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
        seconds = moment.astimezone(UTC).timestamp()
    except (ValueError, OverflowError):  # the latter: in the first or last year of all
        raise ValueError(_MUST) from None
    if moment.tzinfo is None:
        raise ValueError(f"{_MUST}, with its offset")
    return seconds


def parse_zone(name: str | None) -> ZoneInfo | None:
    """Finds the time zone of that name; None, this computer's, without one.

    Raises:
        ValueError: there is none; says how they are called.
    """
    try:
        return ZoneInfo(name) if name else None
    except (ValueError, OSError, KeyError):  # the last: ZoneInfoNotFoundError
        hint = did_you_mean(name or "", available_timezones())
        raise ValueError(f"must name a time zone as the IANA database has it, such as 'Europe/Berlin'{hint}") from None


async def wait_until(moment: float) -> None:
    """Waits until the clock of this computer shows that moment, or a later one; looks every 5 s."""
    while (left := moment - time.time()) > 0:  # noqa: ASYNC110 - it is the clock that we ask
        await asyncio.sleep(min(left, LOOK_SECONDS))
