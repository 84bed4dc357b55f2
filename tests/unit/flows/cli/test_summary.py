"""The few lines in which a run's end is said on a terminal."""

from __future__ import annotations

from pathlib import Path

from flows.cli.summary import summary
from miyabi.runs import RunFolder
from miyabi.sessions import Outcome
from tests.support.values.results import report, result, small_dag


def test_an_outcome_is_in_words(tmp_path: Path) -> None:
    """A task's outcome is said as in the table and the report, not as its member is spelt."""
    ended = report(small_dag({"a": []}), [result("a", Outcome.NOT_COLLECTED)])
    first, of_the_task, *_ = summary(ended, None, RunFolder(tmp_path, "r1")).splitlines()
    assert first.startswith("0 of 1 task")
    assert of_the_task.startswith("  a: not collected: ")
