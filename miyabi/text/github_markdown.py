"""Text for GitHub: what others wrote says nothing there that it should not, and fits in what GitHub takes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, chain, takewhile

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
_HYPHEN, _JOINER = re.compile("-"), "\u2060"
_AROUND_ROW = 19


def title(text: str, *, limit: int) -> str:
    """Makes one line for a title, which is plain text: mentions and references are broken, words stay as they are.

    Args:
        text: redacted here.
        limit: characters at most, before the blanks without width that break what is active.
    """
    line = one_line(redact(text), characters=limit)
    return _MENTION.sub(_broken, _REFERENCE.sub(_broken, line))


def neutralize(text: str) -> str:
    """Breaks references, mentions and words such as `Closes` by a blank without width; the text reads as before.

    What is active is in GitHub's docs: "Autolinked references and URLs", and the keywords of "Linking a pull request to
    an issue".
    """
    for active in (_REFERENCE, _CLOSING, _MENTION):
        text = active.sub(_broken, text)
    return text


def plain(text: str, *, limit: int = 300) -> str:
    """Makes plain words on one line of a text, redacted, for a sentence or a cell; `limit` counts characters."""
    return markdown.escape(neutralize(one_line(redact(text), characters=limit)), limit=3 * limit)


def code(text: str, *, limit: int = 300) -> str:
    """Makes code on one line of a text, redacted, for names of files and branches; nothing of nothing."""
    return markdown.code(neutralize(one_line(redact(text), characters=limit)), limit=3 * limit)


def unbroken(text: str) -> str:
    """Makes code of an id for a cell, where no line ends in it: GitHub ends one after any hyphen that lets it."""
    return _HYPHEN.sub(f"-{_JOINER}", code(text))


def command(text: str, *, limit: int = 300) -> str:
    """Makes code of a text, redacted, to be copied: in code nothing is a reference or a mention. Not for tables."""
    return markdown.command(one_line(redact(text), characters=limit), limit=3 * limit)


def first_rows(table: str, *, characters: int, of: int) -> str:
    """Cuts a table to as many of its rows as fit into so many characters, and says how many more there are.

    Args:
        table: in Markdown, each row on a line.
        characters: of all rows that stay, their titles left out.
        of: how many rows there are in all.
    """
    titles, rule, *rows = table.rstrip("\n").split("\n")
    lengths = accumulate(len(row) + _AROUND_ROW for row in rows)
    kept = [row for row, length in zip(rows, lengths, strict=True) if length <= characters]
    more = f"\n\nand {of - len(kept):,} more" if of > len(kept) else ""
    return "\n".join((titles, rule, *kept)) + f"{more}\n"


def block(text: str, *, characters: int = 4000) -> str:
    """Makes a block of code that its text, redacted, cannot end; of more than `characters` shows the end."""
    whole = neutralize(clean(redact(text))).strip("\n")
    return markdown.block(whole if len(whole) <= characters else "…" + whole[-characters:])


def quotation(text: str) -> str:
    """Makes a quotation of a text, redacted, line by line; nothing of nothing."""
    return markdown.quotation(redact(text), plain=partial(plain, limit=markdown.CHARACTERS))


def _broken(match: re.Match[str]) -> str:
    return match.group() + NOTHING


PAGE_BREAK = "\f"
"""Stands in a text before each of its sections: there it may be divided. `clean` leaves none in foreign text."""

PART_BREAK = "\v"
"""The same before each part of a section that is no table. What stands before the first is said each time."""

_SECTION_CHARACTERS = 12_000
_NOTE_CHARACTERS = 1_000
_TITLES = 2  # lines of a table before its first row


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """What stands in the first text, and the further ones."""

    first: str
    further: tuple[str, ...]


def size(text: str) -> int:
    """Counts the text's UTF-16 code units, as GitHub may: a character beyond U+FFFF is two."""
    return len(text.encode("utf-16-le")) // 2


def pages(text: str, *, limit: int) -> Pages:
    """Divides a text into pages: on the first its head, as many sections as fit, in order, and its foot.

    Args:
        text: a head, sections that each begin with a heading, and a foot, all but the head after a `PAGE_BREAK`. A
            section that is a table may be divided between its rows, one of parts between those.
        limit: of each page, as `size` counts; a single section that is longer is a page of its own.
    """
    head, *whole, foot = (part.strip("\n") + "\n" for part in text.split(PAGE_BREAK))
    room = limit - size(head) - size(foot) - _NOTE_CHARACTERS
    kept: list[str] = []
    moved: list[str] = []
    for section in chain.from_iterable(map(_divided, whole)):
        length = size(section) + 1
        (kept if length <= room else moved).append(section)
        room -= length if length <= room else 0
    titles = ", ".join(section.partition("\n")[0].removeprefix("## ") for section in moved)
    note = f"Too long for this text, and told separately: {titles}.\n" if moved else ""
    return Pages(
        first="\n".join(part for part in (head, *kept, note[:_NOTE_CHARACTERS], foot) if part),
        further=_packed(moved, limit=limit),
    )


def _divided(section: str) -> Iterator[str]:
    """The section; where it is a long table, or has many parts, several with the same heading and beginning."""
    heading, _, text = section.partition("\n\n")
    beginning, *parts = text.split(PART_BREAK) if PART_BREAK in text else _rows(text)
    groups: list[list[str]] = [[]]
    characters = 0
    for part in parts:
        length = size(part)
        if groups[-1] and characters + length > _SECTION_CHARACTERS:
            groups.append([])
            characters = 0
        groups[-1].append(part)
        characters += length
    for number, group in enumerate(groups, 1):
        title = heading if number == 1 else f"{heading} ({number})"
        yield "".join((title, "\n\n", beginning, *group)).rstrip("\n") + "\n"


def _rows(text: str) -> Sequence[str]:
    """A table's titles, its rows, and with the last row what stands below it; any other text as a whole."""
    lines = [f"{line}\n" for line in text.split("\n")]
    end = sum(1 for _ in takewhile(lambda line: line.startswith("|"), lines))
    is_table = end > _TITLES
    return ["".join(lines[:_TITLES]), *lines[_TITLES : end - 1], "".join(lines[end - 1 :])] if is_table else [text]


def _packed(sections: Sequence[str], *, limit: int) -> tuple[str, ...]:
    texts: list[str] = []
    for section in sections:
        if texts and size(texts[-1]) + size(section) + 1 <= limit:
            texts[-1] += f"\n{section}"
        else:
            texts.append(section)
    return tuple(texts)
