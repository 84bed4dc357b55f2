"""How long tasks took in earlier runs, by their type: what another one of that type is likely to take."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import Self

from miyabi.dag import Dag, Node, TaskType
from miyabi.errors import BadInput
from miyabi.runs.budget import GOES_ON
from miyabi.runs.folder import RunFolder
from miyabi.sessions import SessionResult
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
        """Reads the repository's last 30 runs; rehearsals alone where `rehearse`, else all others.

        A run that cannot be read says nothing.
        """
        known: dict[TaskType, list[float]] = defaultdict(list)
        for folder in RunFolder.by_start(repository)[-_RUNS:]:
            with suppress(BadInput):
                for kind, seconds in _of_run(folder, rehearse=rehearse):
                    known[kind].append(seconds)
        return cls(by_type={kind: tuple(each) for kind, each in known.items()})

    def expected(self, node: Node, *, estimate_seconds: float) -> Expected:
        """Says how long a task is likely to take: the p75 of its type, where three are known, else its estimate."""
        known = self.by_type.get(node.type, ())
        if len(known) < _FEWEST:
            return Expected(
                seconds=estimate_seconds, source="its estimate: too few earlier tasks of its type are known"
            )
        seconds = quantiles(known, n=4, method="inclusive")[_P75]
        return Expected(seconds=seconds, source=f"p75 of {count(len(known), f'earlier {node.type} task')}")


def _of_run(folder: RunFolder, *, rehearse: bool) -> Iterator[tuple[TaskType, float]]:
    if folder.info().rehearse != rehearse:
        return
    nodes, attempts = Dag.load(folder.dag_file).by_id, defaultdict[str, list[SessionResult]](list)
    for result in folder.results():
        attempts[result.task].append(result)
    for task, results in attempts.items():
        if task in nodes and _is_over(results):
            yield nodes[task].type, sum(each.seconds for each in results)


def _is_over(results: Iterable[SessionResult]) -> bool:
    """Whether the last of them was not cut short: what is gone on with says too little of how long it takes."""
    *_, last = results
    return last.outcome not in GOES_ON and last.start is not None and not last.by_hand
