"""Text for GitHub: what others wrote says nothing there that it should not, and fits in what GitHub takes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from miyabi.text import markdown
from miyabi.text.markdown import table
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


def neutralize(text: str) -> str:
    """The text with references, mentions and words such as `Closes` broken; it reads as before."""
    for active in (_REFERENCE, _CLOSING, _MENTION):
        text = active.sub(_broken, text)
    return text


def plain(text: str, *, limit: int = 300) -> str:
    """The text as plain words on one line, for a sentence or a cell."""
    return markdown.escape(neutralize(one_line(redact(text), characters=limit)), limit=3 * limit)


def code(text: str, *, limit: int = 300) -> str:
    """The text as code on one line, for names of files and branches; nothing for nothing."""
    return markdown.code(neutralize(one_line(redact(text), characters=limit)), limit=3 * limit)


def command(text: str, *, limit: int = 300) -> str:
    """The text as code, to be copied: in code nothing is a reference or a mention. Not for tables."""
    return markdown.command(one_line(redact(text), characters=limit), limit=3 * limit)


def block(text: str, *, characters: int = 4000, language: str = "text") -> str:
    """The text as a block of code that it cannot end; of a longer one the end is shown."""
    whole = neutralize(clean(redact(text))).strip("\n")
    shown = whole if len(whole) <= characters else "…" + whole[-characters:]
    fence = "`" * max(3, 1 + max(map(len, _BACKTICKS.findall(shown)), default=0))
    return f"{fence}{language}\n{shown}\n{fence}\n"


def _broken(match: re.Match[str]) -> str:
    return match.group() + NOTHING


_SECTION_CHARACTERS = 12_000
_NOTE_CHARACTERS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part with a heading of its own. The text ends with a line break."""

    title: str
    text: str

    def __str__(self) -> str:
        return f"## {self.title}\n\n{self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """What stands in the first text, and the further ones."""

    first: str
    further: tuple[str, ...]


def size(text: str) -> int:
    """How long GitHub may think that the text is: characters beyond the first 65,536 count twice."""
    return len(text.encode("utf-16-le")) // 2


def tables(
    title: str, titles: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = (), limit: int
) -> list[Section]:
    """A section with the rows, or several of bounded length; the last says how many rows over `limit` are left out."""
    groups: list[list[Sequence[str]]] = [[]]
    characters = 0
    for row in rows[:limit]:
        length = sum(map(size, row)) + 3 * len(row)
        if groups[-1] and characters + length > _SECTION_CHARACTERS:
            groups.append([])
            characters = 0
        groups[-1].append(row)
        characters += length
    texts = [table(titles, group, right=right) for group in groups if group]
    if len(rows) > limit:
        texts[-1] += f"\nThe first {limit:,} of {len(rows):,}; all are in the run's own report.\n"
    return [Section(title=title if not n else f"{title} ({n + 1})", text=text) for n, text in enumerate(texts)]


def fit(head: str, sections: Sequence[Section], *, foot: str, limit: int) -> Pages:
    """Head, as many sections as fit, in order, and foot; the others by themselves, and a note about them."""
    room = limit - size(head) - size(foot) - _NOTE_CHARACTERS
    kept: list[Section] = []
    moved: list[Section] = []
    for section in sections:
        length = size(str(section)) + 1
        (kept if length <= room else moved).append(section)
        room -= length if length <= room else 0
    note = f"Too long for this text, and told separately: {', '.join(s.title for s in moved)}.\n" if moved else ""
    return Pages(
        first="\n".join(part for part in (head, *map(str, kept), note[:_NOTE_CHARACTERS], foot) if part),
        further=_packed(moved, limit=limit),
    )


def _packed(sections: Sequence[Section], *, limit: int) -> tuple[str, ...]:
    texts: list[str] = []
    for section in map(str, sections):
        if texts and size(texts[-1]) + size(section) + 1 <= limit:
            texts[-1] += f"\n{section}"
        else:
            texts.append(section)
    return tuple(texts)
