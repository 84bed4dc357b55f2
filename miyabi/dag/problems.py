"""What is wrong with a file, in one line: the first problem in full, the others counted."""

from __future__ import annotations

from collections.abc import Collection

from miyabi.errors import MOST_OTHERS, DagError
from miyabi.text import did_you_mean


class Problems:
    """Collects problems of one file; the message has the first with the file's name, the others stand below it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.count = 0
        self._said: list[str] = []

    def add(self, where: str, what: str, *, wrong: str = "", known: Collection[str] = ()) -> None:
        """Counts a problem; `wrong` and `known` names make a hint at the nearest name, where the problem is shown."""
        hint = did_you_mean(wrong, known) if wrong and self.count <= MOST_OTHERS else ""
        self.count += 1
        self._said.append(f"{where}: {what}{hint}" if where else f"{what}{hint}")

    def refuse(self) -> None:
        """Raises where there was any problem.

        Raises:
            DagError: one line with the file and the first problem, and how many more there are; it has those too.
        """
        if self.count:
            more = self.count - 1
            rest = f" (and {more} more problem{'s' * (more > 1)})" if more else ""
            first, *others = self._said
            raise DagError(f"{self.name}: {first}{rest}", others=others)
