"""Sections become one text that fits and, where they do not, further texts; none is cut in the middle. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from miyabi.text.markdown import table

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
