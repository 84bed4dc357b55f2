"""What of a run is still to come: what each task waits for, and how long all of it may take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

from miyabi.dag import DEFAULT_MINUTES, Dag, Node, simulate
from miyabi.errors import BadInput
from miyabi.machines import Machine
from miyabi.runs.durations import Durations
from miyabi.runs.folder import RunFolder
from miyabi.runs.progress import Snapshot, TaskProgress, TaskState
from miyabi.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """The DAG of a run, and what is known of how long its tasks take.

    `machines` are those whose slots are counted; `seconds_a_minute` is how long an estimated minute lasts: less in a
    rehearsal, where it is exact.
    """

    dag: Dag
    machines: Sequence[Machine]
    durations: Durations
    seconds_a_minute: float = 60.0

    @classmethod
    def of(cls, folder: RunFolder, settings: Settings | None) -> Self | None:
        """Makes that of a run; None where its folder does not say what is to be done.

        Without settings its machines are those that the run began with, whatever their labels.
        """
        try:
            info, dag = folder.info(), Dag.load(folder.dag_file)
        except BadInput:
            return None
        known = settings.machines if settings else ()
        machines = known or tuple(Machine(name=member.name, slots=member.slots) for member in info.machines)
        if not settings:
            dag = replace(dag, nodes=tuple(node.model_copy(update={"requires": ()}) for node in dag.nodes))
        if settings and info.rehearse:
            minute = settings.runs.rehearsal_seconds_per_minute
            return cls(dag=dag, machines=machines, durations=Durations(), seconds_a_minute=minute)
        durations = Durations.read(folder.repository, rehearse=info.rehearse)
        return cls(dag=dag, machines=machines, durations=durations)

    def title(self, task: str) -> str:
        """Returns the title of a task, where it says more than its id; else an empty text."""
        node = self.dag.by_id.get(task)
        return node.title if node and node.title != task else ""

    def waits_for(self, row: TaskProgress, rows: Mapping[str, TaskProgress], *, now: float) -> str:
        """Says what a task waits for, such as `model, api` or `a slot`; an empty text where it does not wait."""
        if row.waits(now):
            return row.status(now).removeprefix("waits for ")
        if row.state is TaskState.READY:
            return self._slot(row.task)
        if row.state is not TaskState.WAITING or row.task not in self.dag.by_id:
            return ""
        before = self.dag.dependencies(row.task)
        missing = [task for task in before if task not in rows or rows[task].state is not TaskState.DONE]
        return ", ".join(missing) or self._slot(row.task)

    def seconds_left(self, snapshot: Snapshot) -> float | None:
        """Returns how long the tasks that are not over may take still; None where that is not known of all of them.

        A task takes as long as three of four earlier ones of its type did, or as long as the DAG file says of it. What
        comes after the tasks, as verifying does, is not counted.
        """
        rows = {row.task: row for row in snapshot.rows if row.state is not TaskState.DONE}
        left = [node for node in self.dag.nodes if node.id in rows]
        if not left or not all(map(self._is_known, left)):
            return None
        now = snapshot.now
        nodes = [self._rest(node, rows, now=now) for node in left]
        return 60 * simulate(replace(self.dag, nodes=tuple(nodes)), self.machines).makespan_minutes

    def _slot(self, task: str) -> str:
        requires = self.dag.by_id[task].requires if task in self.dag.by_id else ()
        return f"a slot on {', '.join(requires)}" if requires else "a slot"

    def _is_known(self, node: Node) -> bool:
        is_said = self.seconds_a_minute != 60 or node.estimated_duration != DEFAULT_MINUTES  # noqa: PLR2004
        return is_said or self.durations.knows(node)

    def _rest(self, node: Node, rows: Mapping[str, TaskProgress], *, now: float) -> Node:
        """The node with what is left of it as its length, and without the dependencies that are over."""
        row = rows[node.id]
        expected = self.durations.expected(node, estimate_seconds=self.seconds_a_minute * node.estimated_duration)
        rest = max(expected.seconds - row.elapsed_seconds(now), 0.0)
        pause = max(row.waits_until - now, 0.0) if row.waits(now) else 0.0
        before = tuple(task for task in self.dag.dependencies(node.id) if task in rows)
        return node.model_copy(update={"estimated_duration": (rest + pause) / 60, "dependencies": before})
