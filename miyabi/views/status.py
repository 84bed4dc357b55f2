"""How one run stands: each of its tasks, what waits and why, and how long it may take still."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from pydantic import Field

from miyabi.dag import Dag
from miyabi.runs import WORKING, Board, Outlook, RunFolder, Snapshot, TaskProgress, TaskState
from miyabi.sessions import Outcome
from miyabi.settings import Settings
from miyabi.views.answer import Answer, View
from miyabi.views.runs import RunState, RunView, view_run


class TaskView(View):
    """One task of a run."""

    task: str
    title: str = ""
    state: TaskState
    outcome: Outcome | None = Field(None, description="How it ended; null while it is not over")
    words: str = Field(description="Its outcome or state in plain words")
    machine: str | None = None
    started: datetime | None = None
    seconds: float = Field(0.0, description="How long it works, or worked")
    turns: int = 0
    cost_usd: float = 0.0
    cost_is_partial: bool = Field(False, description="Whether it cost at least that")
    last_action: str = Field("", description="What its session did last")
    waits_for: str = Field("", description="What it waits for; empty where it does not wait")


class RunStatus(Answer):
    """What `miyabi status` says."""

    run: RunView
    tasks: tuple[TaskView, ...] = Field((), description="In the order of the DAG file")
    seconds_left: float | None = Field(None, description="How long the tasks may take still; null: not known")
    note: str = Field("", description="What is done beside the tasks, or after them")
    budget: str = Field("", description="What is spent of the budgets, in words")


def view_status(folder: RunFolder, *, settings: Settings | None) -> RunStatus:
    """Reads how a run stands, while it runs and afterwards.

    Without settings the time that is left is that on the machines that the run began with.

    Raises:
        BadInput: the run's DAG is missing or damaged.
    """
    run, snapshot = view_run(folder), Board.read(folder.status_file) or _from_results(folder)
    outlook = Outlook.of(folder, settings)
    is_running = run.state is RunState.RUNNING
    return RunStatus(
        run=run,
        tasks=tuple(view_tasks(snapshot, outlook, is_running=is_running)),
        seconds_left=outlook.seconds_left(snapshot) if outlook and is_running else None,
        note=snapshot.note if is_running else "",
        budget=snapshot.budget,
    )


def _from_results(folder: RunFolder) -> Snapshot:
    """The board of a run whose orchestrator wrote none, by what its sessions left."""
    tasks = [node.id for node in Dag.load(folder.dag_file).nodes]
    board = Board(run=folder.run, tasks=tasks)
    for task, result in folder.latest_results().items():
        if task in tasks:
            board.finish(result)
    return board.snapshot()


def view_tasks(snapshot: Snapshot, outlook: Outlook | None, *, is_running: bool = True) -> Iterator[TaskView]:
    """Says where each task is, and where the outlook is known what it waits for; nothing waits unless `is_running`."""
    rows, now = {row.task: row for row in snapshot.rows}, snapshot.now
    for row in snapshot.rows:
        waits_for = outlook.waits_for(row, rows, now=now) if outlook else ""
        yield TaskView(
            task=row.task,
            title=outlook.title(row.task) if outlook else "",
            state=row.state,
            outcome=row.outcome,
            words=row.status(now) if is_running or row.outcome else _left(row),
            machine=row.machine,
            started=datetime.fromtimestamp(row.started, tz=UTC) if row.started else None,
            seconds=round(row.elapsed_seconds(now), 3) if is_running or row.ended else 0.0,
            turns=row.turns,
            cost_usd=row.cost_usd,
            cost_is_partial=row.cost_is_partial,
            last_action=row.last_action,
            waits_for=waits_for if is_running else "",
        )


def _left(row: TaskProgress) -> str:
    """Where a task is whose orchestrator is gone."""
    return "left" if row.state in WORKING else "not begun"
