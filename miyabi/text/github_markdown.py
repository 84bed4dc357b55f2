"""Text that others wrote, made fit for GitHub: it notifies nobody, refers to nothing and closes no issue.

GitHub looks for references in rendered text, and in raw text too where a body becomes the message of a squashed
commit. So what means something is broken by a character that nobody sees, not only escaped.
"""

from __future__ import annotations

import re

from miyabi.text import markdown
from miyabi.text.redact import redact
from miyabi.text.sanitize import clean, one_line

NOTHING = "\u200b"
"""A blank without width."""

_MENTION = re.compile(r"@(?=[\w-])")
_REFERENCE = re.compile(
    r"#(?=[0-9])|(?<![^\W_])GH-(?=[0-9])|(?:/|%2F)(?:issues|pull|discussions)(?:/|%2F)(?=[0-9])", re.IGNORECASE
)
_CLOSING = re.compile(r"(?<![^\W_])[cfr](?=(?:lose[sd]?|ix(?:e[sd])?|esolve[sd]?)(?![^\W_]))", re.IGNORECASE)
_BACKTICKS = re.compile(r"`+")


def title(text: str, *, limit: int) -> str:
    """One line for a title, which is plain text: mentions and references are broken, words stay as they are."""
    line = one_line(redact(text), characters=limit)
    return _MENTION.sub(_broken, _REFERENCE.sub(_broken, line))


def defuse(text: str) -> str:
    """The text with references, mentions and words such as `Closes` broken; it reads as before."""
    for active in (_REFERENCE, _CLOSING, _MENTION):
        text = active.sub(_broken, text)
    return text


def words(text: str, *, limit: int = 300) -> str:
    """The text as plain words on one line, for a sentence or a cell."""
    return markdown.escape(defuse(one_line(redact(text), characters=limit)), limit=3 * limit)


def code(text: str, *, limit: int = 300) -> str:
    """The text as code on one line, for names of files and branches; nothing for nothing."""
    return markdown.code(defuse(one_line(redact(text), characters=limit)), limit=3 * limit)


def command(text: str, *, limit: int = 300) -> str:
    """The text as code, to be copied: in code nothing is a reference or a mention. Not for tables."""
    return markdown.command(one_line(redact(text), characters=limit), limit=3 * limit)


def block(text: str, *, characters: int = 4000, language: str = "text") -> str:
    """The text as a block of code that it cannot end; of a longer one the end is shown."""
    whole = defuse(clean(redact(text))).strip("\n")
    shown = whole if len(whole) <= characters else "…" + whole[-characters:]
    fence = "`" * max(3, 1 + max(map(len, _BACKTICKS.findall(shown)), default=0))
    return f"{fence}{language}\n{shown}\n{fence}\n"


def _broken(match: re.Match[str]) -> str:
    return match.group() + NOTHING
