"""What a DAG may cost, and how long it may take, by what earlier runs made of tasks of its types."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from miyabi.dag import Dag, TaskType
from miyabi.machines import Machine, Strategy
from miyabi.runs import Forecast, Spread, earlier_tasks, forecast
from miyabi.runs.history import EarlierTask
from miyabi.sessions import Outcome
from tests.support.values.results import result, run_folder

HEAD = "0123456789"


def dag_of(**types: str) -> Dag:
    """Tasks of these types, none of which waits for another."""
    return Dag.from_text(json.dumps({"nodes": [{"id": task, "type": kind} for task, kind in types.items()]}))


def foreseen(dag: Dag, *earlier: EarlierTask, slots: int = 2) -> Forecast | None:
    """The forecast on one machine."""
    return forecast(dag, earlier, machines=[Machine(name="m", slots=slots)], strategy=Strategy.FILL_FIRST)


def bug(usd: float, minutes: float = 1) -> EarlierTask:
    """An earlier task that mended a bug."""
    return EarlierTask(run="r", type=TaskType.BUG, usd=usd, seconds=60 * minutes)


def test_what_counts_of_earlier_runs(tmp_path: Path) -> None:
    """All that was done for a task; no rehearsal, nothing without a session or that was stopped, nothing damaged."""
    dag = dag_of(a="bug", b="docs", c="docs", d="docs")
    attempts = [result("a", Outcome.KILLED), result("a", attempt=2), result(f"_review-a-{HEAD[:8]}", seconds=30)]
    never = result("c", Outcome.NOT_STARTED).model_copy(update={"start": None})
    run_folder(tmp_path, "r1", dag, *attempts, result("b", Outcome.MAX_TURNS), never, result("d", Outcome.STOPPED))
    run_folder(tmp_path, "r2", dag, result("a"), rehearse=True)
    run_folder(tmp_path, "r3", dag, result("a")).dag_file.write_text("{")
    assert earlier_tasks(tmp_path) == (
        EarlierTask(run="r1", type=TaskType.BUG, usd=0.75, seconds=150),
        EarlierTask(run="r1", type=TaskType.DOCS, usd=0.25, seconds=60),
    )


@pytest.mark.parametrize(
    ("figures", "expected"),
    [([3], (3, 3)), ([1, 2], (1.5, 2)), (range(1, 11), (5.5, 9)), (range(1, 101), (50.5, 90))],
)
def test_spread(figures: list[float], expected: tuple[float, float]) -> None:
    """The median, and the figure that nine of ten do not exceed."""
    assert (Spread.of(figures).median, Spread.of(figures).p90) == expected


def test_nothing_is_foreseen_of_nothing() -> None:
    """Where no earlier run had a task of these types there is no forecast, whatever else it had."""
    assert foreseen(dag_of(a="bug")) is None
    assert foreseen(dag_of(a="docs"), bug(1)) is None


def test_forecast() -> None:
    """Each type by its own; the whole by draws, which its parts' p90 added up would exceed, and placed on the slots."""
    found = foreseen(dag_of(a="bug", b="bug", c="bug", d="docs"), *(bug(n, n) for n in range(1, 11)), slots=1)
    assert found
    (of_bugs,) = found.types
    assert (of_bugs.tasks, of_bugs.earlier, of_bugs.runs) == (3, 10, 1)
    assert (of_bugs.usd, of_bugs.seconds) == (Spread(median=5.5, p90=9), Spread(median=330, p90=540))
    assert 15 < found.usd.median < 18
    assert 20 < found.usd.p90 < 3 * 9
    assert found.unknown == ("d",)
    estimated = timedelta(minutes=dag_of(d="docs").nodes[0].estimated_duration).total_seconds() / 60
    assert found.minutes == Spread(median=3 * 5.5 + estimated, p90=3 * 9 + estimated)
    assert found == foreseen(dag_of(a="bug", b="bug", c="bug", d="docs"), *(bug(n, n) for n in range(1, 11)), slots=1)
