"""What is wrong with a file, told in one line: the first problem in full, the others counted."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Collection

from miyabi.errors import MOST_OTHERS, DagError

_LONGEST = 60
_LISTED = 30


def shown(text: str) -> str:
    """The text in quotes, shortened, and with nothing in it that a terminal or UTF-8 would choke on."""
    short = text[:_LONGEST]
    safe = short if short.isprintable() else ascii(short)[1:-1]
    return f"'{safe}'" if len(text) <= _LONGEST else f"'{safe}…' ({len(text)} characters)"


def found(value: object) -> str:
    """What was found, in the words of the file: `the text 'high'`, `a list`, `null`."""
    match value:
        case None | bool():
            return json.dumps(value)
        case float() if not math.isfinite(value):
            return "NaN" if math.isnan(value) else "a number without end"
        case int() | float():
            return f"the number {str(value)[:_LONGEST]}"
        case str():
            return f"the text {shown(value)}"
        case list() | tuple():
            return "a list"
    return "an object"


def nearest(wrong: str, known: Collection[str]) -> str:
    """A hint at the known name that is most like the wrong one; where none is, at all of them if they are few."""
    by_lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(wrong[:_LONGEST].lower(), by_lower, n=1)
    if near:
        return f"; did you mean {shown(by_lower[near[0]])}?"
    return f"; known are {', '.join(known)}" if 0 < len(known) <= _LISTED else ""


class Problems:
    """Collects problems of one file; the first is told with the file's name, the others below it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.count = 0
        self._said: list[str] = []

    def add(self, where: str, what: str, *, wrong: str = "", known: Collection[str] = ()) -> None:
        """Count a problem; `wrong` and `known` names make a hint at the nearest name, where the problem is shown."""
        hint = nearest(wrong, known) if wrong and self.count <= MOST_OTHERS else ""
        self.count += 1
        self._said.append(f"{where}: {what}{hint}" if where else f"{what}{hint}")

    def refuse(self) -> None:
        """Ends here where there was any problem.

        Raises:
            DagError: one line with the file and the first problem, and how many more there are; it has those too.
        """
        if self.count:
            more = self.count - 1
            rest = f" (and {more} more problem{'s' * (more > 1)})" if more else ""
            first, *others = self._said
            raise DagError(f"{self.name}: {first}{rest}", others=others)
