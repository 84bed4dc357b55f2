"""Text that strangers wrote, made fit for a table, a log line or a report."""

from __future__ import annotations

import re

_ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|[@-Z\\-_])")
# Controls without tab and line feed; direction overrides, which can make a line read other than it is.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def whole(text: str) -> str:
    """The text with lone surrogates replaced: JSON may carry them, UTF-8 may not."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def clean(text: str) -> str:
    """The text without terminal escapes and control characters; line breaks and tabs stay."""
    return _UNPRINTABLE.sub("", _ESCAPES.sub("", whole(text)))


def shorten(text: str, *, characters: int) -> str:
    """At most so many characters; where some are left out, the end says how many there were."""
    if len(text) <= characters:
        return text
    tail = f"… ({len(text):,} characters in all)"
    return text[: characters - len(tail)] + tail if characters > 2 * len(tail) else text[: characters - 1] + "…"


def one_line(text: str, *, characters: int = 200) -> str:
    """The text on one line, blanks run together, at most so many characters."""
    line = " ".join(clean(text[: characters * 8]).split())
    return line if len(line) <= characters else line[: characters - 1] + "…"
