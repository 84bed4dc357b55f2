"""A line of Markdown as its reader sees it, with a mark for each issue that it names. Pure."""

from __future__ import annotations

import html
import re
import unicodedata
from dataclasses import dataclass
from typing import Self

from miyabi.milestones.references import Reference, RepositoryContext, find_references
from miyabi.text import clean

MARK = re.compile("\x01([0-9]+)\x01")
"""Stands in a plain text for a reference: its place among the line's references."""

_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,30});", re.IGNORECASE)
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufe0e\ufe0f\ufeff]")
_LINK = re.compile(r"!?\[([^\[\]]{0,300})\]\(([^()\s]{0,300})(?:\s+[\"'][^()]{0,200})?\)")
_STRUCK = re.compile(
    r"(?<!~)(?:(?<![^\W_])|(?=~+[^\W_]))(~{1,2})(?=[^\s~])"  # GFM 0.29, 6.5; at GitHub "~2 h" opens, does not close
    r"[^~]{0,500}(?<=\S)(?:(?<=[^\W_])|(?=~+(?:[\W_]|$)))\1(?!~)|<(del|s)>.{0,500}?</\2>",
    re.IGNORECASE,
)
_TAG = re.compile(r"<[^<>]{1,500}>")
_ESCAPED = re.compile(r"\\(?=[!-/:-@\[-`{-~])")
_EMPHASIS = re.compile(r"\*+|(?<![^\W_])_+|_+(?![^\W_])")
_ITEM = re.compile(r"\s*(?:[-*+•]|[0-9]{1,9}[.)])\s")
_HEADING = re.compile(r"\s{0,3}(?:(?:[-*+]|[0-9]{1,9}[.)])\s+)*(#{1,6})\s")
_DECORATION = re.compile(
    r"(?:\[[ xX]\]|\[![A-Za-z]+\]|(?:[0-9]{1,9}|[A-Za-z])[.)](?=\s)|:[a-z0-9_+-]{1,40}:|[^\w\x01])+", re.IGNORECASE
)
_RULE = re.compile(r"[\s|:=*_-]*[=*_-]{2,}[\s|:=*_-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainLine:
    """A line without its Markdown.

    `text` has no emphasis, links, tags or leading marks, and a `MARK` for each of `references`; `heading` is the
    heading's level, 0 for none; `indent` counts blanks; `rest` is the text with its leading marks.
    """

    text: str
    rest: str
    references: tuple[Reference, ...]
    heading: int = 0
    is_item: bool = False
    indent: int = 0
    is_table: bool = False
    is_rule: bool = False

    @classmethod
    def of(cls, line: str, *, context: RepositoryContext) -> Self:
        """Reads a line as `miyabi.text.commonmark.quoted_lines` gives it."""
        shown = _INVISIBLE.sub("", unicodedata.normalize("NFKC", clean(_ENTITY.sub(_character, clean(line)))))
        marked, references = _marked(_STRUCK.sub(" ", _ESCAPED.sub("", shown)), context=context)
        heading = _HEADING.match(shown)
        rest = _without_markup(marked).strip()
        return cls(
            text=_undecorated(rest),
            rest=rest,
            references=references,
            heading=len(heading[1]) if heading else 0,
            is_item=bool(_ITEM.match(shown)),
            indent=len(shown.expandtabs(4)) - len(shown.expandtabs(4).lstrip()),
            is_table=shown.lstrip().startswith("|"),
            is_rule=bool(_RULE.fullmatch(shown)),
        )

    def cells(self) -> list[str]:
        """Splits a table's row into the texts of its cells."""
        return [_undecorated(cell.strip()) for cell in self.rest.strip("| ").split("|")]


def _character(entity: re.Match[str]) -> str:
    return html.unescape(entity[0])


def _marked(text: str, *, context: RepositoryContext) -> tuple[str, tuple[Reference, ...]]:
    parts: list[str] = []
    references: list[Reference] = []
    end = 0
    for match, reference in find_references(text, context=context):
        parts += [text[end : match.start()], f"\x01{len(references)}\x01"]
        references.append(reference)
        end = match.end()
    return "".join([*parts, text[end:]]), tuple(references)


def _without_markup(text: str) -> str:
    text = _LINK.sub(lambda match: _marks(match[2]) or match[1], text)
    text = _TAG.sub(lambda match: _marks(match[0]) or " ", text)
    return _EMPHASIS.sub("", text).replace("`", " code ")


def _undecorated(text: str) -> str:
    decoration = _DECORATION.match(text)
    return text[decoration.end() :] if decoration else text


def _marks(text: str) -> str:
    return " ".join(match[0] for match in MARK.finditer(text))
