from __future__ import annotations

from pathlib import Path

import pytest

from miyabi.integration import IntegrationProgress
from miyabi.runs import Board, RunFolder, RunInfo, Snapshot, TaskProgress, TaskState
from tests.support.values.results import RUN, STARTED, result

SESSION = TaskProgress(task="_resolve-a-0a1b2c3d", state=TaskState.RUNNING, machine="macmini-1", started=1.0)


@pytest.fixture
def ended_run(tmp_path: Path) -> RunFolder:
    """A run of one task that is over."""
    made = RunFolder(tmp_path, RUN).create()
    made.write_info(RunInfo(run=RUN, repository=str(tmp_path), base="b" * 40, started=STARTED, ended=STARTED))
    board = Board(run=RUN, tasks=["a"])
    board.finish(result("a"))
    board.write(made.status_file)
    return made


def shown(ended_run: RunFolder) -> Snapshot:
    """What the status file says."""
    snapshot = Board.read(ended_run.status_file)
    assert snapshot
    return snapshot


def test_what_is_done_is_shown_beside_the_tasks(ended_run: RunFolder) -> None:
    """The note and the sessions at work stand beside the run's own tasks, and are gone at the end."""
    before, progress = shown(ended_run), IntegrationProgress(ended_run)
    progress.say("resolving a conflict", rows=[SESSION])
    assert (shown(ended_run).note, shown(ended_run).rows) == ("resolving a conflict", (*before.rows, SESSION))
    progress.say("")
    assert shown(ended_run) == before


def test_what_a_killed_one_left_is_not_taken_over(ended_run: RunFolder) -> None:
    """A session that is shown as running since its orchestrator died does not stand there for ever."""
    before = shown(ended_run)
    IntegrationProgress(ended_run).say("resolving a conflict", rows=[SESSION])
    IntegrationProgress(ended_run).say("")
    assert shown(ended_run) == before


def test_a_run_that_goes_on_shows_itself(ended_run: RunFolder) -> None:
    """Where the run's own orchestrator writes the file, nothing is written into it; a damaged one is left alone."""
    ended_run.write_info(ended_run.info().model_copy(update={"ended": None}))
    before = ended_run.status_file.read_bytes()
    IntegrationProgress(ended_run).say("merging")
    assert ended_run.status_file.read_bytes() == before
    ended_run.write_info(ended_run.info().model_copy(update={"ended": STARTED}))
    ended_run.status_file.write_text("{")
    IntegrationProgress(ended_run).say("merging")
    assert ended_run.status_file.read_text() == "{"
