"""What of a DAG is still to be done: nodes that are done or cancelled are not scheduled again."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from miyabi.dag.graph import Dag
from miyabi.dag.node import Node
from miyabi.dag.problems import Problems
from miyabi.errors import DagError
from miyabi.text import quote


class NodeStatus(StrEnum):
    """What a node's `status` says of it. Decided by whoever writes the DAG file."""

    TO_DO = "to do"  # also where it was begun, or failed: that it runs is no reason not to run it
    DONE = "done"
    CANCELLED = "cancelled"


_WORDS: Mapping[NodeStatus, str] = {
    NodeStatus.TO_DO: (
        "todo, to do, open, new, idle, pending, ready, queued, planned, scheduled, backlog, waiting, blocked, "
        "assigned, started, active, running, in progress, implementing, reviewing, in review, review, deploying, "
        "paused, failed, failure, error, escalated, stopped, timed out, skipped, reopened"
    ),
    NodeStatus.DONE: "done, completed, complete, succeeded, success, finished, closed, merged, resolved",
    NodeStatus.CANCELLED: "cancelled, canceled, abandoned, aborted, dropped, obsolete, rejected, wont do, wontfix",
}
_KNOWN = {word: status for status, words in _WORDS.items() for word in words.split(", ")}
_SHOWN = "todo, in progress, done or cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """The part of a DAG that is to be run, and why the rest is not; the ids are in the order of the file."""

    dag: Dag
    done: tuple[str, ...]
    cancelled: tuple[str, ...]
    held: Mapping[str, str]
    """For each node that waits for a cancelled one: which of its dependencies is not scheduled."""

    @property
    def sentences(self) -> tuple[str, ...]:
        """What is not scheduled, and why, one sentence for each reason and each held node."""
        why = {"are done": self.done, "are cancelled": self.cancelled}
        first = (f"not scheduled, because they {are}: {', '.join(tasks)}" for are, tasks in why.items() if tasks)
        return (*first, *(f"not scheduled: {task} {self.reason(task)}" for task in self.held))

    def reason(self, task: str) -> str:
        """Says why a node is held.

        Raises:
            KeyError: it is not held.
        """
        other = self.held[task]
        return f"waits for {other}, which is {'cancelled' if other in self.cancelled else 'not scheduled either'}"


def unfinished(dag: Dag) -> Unfinished:
    """Finds what is to be done of a DAG that somebody wrote; nobody waits any more for what is done.

    Raises:
        DagError: a node has a status that we do not know, or nothing is left.
    """
    status = _statuses(dag)
    closed = {each: tuple(task for task in status if status[task] is each) for each in NodeStatus}
    held = _held(dag, status)
    left = [node for node in dag.nodes if status[node.id] is NodeStatus.TO_DO and node.id not in held]
    if not left:
        raise DagError(
            f"{dag.name}: nothing is left to do: every node is done, cancelled or waits for a cancelled one."
        )
    done = frozenset(closed[NodeStatus.DONE])
    return Unfinished(
        dag=replace(dag, nodes=tuple(_without(node, done) for node in left)),
        done=closed[NodeStatus.DONE],
        cancelled=closed[NodeStatus.CANCELLED],
        held=held,
    )


def _statuses(dag: Dag) -> dict[str, NodeStatus]:
    problems = Problems(dag.name)
    for node in dag.nodes:
        if node.status and _plain(node.status) not in _KNOWN:
            what = f"'status' must be one such as {_SHOWN}, found {quote(node.status)}"
            problems.add(f"node {quote(node.id)}", what, wrong=_plain(node.status), known=_KNOWN)
    problems.refuse()
    return {node.id: _KNOWN[_plain(node.status or "todo")] for node in dag.nodes}


def _plain(status: str) -> str:
    return re.sub(r"[\s_-]+", " ", status.replace("'", "")).strip().casefold()


def _held(dag: Dag, status: Mapping[str, NodeStatus]) -> dict[str, str]:
    held: dict[str, str] = {}
    for task in dag.order:
        missing = [t for t in dag.dependencies(task) if status[t] is NodeStatus.CANCELLED or t in held]
        if missing and status[task] is NodeStatus.TO_DO:
            held[task] = missing[0]
    return {node.id: held[node.id] for node in dag.nodes if node.id in held}


def _without(node: Node, done: Collection[str]) -> Node:
    kept = tuple(task for task in node.dependencies if task not in done)
    return node if kept == node.dependencies else node.model_copy(update={"dependencies": kept})
