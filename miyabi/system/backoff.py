"""How long to wait before something is tried again: `Backoff`; a single pause: `jittered`."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

_MOST_DOUBLINGS = 60  # 2.0 ** 1024 overflows


def jittered(longest_seconds: float, *, jitter: float) -> float:
    """Returns a pause in seconds of which chance has taken up to that share, 0 to 1."""
    return longest_seconds * random.uniform(1 - jitter, 1)  # noqa: S311 - spreads tries, guards nothing


@dataclass(frozen=True, slots=True)
class Backoff:
    """Pauses that double: the first, twice that, and so on up to the longest.

    `jitter` is the share of a pause, 0 to 1, that chance may take from it, so that many who wait do not come at once.
    """

    first_seconds: float
    longest_seconds: float = math.inf
    jitter: float = 0.0

    def seconds(self, failures: int) -> float:
        """Returns the pause after that many failures in a row, in seconds; 1 is the first."""
        pause = min(self.first_seconds * 2.0 ** min(failures - 1, _MOST_DOUBLINGS), self.longest_seconds)
        return jittered(pause, jitter=self.jitter)

    def __iter__(self) -> Iterator[float]:
        """Yields all pauses in their order, in seconds; there is no last one."""
        return (self.seconds(failures) for failures in itertools.count(1))
