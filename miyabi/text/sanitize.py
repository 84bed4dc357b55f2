"""Text that strangers wrote, made fit for a table, a log line or a report."""

from __future__ import annotations

import re
from collections.abc import Sequence

_ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|[@-Z\\-_])")
# Controls without tab and line feed; direction overrides, which can make a line read other than it is.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_LINES_OF_ERROR = 8
_ERROR = re.compile(
    r"(?:[\w./@-]{1,60}: )?(?:\[?(?:error|fatal|panic|critical)\b"
    r"|(?:\w{1,60}\.){0,9}\w{0,60}(?:Error|Exception)\b(?=[:\s]|$))",
    re.IGNORECASE,
)
_CHANGING = re.compile(
    r"0x[0-9a-f]+|\bduration_ms:?\s*[\d.]+"  # addresses, and TAP's times
    r"|\b\d+(?:[:.,]\d+)*\s*(?:[mnµ]?s|secs?|seconds?|m|mins?|minutes?|h)\b"  # how long it took
    r"|\b\d{1,2}:\d\d(?::\d\d)?(?:[.,]\d+)?\b|\b\d{4}-\d\d-\d\d\b"  # and when
    r"|/(?:private/)?(?:tmp|var/folders)/\S+",
    re.IGNORECASE,
)
_BEFORE_ERROR = re.compile(r"^\s*(?:miyabi: )?(?:Error: )?")
_ADDS = re.compile(
    r"\s|[(\[^~|>*-]|(?:did you mean|hint|try|see|use|run|usage|note|help|please|maybe|perhaps|available|possible|valid"
    r"|choose|known|allowed|expected|got|caused by|for (?:more|help)|node\.js v)\b",
    re.IGNORECASE,
)
_FRAME = re.compile(r"\s*at [\w.<(].{0,300}|\s*Node\.js v[0-9.]+\s*$")


def whole(text: str) -> str:
    """Replaces lone surrogates by question marks: JSON may carry them (RFC 8259, 8.2), UTF-8 may not (RFC 3629, 3)."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def clean(text: str) -> str:
    """Takes terminal escapes and control characters out of a text; line breaks and tabs stay."""
    return _UNPRINTABLE.sub("", _ESCAPES.sub("", whole(text)))


def as_printed(text: str) -> str:
    """Cleans what a program printed. Of a line that it wrote over, as bars of progress are, the last state stays."""
    return clean("\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n")))


def without_times(text: str) -> str:
    """Takes out what the same failure prints in other words each time.

    That is times and how long something took, addresses and temporary folders; any other number may be progress.
    """
    return _CHANGING.sub("", text)


def first_lines(text: str, *, lines: int, characters: int) -> str:
    """Cuts a text to its first lines, and so many characters; a mark of omission says that there are more."""
    said = text.strip()
    kept = "\n".join(said.split("\n")[:lines])[:characters]
    return kept if kept == said else f"{kept[: characters - 1].rstrip()}…"


def last_lines(text: str, *, lines: int, size: int) -> str:
    """Cuts a text to its last lines, whole ones, of so many bytes in UTF-8; only a single longer line is cut."""
    kept = text.rstrip().split("\n")[-lines:]
    while len(kept) > 1 and len("\n".join(kept).encode()) > size:
        del kept[0]
    return "\n".join(kept).encode()[-size:].decode(errors="ignore").strip("\n")


def shorten(text: str, *, characters: int) -> str:
    """Cuts a text to at most so many characters.

    Where some are left out the end says how many there were, or is `…` where that would be half of it.
    """
    if len(text) <= characters:
        return text
    tail = f"… ({len(text):,} characters in all)"
    return text[: characters - len(tail)] + tail if characters > 2 * len(tail) else text[: characters - 1] + "…"


def one_line(text: str, *, characters: int = 200) -> str:
    """Puts a text on one line, cleaned, blanks run together, of at most so many characters."""
    line = " ".join(clean(text[: characters * 8]).split())
    return line if len(line) <= characters else line[: characters - 1] + "…"


def last_message(text: str, *, characters: int = 300) -> str:
    """Finds what a program said last, on one line: its last error, from its first line to its hints.

    That is the last line, with those above it where it only adds to them: a hint such as `Did you mean …?`, something
    in brackets, indented or pointed at. Frames of a stack are left out.
    """
    every = [line.rstrip() for line in clean(text).splitlines() if line.strip()]
    lines = [line for line in every if not _FRAME.match(line)] or every
    from_error = " ".join(lines[_start_of_error(lines) :])
    return one_line(_BEFORE_ERROR.sub("", from_error, count=1), characters=characters)


def _start_of_error(lines: Sequence[str]) -> int:
    last = max(len(lines) - 1, 0)
    for index in range(last, max(last - _LINES_OF_ERROR, -1), -1):
        if lines and _ERROR.match(lines[index]):
            return index
    while last > 0 and _ADDS.match(lines[last]):
        last -= 1
    return last
