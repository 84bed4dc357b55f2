"""Words for people: lengths of time, money, counts; and the numbers in theirs."""

from __future__ import annotations

import re
import time
from collections.abc import Collection
from itertools import islice

_MINUTE, _HOUR = 60, 3600
_EXACT_BELOW_SECONDS = 10
_CENT, _LEAST = 0.01, 0.0001


def duration(seconds: float) -> str:
    """Writes a length of time as people say it: `0.5 s`, `42 s`, `3 min 05 s`, `2 h 07 min`."""
    if 0 < seconds < _EXACT_BELOW_SECONDS:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02} min"


def clock(seconds: float) -> str:
    """Writes a length of time as a clock shows it, for narrow columns: `0:42`, `3:05`, `2:07:30`."""
    whole = int(seconds)
    hours = f"{whole // _HOUR}:{whole % _HOUR // _MINUTE:02}" if whole >= _HOUR else f"{whole // _MINUTE}"
    return f"{hours}:{whole % _MINUTE:02}"


def time_of_day(moment: float, *, now: float) -> str:
    """Writes a moment as a clock here shows it: `14:05 CET`, on another day `Fri 14:05 CET`.

    Args:
        moment: in seconds since the epoch.
        now: the same.
    """
    then, today = time.localtime(moment), time.localtime(now)
    day = "" if then[:3] == today[:3] else "%a "
    return time.strftime(f"{day}%H:%M %Z", then)


def count(number: int, noun: str, plural: str = "") -> str:
    """Writes a number with its noun: `1 task`, `1,200 tasks`; `plural` where it is not the noun with an s."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def several(names: Collection[str], *, most: int, separator: str = ", ") -> str:
    """Lists the first `most` names, and how many more there are: `a, b and 3 more`; nothing of nothing."""
    more = len(names) - most
    listed = separator.join(islice(names, most))
    ending = separator if separator != ", " else " "
    return f"{listed}{ending}and {more:,} more" if more > 0 else listed


def version_numbers(text: str) -> tuple[int, ...]:
    """Finds the numbers of the first version in a text: (2, 39, 3) of `git version 2.39.3 (Apple)`; none of none."""
    found = re.search(r"\d+(\.\d+)+", text)
    return tuple(map(int, found[0].split("."))) if found else ()


def dollars(amount: float, *, is_partial: bool = False) -> str:
    """Writes an amount of money, in US dollars: `1.20 USD`, `at least 1.20 USD`."""
    return f"{cost(amount, is_partial=is_partial)} USD"


def cost(amount: float, *, is_partial: bool = False) -> str:
    """Writes the same for a column whose title says the unit: `1.20`, `at least 1.20`; `0.004` of less than a cent."""
    exact = "%.2f" if amount >= _CENT or amount <= 0 else "%.3f" if amount >= _CENT / 10 else "%.4f"
    return f"{'at least ' if is_partial else ''}{exact % (max(amount, _LEAST) if amount > 0 else 0)}"


def percent(fraction: float) -> str:
    """Writes a share of one: `80 %`; 100 % and 0 % are only said of the whole and of nothing."""
    whole = round(100 * fraction)
    if whole in {0, 100} and fraction not in {0, 1}:
        return f"{min(max(100 * fraction, 0.1), 99.9):.1f} %"
    return f"{whole} %"


def bar(part: int, *, of: int, cells: int = 20) -> str:
    """Draws a bar of full and empty cells; full only when the part is the whole, which may be nothing."""
    full = cells * part // max(1, of)
    return "█" * full + "░" * (cells - full)


def in_words(member: str) -> str:
    """Returns the member of an enum as people read it: `no changes` for `no_changes`."""
    return member.replace("_", " ")
