"""Words for people: lengths of time, money, counts, and texts made fit for one line."""

from __future__ import annotations

import re
import unicodedata

# Characters that reorder a line or cannot be encoded; a zero-width joiner stays, emoji need it.
_UNFIT = re.compile(r"[\u202a-\u202e\u2066-\u2069\ufeff]")
_GLUE = ("\u200d", "\ufe0f")
_MINUTE, _HOUR = 60, 3600
_EXACT_BELOW_SECONDS = 10


def one_line(text: str, *, limit: int | None = None) -> str:
    """The text without line breaks and control characters, cut with '…' after `limit` characters."""
    plain = "".join(_plain(c) for c in _UNFIT.sub("", text))
    line = " ".join(plain.split())
    return line if limit is None or len(line) <= limit else _cut(line, limit - 1) + "…"


def _plain(character: str) -> str:
    category = unicodedata.category(character)
    return " " if category == "Cc" else "\ufffd" if category == "Cs" else character


def _cut(line: str, limit: int) -> str:
    # An emoji of several characters is left out whole, never halved.
    while limit and (line[limit].startswith(_GLUE) or line[limit - 1] in _GLUE or unicodedata.combining(line[limit])):
        limit -= 1
    return line[:limit].rstrip()


def duration(seconds: float) -> str:
    """A length of time as people say it: `42 s`, `3 min 05 s`, `2 h 07 min`."""
    if 0 < seconds < _EXACT_BELOW_SECONDS:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02} min"


def count(number: int, noun: str) -> str:
    """A number with its noun: `1 task`, `1,200 tasks`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def dollars(amount: float) -> str:
    """An amount of money: `1.20 USD`."""
    return f"{amount:.2f} USD"


def percent(fraction: float) -> str:
    """A share of one: `80 %`; 100 % and 0 % are only said of the whole and of nothing."""
    whole = round(100 * fraction)
    if whole in {0, 100} and fraction not in {0, 1}:
        return f"{min(max(100 * fraction, 0.1), 99.9):.1f} %"
    return f"{whole} %"
