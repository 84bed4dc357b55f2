"""How long tasks are likely to take, by what the run folders of the repository have of earlier ones."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from miyabi.dag import Dag, Node, TaskType
from miyabi.runs import RunFolder, RunInfo
from miyabi.runs.durations import Durations
from miyabi.sessions import Outcome, SessionResult
from tests.support.values.results import STARTED, result

DOCS = Node(id="new", type=TaskType.DOCS)


def keep_run(
    root: Path, run: str, attempts: Mapping[str, Sequence[tuple[Outcome, float]]], *, rehearse: bool = False
) -> RunFolder:
    """A run whose docs tasks had these attempts: how each ended, and after how many seconds."""
    folder = RunFolder(root, run).create()
    dag = Dag.from_text(json.dumps({"nodes": [{"id": task, "type": "docs"} for task in attempts]}))
    folder.dag_file.write_text(dag.to_json())
    started = STARTED + timedelta(days=int(run.removeprefix("r")))
    folder.write_info(RunInfo(run=run, repository=str(root), base="b", started=started, rehearse=rehearse))
    for task, ends in attempts.items():
        for number, (outcome, seconds) in enumerate(ends, start=1):
            folder.write_result(_end(run, task, number, outcome, seconds))
    return folder


def _end(run: str, task: str, number: int, outcome: Outcome, seconds: float) -> SessionResult:
    return result(task, outcome, seconds=seconds, run=run, attempt=number)


def expected(root: Path, *, rehearse: bool = False) -> tuple[float, str]:
    """How long another docs task is likely to take, and by what."""
    found = Durations.read(root, rehearse=rehearse).expected(DOCS, estimate_seconds=7)
    return found.seconds, found.source


def test_what_a_task_took_in_a_run_is_that_of_all_its_sessions(tmp_path: Path) -> None:
    """However they ended, if the last was not cut short; those that were say nothing."""
    red, good, stopped, lost = Outcome.CHECK_FAILED, Outcome.SUCCEEDED, Outcome.STOPPED, Outcome.MACHINE_LOST
    keep_run(tmp_path, "r1", {"a": [(red, 100), (good, 20)], "b": [(good, 40)], "c": [(good, 5), (stopped, 5)]})
    keep_run(tmp_path, "r2", {"a": [(lost, 30), (red, 50)], "b": [(Outcome.NOT_STARTED, 0)], "x": [(good, 160)]})
    assert expected(tmp_path) == (130.0, "p75 of 4 earlier docs tasks")


def test_rehearsals_are_known_by_rehearsals(tmp_path: Path) -> None:
    """A shell agent is no measure of claude, nor the other way round."""
    ends = {task: [(Outcome.SUCCEEDED, 80.0)] for task in "abc"}
    keep_run(tmp_path, "r1", ends, rehearse=True)
    assert expected(tmp_path) == (7, "its estimate: too few earlier tasks of its type are known")
    assert expected(tmp_path, rehearse=True)[0] == 80


def test_the_last_runs_count(tmp_path: Path) -> None:
    """Thirty of them: what a task took a hundred runs ago says little; a damaged one is passed over."""
    for number in range(1, 33):
        keep_run(tmp_path, f"r{number}", {"a": [(Outcome.SUCCEEDED, 1000.0 if number <= 2 else 10.0)]})
    RunFolder(tmp_path, "r20").dag_file.write_text("{")
    seconds, source = expected(tmp_path)
    assert (seconds, source) == (10, "p75 of 29 earlier docs tasks")
