"""What is still to come of a run: what each task waits for, and how long it may take."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from miyabi.dag import Dag, TaskType
from miyabi.machines import Machine
from miyabi.runs import Board, Outlook
from miyabi.runs.durations import Durations
from tests.support.values.results import result, run_folder, small_dag


def outlook(*nodes: Mapping[str, Any], slots: int = 1, **fields: Any) -> Outlook:
    """That of these nodes on one machine."""
    dag = Dag.from_text(json.dumps({"nodes": nodes}))
    known: dict[str, Any] = {"machines": (Machine(name="m1", slots=slots),), "durations": Durations()}
    return Outlook(dag=dag, **{**known, **fields})


def test_what_a_task_waits_for() -> None:
    """Those that are not over, a slot, one with labels, or a limit until an hour; nothing once it works."""
    of = outlook(
        {"id": "a"},
        {"id": "b"},
        {"id": "c", "dependencies": ["a", "b"]},
        {"id": "d", "requires": ["xcode"]},
        {"id": "e"},
    )
    board = Board(run="r1", tasks=of.dag.by_id)
    board.update("a", state="done", outcome="succeeded")
    board.update("b", state="running")
    board.update("d", state="ready")
    board.update("e", state="ready", waits_for="the usage limit", waits_until=time.time() + 3600)
    snapshot = board.snapshot()
    rows = {row.task: row for row in snapshot.rows}
    said = {task: of.waits_for(row, rows, now=snapshot.now) for task, row in rows.items()}
    assert (said["a"], said["b"], said["c"], said["d"]) == ("", "", "b", "a slot on xcode")
    assert said["e"].startswith("the usage limit until ")


def test_the_time_left_is_that_of_what_is_not_over() -> None:
    """Of the one that runs the rest counts, of those behind it all, one after the other where there is one slot."""
    nodes = [{"id": task, "estimated_duration": 10} for task in "abc"]
    board = Board(run="r1", tasks="abc", clock=lambda: time.time() - 240)
    board.update("a", state="done", outcome="succeeded")
    board.update("b", state="running")
    assert outlook(*nodes).seconds_left(board.snapshot()) == pytest.approx(600 - 240 + 600, abs=5)
    assert outlook(*nodes, slots=2).seconds_left(board.snapshot()) == pytest.approx(600, abs=5)


def test_the_time_left_is_not_made_up() -> None:
    """It is unknown where neither earlier tasks nor the DAG file say how long one takes, and where all are over."""
    board = Board(run="r1", tasks="ab")
    nodes = [{"id": "a", "estimated_duration": 10}, {"id": "b"}]
    assert outlook(*nodes).seconds_left(board.snapshot()) is None
    known = Durations(by_type={TaskType.FEATURE: (60.0, 60.0, 60.0)})
    assert outlook(*nodes, durations=known).seconds_left(board.snapshot()) == pytest.approx(120)
    for task in "ab":
        board.update(task, state="done", outcome="succeeded")
    assert outlook(*nodes, durations=known).seconds_left(board.snapshot()) is None


def test_a_rehearsal_takes_what_its_estimates_say() -> None:
    """Each estimated minute is as long as the setting says."""
    of = outlook({"id": "a"}, seconds_a_minute=0.5)
    assert of.seconds_left(Board(run="r1", tasks="a").snapshot()) == pytest.approx(2.5, abs=0.1)


def test_without_settings_it_is_on_the_machines_of_the_run(tmp_path: Path) -> None:
    """Three earlier tasks say how long one takes; a run whose folder says nothing has no outlook."""
    dag = small_dag({"a": [], "b": [], "c": []})
    folder = run_folder(tmp_path, "r1", dag, *(result(task) for task in "abc"))
    folder.write_info(folder.info().model_copy(update={"machines": (Machine(name="m1", slots=3),)}))
    of = Outlook.of(folder, None)
    assert of
    assert of.seconds_left(Board(run="r1", tasks="abc").snapshot()) == pytest.approx(60)
    assert of.title("a") == "Title of a"
    folder.dag_file.write_text("{")
    assert Outlook.of(folder, None) is None
