"""A run in thought: who would run where and when, if every estimate came true. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from miyabi.dag.graph import Dag
from miyabi.dag.node import Node
from miyabi.machines import Load, Machine, Placement, Strategy, choose, unplaceable
from miyabi.text import quote


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTask:
    """One task of the plan. Times are minutes from the start of the run."""

    task: str
    machine: str
    start_minutes: float
    end_minutes: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The rows in the order in which they start, and how long it all takes.

    `bound_minutes` is what no order on these slots can beat. `unplaceable` has a sentence for each task left out.
    """

    rows: tuple[PlannedTask, ...]
    makespan_minutes: float
    bound_minutes: float
    unplaceable: tuple[str, ...]


def simulate(dag: Dag, machines: Sequence[Machine], *, strategy: Strategy = Strategy.FILL_FIRST) -> Plan:
    """Plans a run of the DAG on these machines, placed as the real one places its tasks."""
    left_out = _left_out(dag, machines)
    nodes = [node for node in dag.nodes if node.id not in left_out]
    rows = _Simulation(dag, nodes, machines, strategy=strategy).rows()
    return Plan(
        rows=tuple(rows),
        makespan_minutes=max((row.end_minutes for row in rows), default=0.0),
        bound_minutes=max(_critical(dag, nodes), _slot_bound(nodes, machines)),
        unplaceable=tuple(left_out.values()),
    )


def _left_out(dag: Dag, machines: Sequence[Machine]) -> Mapping[str, str]:
    """Sentences for the tasks that cannot be placed, and for those that wait for one of them."""
    fleet = [Load(machine=machine, used=0) for machine in machines]
    why = {requires: unplaceable(fleet, requires) for requires in {node.requires for node in dag.nodes}}
    left_out: dict[str, str] = {}
    for task in dag.order:
        waits_for = next((other for other in dag.dependencies(task) if other in left_out), None)
        if reason := why[dag.by_id[task].requires]:
            left_out[task] = f"{quote(task)}: {reason}"
        elif waits_for:
            left_out[task] = f"{quote(task)}: waits for {quote(waits_for)}, which no machine can take"
    return left_out


def _critical(dag: Dag, nodes: Sequence[Node]) -> float:
    """The longest path among nodes that hold everything they wait for."""
    kept = {node.id: node.estimated_duration for node in nodes}
    until: dict[str, float] = {}
    for task in (task for task in dag.order if task in kept):
        until[task] = kept[task] + max((until[other] for other in dag.dependencies(task)), default=0.0)
    return round(max(until.values(), default=0.0), 6)


def _slot_bound(nodes: Sequence[Node], machines: Sequence[Machine]) -> float:
    """Work divided by slots, for all nodes, and for those that only machines with certain labels can take."""
    return max((_share(nodes, machines, frozenset(labels)) for labels in {(), *(n.requires for n in nodes)}), default=0)


def _share(nodes: Sequence[Node], machines: Sequence[Machine], labels: frozenset[str]) -> float:
    work = sum(node.estimated_duration for node in nodes if labels.issubset(node.requires))
    slots = sum(machine.slots for machine in machines if labels <= machine.offers)
    return round(work / slots, 6) if slots else 0.0


@dataclass
class _Simulation:
    """List scheduling: whenever a slot is free, the first of the queue that it can take."""

    dag: Dag
    nodes: Sequence[Node]
    machines: Sequence[Machine]
    strategy: Strategy = field(kw_only=True)

    def __post_init__(self) -> None:
        self._rank = self.dag.rank
        self._fleet = [Load(machine=machine, used=0) for machine in self.machines]
        self._index = {machine.name: at for at, machine in enumerate(self.machines)}
        self._missing = {node.id: len(self.dag.dependencies(node.id)) for node in self.nodes}
        self._ready: dict[tuple[str, ...], list[tuple[int, str]]] = {}
        self._running: list[tuple[float, int, str, str]] = []

    def rows(self) -> list[PlannedTask]:
        """The tasks in the order in which they start."""
        for node in self.nodes:
            if not self._missing[node.id]:
                self._queue(node.id)
        rows = self._started(0.0)
        while self._running:
            now = self._running[0][0]
            while self._running and self._running[0][0] <= now:
                _, _, task, machine = heapq.heappop(self._running)
                self._ended(task, machine)
            rows += self._started(now)
        return rows

    def _queue(self, task: str) -> None:
        heapq.heappush(self._ready.setdefault(self.dag.by_id[task].requires, []), (self._rank[task], task))

    def _started(self, now: float) -> list[PlannedTask]:
        """What starts now. Tasks that need the same labels wait in one queue: if its first cannot start, none can."""
        rows: list[PlannedTask] = []
        queues = [(queue[0], requires) for requires, queue in self._ready.items() if queue]
        heapq.heapify(queues)
        while queues:
            _, requires = heapq.heappop(queues)
            if placement := choose(self._fleet, requires=requires, strategy=self.strategy):
                queue = self._ready[requires]
                rows.append(self._start(heapq.heappop(queue)[1], placement, now))
                if queue:
                    heapq.heappush(queues, (queue[0], requires))
        return rows

    def _start(self, task: str, placement: Placement, now: float) -> PlannedTask:
        end = round(now + self.dag.by_id[task].estimated_duration, 6)
        machine = placement.machine.name
        self._use(machine, 1)
        heapq.heappush(self._running, (end, self._rank[task], task, machine))
        return PlannedTask(task=task, machine=machine, start_minutes=now, end_minutes=end, reason=placement.reason)

    def _ended(self, task: str, machine: str) -> None:
        self._use(machine, -1)
        for other in self.dag.dependants(task):
            if other in self._missing:
                self._missing[other] -= 1
                if not self._missing[other]:
                    self._queue(other)

    def _use(self, machine: str, more: int) -> None:
        at = self._index[machine]
        load = self._fleet[at]
        self._fleet[at] = Load(machine=load.machine, used=load.used + more)
