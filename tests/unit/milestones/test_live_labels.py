"""Which label is set next while a run goes on."""

from __future__ import annotations

import pytest

from miyabi.milestones.issue_comment import IssueState
from miyabi.milestones.live_labels import next_due
from miyabi.runs import Snapshot, TaskProgress, TaskState
from miyabi.sessions import Outcome

RUNNING, QUEUED = IssueState.RUNNING, IssueState.QUEUED


def snapshot(**states: TaskState) -> Snapshot:
    """A run with tasks in these states."""
    rows = tuple(TaskProgress(task=task, state=state) for task, state in states.items())
    return Snapshot(run="r1", started=0, rows=rows)


@pytest.mark.parametrize(
    ("state", "labels", "add", "remove"),
    [
        (TaskState.WAITING, (), "miyabi:queued", ()),
        (TaskState.READY, ("miyabi:failed",), "miyabi:queued", ("miyabi:failed",)),
        (TaskState.PREPARING, ("bug", "miyabi:queued"), "miyabi:running", ("miyabi:queued",)),
        (TaskState.RUNNING, (), "miyabi:running", ()),
        (TaskState.CHECKING, (), "miyabi:running", ()),
        (TaskState.COLLECTING, (), "miyabi:running", ()),
    ],
)
def test_states(state: TaskState, labels: tuple[str, ...], add: str, remove: tuple[str, ...]) -> None:
    """What waits is queued, what has a slot is running; the label of another state goes, all else stays."""
    due = next_due(snapshot(a=state), shown={"a": labels})
    assert due is not None
    assert (due.task, due.change.add, due.change.remove) == ("a", (add,), remove)


@pytest.mark.parametrize(
    ("state", "labels"),
    [(TaskState.WAITING, ("miyabi:queued",)), (TaskState.RUNNING, ("Miyabi:Running",)), (TaskState.DONE, ())],
)
def test_nothing_to_do(state: TaskState, labels: tuple[str, ...]) -> None:
    """Where the label is there already, and where a task is over: what came of it is told later."""
    assert next_due(snapshot(a=state), shown={"a": labels}) is None


def test_what_runs_comes_first() -> None:
    """Writes take a second each, so the long queue is labelled when there is time."""
    states = snapshot(a=TaskState.WAITING, b=TaskState.READY, c=TaskState.RUNNING)
    shown: dict[str, tuple[str, ...]] = {"a": (), "b": (), "c": ()}
    order = []
    while due := next_due(states, shown=shown):
        order.append((due.task, due.state))
        shown[due.task] = due.change.add
    assert order == [("c", RUNNING), ("a", QUEUED), ("b", QUEUED)]


def test_before_the_run_has_a_status() -> None:
    """Nothing is shown before a machine was found fit, nor on issues that are not of the run."""
    assert next_due(None, shown={"a": ()}) is None
    rows = (
        TaskProgress(task="other", state=TaskState.RUNNING),
        TaskProgress(task="a", state=TaskState.DONE, outcome=Outcome.SUCCEEDED),
    )
    assert next_due(Snapshot(run="r1", started=0, rows=rows), shown={"a": ()}) is None
