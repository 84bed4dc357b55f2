"""The DAG of a run: its nodes, who waits for whom, and the order in which they are worth starting."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from miyabi.dag import order as dag_order
from miyabi.dag.node import Node, TaskType
from miyabi.dag.problems import Problems
from miyabi.dag.read import read_text
from miyabi.dag.references import check_references
from miyabi.dag.validate import content, level_warning, node_warnings
from miyabi.text import quote

__all__ = ["Dag", "Node", "TaskType"]

_SHOWN_OF_CYCLE = 12


@dataclass(frozen=True, kw_only=True)
class Dag:
    """Nodes whose dependencies exist and have no cycle. Two are equal when their nodes are.

    `not_scheduled` has a sentence about each kind of node that was taken out, see `miyabi.dag.unfinished`.

    Raises:
        DagError: no nodes, an id twice, an unknown dependency, a cycle.
    """

    nodes: tuple[Node, ...]
    name: str = field(default="DAG", compare=False)
    warnings: tuple[str, ...] = field(default=(), compare=False)
    not_scheduled: tuple[str, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        problems = Problems(self.name)
        check_references(self.nodes, problems)
        problems.refuse()
        if len(self._some_order) < len(self.nodes):
            problems.add("", self._cycle_sentence())
        problems.refuse()

    @classmethod
    def load(cls, path: Path) -> Dag:
        """Reads the DAG in a JSON or YAML file.

        Raises:
            DagError: one line that names the file, the node and the field, and what to do.
        """
        return cls.from_text(read_text(path), name=str(path))

    @classmethod
    def from_text(cls, text: str, *, name: str = "DAG") -> Dag:
        """Reads the DAG in a text; `name` stands in messages, and its ending says whether the text is JSON or YAML.

        Raises:
            DagError: as `load`.
        """
        given = content(text, name=name)
        dag = cls(nodes=given.nodes, name=name, warnings=tuple(node_warnings(given.nodes, name=name)))
        warning = level_warning(given.levels, dag.levels, name=name)
        return replace(dag, warnings=(*dag.warnings, warning)) if warning else dag

    @cached_property
    def by_id(self) -> Mapping[str, Node]:
        """The nodes by their ids, in file order."""
        return MappingProxyType({node.id: node for node in self.nodes})

    @property
    def issues(self) -> dict[str, int]:
        """The issue's number for each task that has one, whatever file the DAG is from."""
        return {node.id: node.issue for node in self.nodes if node.issue}

    @cached_property
    def order(self) -> tuple[str, ...]:
        """Ids, each after its dependencies; among those that could be next, the one of the lowest `rank`."""
        return self._ids(dag_order.by_rank(self._before, self._after, self._rank))

    @cached_property
    def rank(self) -> Mapping[str, int]:
        """For each id its place in the queue of ready tasks, 0 being the first.

        By longest remaining path, then priority (1 first), then place in the file.
        """
        return MappingProxyType({node.id: rank for node, rank in zip(self.nodes, self._rank, strict=True)})

    @cached_property
    def levels(self) -> tuple[tuple[str, ...], ...]:
        """Ids by the number of nodes on the longest path before them, each level in file order."""
        depth = dag_order.depths(self._some_order, self._before)
        levels: list[list[str]] = [[] for _ in range(max(depth) + 1)]
        for node, at in zip(self.nodes, depth, strict=True):
            levels[at].append(node.id)
        return tuple(map(tuple, levels))

    @cached_property
    def remaining_minutes(self) -> Mapping[str, float]:
        """For each id the estimated minutes of the longest path that begins with it, itself included."""
        return MappingProxyType(dict(zip(self.by_id, self._remaining, strict=True)))

    @cached_property
    def critical_path(self) -> tuple[str, ...]:
        """Ids of the longest path by estimate, the first to start first; the run cannot be shorter."""
        node: int | None = min(range(len(self.nodes)), key=self._rank.__getitem__)
        path: list[int] = []
        while node is not None:
            path.append(node)
            node = min(self._after[node], key=self._rank.__getitem__, default=None)
        return self._ids(path)

    def dependencies(self, task: str) -> tuple[str, ...]:
        """Returns the ids that must succeed before this one starts, each once, in the node's order.

        Raises:
            KeyError: there is no such task.
        """
        return self._ids(self._before[self._number[task]])

    def dependants(self, task: str) -> tuple[str, ...]:
        """Returns the ids that wait for this one, in file order.

        Raises:
            KeyError: there is no such task.
        """
        return self._ids(self._after[self._number[task]])

    def to_json(self) -> str:
        """Writes the DAG in the format it is read from: dependencies and edges united, levels computed."""
        nodes: list[dict[str, Any]] = [node.model_dump(mode="json", exclude_none=True) for node in self.nodes]
        edges = [{"from": other, "to": node.id} for node in self.nodes for other in self.dependencies(node.id)]
        return json.dumps({"nodes": nodes, "edges": edges, "levels": self.levels}, ensure_ascii=False, indent=1) + "\n"

    @cached_property
    def _number(self) -> dict[str, int]:
        return {node.id: number for number, node in enumerate(self.nodes)}

    @cached_property
    def _before(self) -> list[list[int]]:
        number = self._number
        return [[number[other] for other in dict.fromkeys(node.dependencies)] for node in self.nodes]

    @cached_property
    def _after(self) -> list[list[int]]:
        return dag_order.reversed_links(self._before)

    @cached_property
    def _some_order(self) -> list[int]:
        return dag_order.some_order(self._before, self._after)

    @cached_property
    def _remaining(self) -> list[float]:
        minutes = [node.estimated_duration for node in self.nodes]
        return dag_order.longest_ahead(self._some_order[::-1], self._after, minutes)

    @cached_property
    def _rank(self) -> list[int]:
        def urgency(number: int) -> tuple[float, int, int]:
            return (-self._remaining[number], self.nodes[number].priority, number)

        rank = [0] * len(self.nodes)
        for position, number in enumerate(sorted(range(len(self.nodes)), key=urgency)):
            rank[number] = position
        return rank

    def _ids(self, numbers: list[int]) -> tuple[str, ...]:
        return tuple(self.nodes[number].id for number in numbers)

    def _cycle_sentence(self) -> str:
        path = self._ids(dag_order.cycle(self._before, ordered=self._some_order))
        steps = [*path[:_SHOWN_OF_CYCLE], "…", path[-1]] if len(path) > _SHOWN_OF_CYCLE + 1 else path
        last = f"{quote(path[-2])} from the dependencies of {quote(path[-1])}"
        return f"the dependencies go in a circle: {' → '.join(steps)}; take one out, for example {last}"
