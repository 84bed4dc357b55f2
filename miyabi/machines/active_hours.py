"""The hours and days on which a machine takes sessions: `22:00-07:30, Sat, Sun`, by the clock of a time zone."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from datetime import time as hour_of_day
from typing import Self
from zoneinfo import ZoneInfo

from miyabi.system import at_hour, parse_hour, parse_zone

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = "|".join(_DAYS)
_HOUR = r"\d{1,2}:\d{2}(?::\d{2})?"
_PART = re.compile(
    rf"(?:(?P<first>{_DAY})(?:-(?P<last>{_DAY}))?)? ?(?:(?P<begin>{_HOUR}) ?- ?(?P<end>{_HOUR}))?", re.IGNORECASE
)
_MIDNIGHT = hour_of_day()
_AHEAD = 9  # days: a window of the day before may be open still, and that of this day be over
_MUST = "must be hours, days or both such as '22:00-07:30, Sat, Sun' or 'Mon-Fri 20:00-06:00, Europe/Berlin'"


@dataclass(frozen=True, slots=True)
class Window:
    """A time without a break in which a machine takes sessions; seconds since 1970."""

    opens: float
    closes: float

    def has_room(self, seconds: float, *, now: float) -> bool:
        """Returns whether what takes so many seconds may begin: it ends in time, or would not fit well at any time."""
        return self.closes - now >= min(seconds, (self.closes - self.opens) / 2)


@dataclass(frozen=True, slots=True)
class _Part:
    days: frozenset[int]
    begin: hour_of_day
    end: hour_of_day


@dataclass(frozen=True, slots=True)
class ActiveHours:
    """When a machine takes sessions."""

    parts: tuple[_Part, ...]
    zone: ZoneInfo | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads parts with commas between them: days, hours, hours on some days; and a time zone, else this computer's.

        Hours that end before they begin end on the next day. Days alone are whole days.

        Raises:
            ValueError: it is no such text; says what it must be.
        """
        words = [" ".join(part.split()) for part in text.split(",")]
        zones = [word for word in words if "/" in word or word.upper() == "UTC"]
        if len(zones) > 1 or len(zones) == len(words):
            raise ValueError(_MUST)
        zone = parse_zone(zones[0]) if zones else None
        return cls(tuple(_part(word) for word in words if word not in zones), zone)

    def window(self, now: float) -> Window:
        """Returns the window that is open at that moment, else the next one."""
        today = datetime.fromtimestamp(now, self.zone).date()
        spans = sorted(span for number in range(-2, _AHEAD) for span in self._spans(today + timedelta(days=number)))
        return next(window for window in _joined(spans) if window.closes > now)

    def _spans(self, day: date) -> Iterator[tuple[float, float]]:
        for part in self.parts:
            if day.weekday() in part.days:
                end = day if part.begin < part.end else day + timedelta(days=1)
                yield at_hour(day, part.begin, zone=self.zone), at_hour(end, part.end, zone=self.zone)


def _joined(spans: list[tuple[float, float]]) -> Iterator[Window]:
    """Windows that touch or overlap are one; the last may go on for ever, as far as anybody asks."""
    opens, closes = spans[0]
    for begin, end in itertools.chain(spans[1:], [(math.inf, math.inf)]):
        if begin > closes:
            yield Window(opens, closes)
            opens = begin
        closes = max(closes, end)


def _part(text: str) -> _Part:
    found = _PART.fullmatch(text)
    if not found or not text:
        raise ValueError(_MUST)
    begin, end = _MIDNIGHT, _MIDNIGHT
    if found["begin"]:
        begin, end = parse_hour(found["begin"]), parse_hour(found["end"])
        if begin == end:
            raise ValueError(f"{_MUST}; hours that end as they begin are none")
    return _Part(_days(found["first"], found["last"]), begin, end)


def _days(first: str | None, last: str | None) -> frozenset[int]:
    if first is None:
        return frozenset(range(7))
    begin = _DAYS.index(first.lower())
    end = _DAYS.index(last.lower()) if last else begin
    return frozenset((begin + number) % 7 for number in range((end - begin) % 7 + 1))
