"""Nodes that a DAG file calls done or cancelled are not scheduled again."""

from __future__ import annotations

import pytest

from miyabi.dag import Dag, Node, Unfinished, unfinished
from miyabi.errors import DagError


def left(**nodes: tuple[str | None, str]) -> Unfinished:
    """What is left of nodes, each with its status and the ids that it depends on."""
    made = (
        Node(id=task, status=status, dependencies=tuple(others.split())) for task, (status, others) in nodes.items()
    )
    return unfinished(Dag(nodes=tuple(made), name="tasks.json"))


@pytest.mark.parametrize("status", ["done", "Completed", "SUCCEEDED", "closed", " merged "])
def test_nobody_waits_for_what_is_done(status: str) -> None:
    """Its dependants are scheduled as if it had succeeded."""
    found = left(a=(status, ""), b=(None, "a"), c=("todo", "a b"))
    assert (found.dag.order, found.done) == (("b", "c"), ("a",))
    assert (found.dag.dependencies("b"), found.dag.dependencies("c")) == ((), ("b",))
    assert found.sentences == ("not scheduled, because they are done: a",)


def test_done_is_done_whatever_it_waited_for() -> None:
    """A node that is done holds nobody back, though what it depends on is open or cancelled."""
    found = left(a=("todo", ""), b=("cancelled", ""), c=("done", "a b"), d=(None, "c"))
    assert (found.dag.order, dict(found.held)) == (("a", "d"), {})
    assert found.dag.dependencies("d") == ()


@pytest.mark.parametrize("status", ["cancelled", "canceled", "wontfix", "won't do", "Won't-Do", "abandoned"])
def test_what_waits_for_a_cancelled_node_is_held(status: str) -> None:
    """With all that builds on it, each with the reason; what does not is scheduled."""
    found = left(a=(status, ""), b=(None, "a"), c=("open", "d b"), d=(None, ""))
    assert (found.dag.order, found.cancelled) == (("d",), ("a",))
    assert found.sentences == (
        "not scheduled, because they are cancelled: a",
        "not scheduled: b waits for a, which is cancelled",
        "not scheduled: c waits for b, which is not scheduled either",
    )


@pytest.mark.parametrize("status", [None, "", "todo", "To Do", "in_progress", "IN-REVIEW", "idle", "failed", "blocked"])
def test_anything_else_is_to_be_done(status: str | None) -> None:
    """What was begun, failed or waits is scheduled."""
    found = left(a=(status, ""), b=(None, "a"))
    assert (found.dag.order, found.sentences) == (("a", "b"), ())


@pytest.mark.parametrize(("status", "hint"), [("dnoe", "done"), ("canceld", "canceled"), ("complted", "completed")])
def test_a_status_that_nobody_knows(status: str, hint: str) -> None:
    """It is refused, with the nearest one: to run what is done costs money."""
    with pytest.raises(DagError) as refused:
        left(a=(status, ""), b=(None, "a"))
    assert str(refused.value) == (
        f"tasks.json: node 'a': 'status' must be one such as todo, in progress, done or cancelled, found '{status}'; "
        f"did you mean '{hint}'?"
    )


@pytest.mark.parametrize("second", ["done", "cancelled"])
def test_nothing_is_left(second: str) -> None:
    """A run of nothing is refused."""
    with pytest.raises(DagError, match=r"^tasks\.json: nothing is left to do: "):
        left(a=("cancelled", ""), b=(second, ""), c=(None, "a"))


def test_a_kept_dag_is_what_it_was() -> None:
    """The DAG in a run's folder keeps whatever status an earlier build let pass."""
    kept = Dag(nodes=(Node(id="a", status="somehow"), Node(id="b", status="done")))
    assert Dag.from_text(kept.to_json()).order == ("a", "b")
