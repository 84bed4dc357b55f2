"""How a text names issues: by number, repository or address; and which ones it closes. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from miyabi.text import commonmark

_REPOSITORY = re.compile(r"https?://([^/\s]+)/([\w.-]+/[\w.-]+)", re.ASCII)
_NUMBER = r"[1-9][0-9]{0,8}(?!_*[^\W_])"  # "#1_" ends an emphasis, "#1a" is no number
_PLAIN = (
    r"(?:https?://(?P<host>[^/\s]+)/(?P<repository>[\w.-]+/[\w.-]+)/(?:issues|pull)/"
    rf"(?P<linked>{_NUMBER})(?:[/?\#][^\s,;)\]>\"'|*]*)?"
    rf"|(?:(?P<other>(?<!/)[\w.-]{{1,100}}/[\w.-]{{1,100}}))?\#(?P<number>{_NUMBER})|GH-(?P<short>{_NUMBER}))"
)
_REFERENCE = re.compile(
    rf"[*_]{{0,3}}(?:\[[^\]]{{0,200}}\]\(\s*(?=http))?{_PLAIN}\)?[*_]{{0,3}}", re.IGNORECASE | re.ASCII
)
_ANYWHERE = re.compile(rf"(?<![^\W_])(?<!#){_PLAIN}", re.IGNORECASE | re.ASCII)
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
class RepositoryContext:
    """The repository that a text was written in; empty where it is not known."""

    host: str = ""
    repository: str = ""

    @classmethod
    def of(cls, html_url: str) -> Self:
        """Reads the repository in an issue's or a milestone's address; it is empty where that is no address of one."""
        found = _REPOSITORY.match(html_url)
        return cls(host=found.group(1).lower(), repository=found.group(2)) if found else cls()

    def reference(self, number: int, *, repository: str = "", host: str = "") -> Reference:
        """Makes the reference as seen from here: what is of this very repository has no repository."""
        away = host.lower() not in {"", self.host}
        if not away and repository.lower() in {"", self.repository.lower()}:
            return Reference("", number)
        return Reference(f"{host.lower()}/{repository}" if away and self.host else repository, number)


def closes(text: str, *, context: RepositoryContext) -> tuple[Reference, ...]:
    """Reads which issues GitHub closes when a pull request with this text is merged, each once, in order.

    The keywords are those of GitHub's docs, "Linking a pull request to an issue".
    """
    found = (_REFERENCE.match(line, each.end()) for line in commonmark.lines(text) for each in _CLOSING.finditer(line))
    return tuple(dict.fromkeys(_reference(match, context=context) for match in found if match))


def find_references(text: str, *, context: RepositoryContext) -> Iterator[tuple[re.Match[str], Reference]]:
    """Finds each reference in a line of text, wherever it stands, with what it stands for."""
    return ((match, _reference(match, context=context)) for match in _ANYWHERE.finditer(text))


def _reference(match: re.Match[str], *, context: RepositoryContext) -> Reference:
    number = int(match["linked"] or match["number"] or match["short"])
    return context.reference(number, repository=match["repository"] or match["other"] or "", host=match["host"] or "")
