"""What is wrong with a file, told in one line: the first problem in full, the others counted."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from miyabi.errors import DagError

_LONGEST = 60


def shown(text: str) -> str:
    """The text in quotes, shortened, and with nothing in it that a terminal or UTF-8 would choke on."""
    short = text[:_LONGEST]
    safe = short if short.isprintable() else ascii(short)[1:-1]
    return f"'{safe}'" if len(text) <= _LONGEST else f"'{safe}…' ({len(text)} characters)"


def found(value: object) -> str:
    """What was found, in the words of the file: `the text 'high'`, `a list`, `null`."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case int() | float():
            return f"the number {str(value)[:_LONGEST]}"
        case str():
            return f"the text {shown(value)}"
        case list() | tuple():
            return "a list"
    return "an object"


def nearest(wrong: str, known: Iterable[str]) -> str:
    """A hint at the known name that is most like the wrong one, empty where none is."""
    near = difflib.get_close_matches(wrong[:_LONGEST].lower(), {name.lower(): name for name in known}, n=1)
    by_lower = {name.lower(): name for name in known} if near else {}
    return f"; did you mean {shown(by_lower[near[0]])}?" if near else ""


class Problems:
    """Collects problems of one file; only the first is put into words."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.count = 0
        self._first = ""

    def add(self, where: str, what: str, *, wrong: str = "", known: Iterable[str] = ()) -> None:
        """Count a problem; `wrong` and `known` names make a hint at the nearest name."""
        self.count += 1
        if self.count == 1:
            hint = nearest(wrong, known) if wrong else ""
            self._first = f"{where}: {what}{hint}" if where else f"{what}{hint}"

    def refuse(self) -> None:
        """Ends here where there was any problem.

        Raises:
            DagError: one line with the file and the first problem, and how many more there are.
        """
        if self.count:
            more = self.count - 1
            rest = f" (and {more} more problem{'s' * (more > 1)})" if more else ""
            raise DagError(f"{self.name}: {self._first}{rest}")
