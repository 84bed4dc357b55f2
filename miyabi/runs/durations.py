"""How long tasks took in earlier runs, by their type: what another one of that type is likely to take."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from statistics import quantiles
from typing import Self

from miyabi.dag import Node, TaskType
from miyabi.runs.history import earlier_tasks
from miyabi.text import count, duration

_RUNS = 30
_FEWEST = 3
_P75 = 2  # of the three quartiles, from 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """How long a task is likely to take, seconds, and by what that is said."""

    seconds: float
    source: str

    @property
    def words(self) -> str:
        """Both in words: `12 min 00 s (p75 of 14 earlier docs tasks)`."""
        return f"{duration(self.seconds)} ({self.source})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Durations:
    """Seconds that tasks took, by type: those of all sessions of a task in a run together, waits between them not."""

    by_type: Mapping[TaskType, tuple[float, ...]] = field(default_factory=dict)

    @classmethod
    def read(cls, repository: Path, *, rehearse: bool) -> Self:
        """Reads the repository's last 30 runs; rehearsals alone where `rehearse`, else all others."""
        known: dict[TaskType, list[float]] = defaultdict(list)
        for each in earlier_tasks(repository, most_runs=_RUNS, rehearse=rehearse):
            known[each.type].append(each.seconds)
        return cls(by_type={kind: tuple(each) for kind, each in known.items()})

    def knows(self, node: Node) -> bool:
        """Returns whether enough earlier tasks of the node's type are known."""
        return len(self.by_type.get(node.type, ())) >= _FEWEST

    def expected(self, node: Node, *, estimate_seconds: float) -> Expected:
        """Says how long a task is likely to take: the p75 of its type, where three are known, else its estimate."""
        known = self.by_type.get(node.type, ())
        if not self.knows(node):
            return Expected(
                seconds=estimate_seconds, source="its estimate: too few earlier tasks of its type are known"
            )
        return Expected(seconds=_p75(known), source=f"p75 of {count(len(known), f'earlier {node.type} task')}")


@cache
def _p75(seconds: tuple[float, ...]) -> float:
    """It is asked for each task, again before each start, and is of hundreds of figures."""
    return quantiles(seconds, n=4, method="inclusive")[_P75]
