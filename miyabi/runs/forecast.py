"""What tasks may cost, and how long they may take, by what earlier runs made of tasks of their type."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

from miyabi.dag import Dag, TaskType, simulate
from miyabi.machines import Machine, Strategy
from miyabi.runs.history import EarlierTask

_DRAWS, _LEAST_DRAWS, _MOST_PICKS = 1000, 50, 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """The middle of some figures, and what nine of ten do not exceed."""

    median: float
    p90: float

    @classmethod
    def of(cls, figures: Iterable[float]) -> Self:
        """Finds both in one figure or more; the second is one of the figures (nearest rank)."""
        ordered = sorted(figures)
        return cls(median=statistics.median(ordered), p90=ordered[math.ceil(0.9 * len(ordered)) - 1])


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeForecast:
    """Of one type: how many tasks are to be done, how many earlier ones there are in how many runs, and theirs."""

    type: TaskType
    tasks: int
    earlier: int
    runs: int
    usd: Spread
    seconds: Spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a DAG may cost, US dollars, and how long it may take on the slots of its machines, minutes.

    `unknown` are the tasks whose type no earlier run had: their cost is left out, and their time is as estimated.
    """

    types: tuple[TypeForecast, ...]
    usd: Spread
    minutes: Spread
    unknown: tuple[str, ...]


def forecast(
    dag: Dag, earlier: Sequence[EarlierTask], *, machines: Sequence[Machine], strategy: Strategy
) -> Forecast | None:
    """Makes the forecast; None where no earlier run had a task of the types in the DAG."""
    by_type = {kind: [each for each in earlier if each.type is kind] for kind in TaskType}
    known = {kind: tasks for kind, tasks in by_type.items() if tasks and any(node.type is kind for node in dag.nodes)}
    if not known:
        return None
    types = tuple(_of_type(kind, dag, tasks) for kind, tasks in known.items())

    def minutes(pick: Mapping[TaskType, float]) -> float:
        nodes = [
            node.model_copy(update={"estimated_duration": pick[node.type] / 60}) if node.type in pick else node
            for node in dag.nodes
        ]
        return simulate(replace(dag, nodes=tuple(nodes)), machines, strategy=strategy).makespan_minutes

    return Forecast(
        types=types,
        usd=Spread.of(_sums(dag, known)),
        minutes=Spread(
            median=minutes({each.type: each.seconds.median for each in types}),
            p90=minutes({each.type: each.seconds.p90 for each in types}),
        ),
        unknown=tuple(node.id for node in dag.nodes if node.type not in known),
    )


def _of_type(kind: TaskType, dag: Dag, tasks: Sequence[EarlierTask]) -> TypeForecast:
    return TypeForecast(
        type=kind,
        tasks=sum(node.type is kind for node in dag.nodes),
        earlier=len(tasks),
        runs=len({each.run for each in tasks}),
        usd=Spread.of(each.usd for each in tasks),
        seconds=Spread.of(each.seconds for each in tasks),
    )


def _sums(dag: Dag, known: Mapping[TaskType, Sequence[EarlierTask]]) -> Iterator[float]:
    """What the DAG costs if each task costs what an earlier one did that is drawn; the same whenever it is asked."""
    dice = random.Random(0)  # noqa: S311 - a forecast
    pools = [[each.usd for each in known[node.type]] for node in dag.nodes if node.type in known]
    if len(pools) == 1:
        yield from pools[0]
        return
    for _ in range(max(_LEAST_DRAWS, min(_DRAWS, _MOST_PICKS // len(pools)))):
        yield sum(dice.choice(pool) for pool in pools)
