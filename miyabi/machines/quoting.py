"""The one place where words become a command line for another machine's shell."""

from __future__ import annotations

import shlex
from collections.abc import Iterable


def quote_word(text: str) -> str:
    """Quotes one word for any login shell; a leading `~/` means the home there.

    Raises:
        ValueError: for line breaks and NUL, which no shell takes alike.
    """
    if any(c in text for c in "\0\n\r"):
        raise ValueError(f"not a word for a command line: {text!r}")
    if text == "~":
        return '"$HOME"'
    if text.startswith("~/"):
        return f'"$HOME"/{shlex.quote(text[2:])}' if text != "~/" else '"$HOME"/'
    return shlex.quote(text)


def command_line(words: Iterable[str]) -> str:
    """Joins the words to one line for a POSIX shell, csh or fish.

    Raises:
        ValueError: a word holds a line break or NUL.
    """
    return " ".join(quote_word(w) for w in words)


def quote_script_word(text: str) -> str:
    """Quotes one word for the text of a POSIX sh script, which unlike a command line takes line breaks.

    A leading `~` stays itself.

    Raises:
        ValueError: for NUL, which no argument or variable can hold.
    """
    if "\0" in text:
        raise ValueError(f"not a word for a script: {text!r}")
    return shlex.quote(text)
