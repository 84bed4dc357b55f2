"""Markdown that shows foreign text as it is, whatever that text tries, in any GitHub-flavoured renderer."""

from __future__ import annotations

import re
from collections.abc import Sequence

from miyabi.text import one_line

CHARACTERS = 1000

# Numeric entities are text everywhere; backslashes before pipes are read differently by each renderer.
_ACTIVE = re.compile(r"[\\`*|<>&\[\]~$#=+]|(?<![^\W_])_|_(?![^\W_])|^-|(?<=^\d)[.)]|(?<=^\d\d)[.)]")
_MENTION = re.compile(r"@(?=[\w-])")


def escape(text: str, *, limit: int = CHARACTERS) -> str:
    """The text on one line as plain words: no markup, no HTML, no table cell end, no @mention."""
    entities = _ACTIVE.sub(lambda m: f"&#{ord(m.group())};", one_line(text, characters=limit))
    return _MENTION.sub("@&#8203;", entities)


def code(text: str, *, limit: int = CHARACTERS) -> str:
    """The text as code, or as plain words where code cannot hold it; nothing for nothing."""
    line = one_line(text, characters=limit)
    return escape(line) if not line or re.search(r"[`|\\]", line) else f"`{line}`"


def table(titles: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()) -> str:
    """A table of cells that are Markdown already; the columns named in `right` are aligned right."""
    rule = ["--:" if title in right else "---" for title in titles]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (titles, rule, *rows)) + "\n"


def fenced(language: str, text: str) -> str:
    """A code block. The text must not have a line of backticks."""
    return f"```{language}\n{text.rstrip()}\n```\n"
