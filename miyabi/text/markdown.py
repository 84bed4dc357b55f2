"""Markdown that shows foreign text as it is, whatever that text tries, in any GitHub-flavoured renderer."""

from __future__ import annotations

import re
from collections.abc import Callable

from miyabi.text.sanitize import one_line

CHARACTERS = 1000

# Numeric entities are text everywhere; backslashes before pipes are read differently by each renderer.
_ACTIVE = re.compile(r"[\\`*|<>&\[\]~$#=+]|^-|(?<=^\d)[.)]|(?<=^\d\d)[.)]")
_BOUNDARY = re.compile(r"(?<!\w)_+|_+(?!\w)")
_OPENS, _CLOSES = re.compile(r"(?<!\w)_+(?=\S)"), re.compile(r"(?<=\S)_+(?!\w)")
_COMMAND = re.compile(
    r"(?<!`)`(?:miyabi|git|gh|ssh|ssh-add|ssh-keygen|ssh-keyscan|claude|prefect|pip|uv)\b[^`|\\]{0,300}`(?!`)"
)
_PUNCTUATION = re.compile(r"[\\`*|<>&\[\]~$#=+_]|^-|(?<=^\d)[.)]|(?<=^\d\d)[.)]")
_BACKTICKS = re.compile("`+")
_MENTION = re.compile(r"@(?=[\w-])")


def escape(text: str, *, limit: int = CHARACTERS) -> str:
    """Makes plain words on one line of a text: no markup, no HTML, no table cell end, no @mention.

    A command between backticks is code, so that it can be copied from the source too.
    """
    line = one_line(text, characters=limit)
    parts, end = [], 0
    for command in _COMMAND.finditer(line):
        parts += [_plain(line[end : command.start()]), command.group()]
        end = command.end()
    return "".join([*parts, _plain(line[end:])])


def _plain(text: str) -> str:
    entities = _ACTIVE.sub(lambda match: f"&#{ord(match.group())};", text)
    opening = _OPENS.search(text)
    if opening and _CLOSES.search(text, opening.end()):
        entities = _BOUNDARY.sub(lambda match: "&#95;" * len(match.group()), entities)
    return _MENTION.sub("@&#8203;", entities)


def backslashed(text: str, *, limit: int = CHARACTERS) -> str:
    """Makes plain words on one line of a text, as `escape` does, with backslashes in place of entities.

    Prefect's classic UI shows a numeric entity as it is written, and takes a backslash before any of these in words, in
    lists and in tables; so does its V2 UI (3.9.1).
    """
    return _PUNCTUATION.sub(r"\\\g<0>", one_line(text, characters=limit))


def code_backslashed(text: str, *, limit: int = CHARACTERS) -> str:
    """Makes code of a text as `code` does, or words with backslashes where a cell of a table cannot hold that."""
    line = one_line(text, characters=limit)
    return backslashed(line, limit=limit) if "|" in line else command(line, limit=limit)


def code(text: str, *, limit: int = CHARACTERS) -> str:
    """Makes code of a text, or plain words where a cell of a table cannot hold that; nothing of nothing.

    In a table a pipe ends the cell in code too (GFM 0.29, 4.10), and an entity means nothing there.
    """
    line = one_line(text, characters=limit)
    return escape(line) if "|" in line else command(line, limit=limit)


def command(text: str, *, limit: int = CHARACTERS) -> str:
    """Makes code of a text, whatever it holds, for a line that is no table's; nothing of nothing.

    Its fence is longer than any run of backticks in it: CommonMark 0.31.2, 6.1.
    """
    line = one_line(text, characters=limit)
    fence = "`" * (1 + max(map(len, _BACKTICKS.findall(line)), default=0))
    room = " " if line[:1] == "`" or line[-1:] == "`" else ""
    return f"{fence}{room}{line}{room}{fence}" if line else ""


def block_quote(text: str) -> str:
    """Makes a quotation of a text, line by line; its own markup stays what it is."""
    return "\n".join(f"> {line}".rstrip() for line in text.splitlines())


def block(text: str) -> str:
    """Makes a block of code that its text cannot end.

    Its fence is longer than any run of backticks in it: CommonMark 0.31.2, 4.5.
    """
    fence = "`" * max(3, 1 + max(map(len, _BACKTICKS.findall(text)), default=0))
    return f"{fence}text\n{text}\n{fence}\n"


def quotation(text: str, *, plain: Callable[[str], str] = escape) -> str:
    """Makes a quotation of a text, line by line, each made Markdown by `plain`; nothing of nothing."""
    lines = [plain(line) for line in text.strip().splitlines()]
    return "".join(f"> {line}  \n" if line else ">\n" for line in lines)  # two blanks: the line ends there
