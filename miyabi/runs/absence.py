"""Machines that do not answer, and how long that is borne."""

from __future__ import annotations

import time
from collections.abc import Callable


class Absences:
    """Since when machines have not answered, and `patience_seconds`: after them they are lost."""

    def __init__(self, *, patience_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.patience_seconds = patience_seconds
        self._clock = clock
        self._since: dict[str, float] = {}

    def is_borne(self, machine: str) -> bool:
        """Whether it may come back yet, now that it does not answer."""
        now = self._clock()
        return now - self._since.setdefault(machine, now) < self.patience_seconds

    def end(self, machine: str) -> None:
        """It answers."""
        self._since.pop(machine, None)
