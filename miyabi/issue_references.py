"""Which issues a text says that it waits for, or that it closes. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from miyabi import prose

_PLACE = re.compile(r"https?://([^/\s]+)/([\w.-]+/[\w.-]+)", re.ASCII)
_NUMBER = r"[1-9][0-9]{0,8}(?!\w)"
_PHRASE = r"(?:depends?[ \t-]on|blocked[ \t-]by)\b[*_]{0,3}[ \t]*:?[*_]{0,3}[ \t]*"
_OPENING = re.compile(
    r"\s*(?:\#{1,6}\s+)?(?:(?:[-*+]|[0-9]{1,9}[.)])\s+)*(?:\[[ xX]\]\s+)?[*_]{0,3}"
    rf"(?:(?:this|it)\s+(?:(?:issue|task|ticket)\s+)?(?:is\s+)?)?{_PHRASE}",
    re.IGNORECASE,
)
_AGAIN = re.compile(rf"[\s,;.]*(?:and\s+|is\s+|also\s+){{0,3}}{_PHRASE}", re.IGNORECASE)
_ITEM = re.compile(r"\s*(?:(?:[-*+]|[0-9]{1,9}[.)])\s+)*(?:\[[ xX]\]\s+)?")
_REFERENCE = re.compile(
    r"[*_]{0,3}(?:\[[^\]]{0,200}\]\(\s*(?=http))?"
    r"(?:https?://(?P<host>[^/\s]+)/(?P<place>[\w.-]+/[\w.-]+)/(?:issues|pull)/"
    rf"(?P<linked>{_NUMBER})(?:[/?\#][^\s,;)]*)?\)?"
    rf"|(?:(?P<other>[\w.-]+/[\w.-]+))?\#(?P<number>{_NUMBER})|GH-(?P<short>{_NUMBER}))[*_]{{0,3}}",
    re.IGNORECASE | re.ASCII,
)
_BETWEEN = re.compile(r"(?:\s*\([^()]{0,200}\))?[\s,;、&+]*(?:(?:and|or)\s+)?", re.IGNORECASE)
_CLOSING = re.compile(
    rf"(?<![^\W_])(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?[ \t]+(?={_REFERENCE.pattern})",
    re.IGNORECASE | re.ASCII,
)


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """An issue or pull request by its number. `repository` is empty for one of the same repository."""

    repository: str
    number: int

    def __str__(self) -> str:
        return f"{self.repository}#{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """The repository that a text was written in; empty where it is not known."""

    host: str = ""
    repository: str = ""

    @classmethod
    def of(cls, html_url: str) -> Self:
        """The repository of an issue's or a milestone's address."""
        place = _PLACE.match(html_url)
        return cls(host=place.group(1).lower(), repository=place.group(2)) if place else cls()

    def reference(self, number: int, *, repository: str = "", host: str = "") -> Reference:
        """The reference as seen from here: what is of this very repository has no repository."""
        away = host.lower() not in {"", self.host}
        if not away and repository.lower() in {"", self.repository.lower()}:
            return Reference("", number)
        return Reference(f"{host.lower()}/{repository}" if away and self.host else repository, number)


def dependencies(text: str, *, home: Home) -> tuple[Reference, ...]:
    """What the text's lines `Depends on …` and `Blocked by …` name, each once, in order.

    A line is one that begins so, as a sentence, list item, task or heading; several may be named, and where a line
    names none, the lines or list items right below it are read. A box that is ticked says nothing: the issue's own
    state does. Code, quotes and HTML comments do not count.
    """
    found: dict[Reference, None] = {}
    is_open = False
    for line in prose.lines(text):
        opening = _OPENING.match(line)
        if not opening and not is_open:
            continue
        begin = opening or _ITEM.match(line)
        rest = line[begin.end() :] if begin else line
        named = list(_named(rest, home=home))
        found.update(dict.fromkeys(named))
        is_open = not rest.strip() if opening else bool(named) or not line.strip()
    return tuple(found)


def closes(text: str, *, home: Home) -> tuple[Reference, ...]:
    """The issues that GitHub closes when a pull request with this text is merged, each once, in order."""
    found = (_REFERENCE.match(line, each.end()) for line in prose.lines(text) for each in _CLOSING.finditer(line))
    return tuple(dict.fromkeys(_reference(match, home=home) for match in found if match))


def _named(line: str, *, home: Home) -> Iterator[Reference]:
    start = 0
    while match := _REFERENCE.match(line, start):
        yield _reference(match, home=home)
        end = match.end()
        again = _AGAIN.match(line, end)
        between = again or _BETWEEN.match(line, end)
        start = between.end() if between else end


def _reference(match: re.Match[str], *, home: Home) -> Reference:
    number = int(match["linked"] or match["number"] or match["short"])
    return home.reference(number, repository=match["place"] or match["other"] or "", host=match["host"] or "")
