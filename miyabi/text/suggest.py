"""What somebody wrote, quoted, and what they may have meant."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Collection

_LONGEST = 60
_LISTED = 40


def quote(text: str) -> str:
    """Puts a text in quotes, 60 characters of it at most, with nothing that a terminal or UTF-8 would choke on."""
    short = text[:_LONGEST]
    safe = short if short.isprintable() else ascii(short)[1:-1]
    return f"'{safe}'" if len(text) <= _LONGEST else f"'{safe}…' ({len(text)} characters)"


def describe(value: object) -> str:
    """Says what was found, in the words of the file: `the text 'high'`, `a list`, `null`."""
    match value:
        case None | bool():
            return json.dumps(value)
        case float() if not math.isfinite(value):
            return "NaN" if math.isnan(value) else "a number without end"
        case int() | float():
            return f"the number {str(value)[:_LONGEST]}"
        case str():
            return f"the text {quote(value)}"
        case list() | tuple():
            return "a list"
    return "an object"


def did_you_mean(wrong: str, known: Collection[str]) -> str:
    """Makes a hint at the known name that is most like the wrong one; where none is, at all of them if they are few.

    It begins with a semicolon, to be put behind a sentence; empty where there is nothing to hint at.
    """
    by_lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(wrong[:_LONGEST].lower(), by_lower, n=1)
    if near:
        return f"; did you mean {quote(by_lower[near[0]])}?"
    return f"; known are {', '.join(known)}" if 0 < len(known) <= _LISTED else ""
