"""How the runs of a repository stand, by what their folders hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from miyabi.github import PullRequest
from miyabi.integration import Integration
from miyabi.pull_requests import Publication
from miyabi.reports import write_report
from miyabi.runs import Board, MilestoneRun, RunFolder
from miyabi.sessions import Outcome, SessionResult
from miyabi.views import NextStep, Runs, RunState
from miyabi.views.runs import view_run
from tests.support.values.results import result, run_folder, small_dag

DAG = small_dag({"a": [], "b": ["a"]})
GOOD = (result("a", files=["a.txt"]), result("b", files=["b.txt"]))
HEAD, BASE = "c" * 40, "b" * 40


def over(root: Path, run: str, *results: SessionResult, rehearse: bool = False, is_merged: bool = True) -> RunFolder:
    """A run of `a` and then `b` that is over, and whose branches were merged unless somebody ended it before that."""
    folder = run_folder(root, run, DAG, *results, rehearse=rehearse)
    ended = datetime.now(UTC) - timedelta(minutes=0 if is_merged else -5)
    folder.write_info(folder.info().model_copy(update={"ended": ended}))
    board = Board(run=run, tasks=DAG.order)
    board.close({each.task: each for each in results})
    board.write(folder.status_file)
    write_report(folder)
    folder.keep(Integration(branch=f"miyabi/{run}/_integration", base=BASE, head=HEAD))
    return folder


def test_one_that_runs(tmp_path: Path) -> None:
    """While its lock is held it is running, whatever an earlier end has left, and working tasks are counted."""
    folder = over(tmp_path, "r1", *GOOD)
    board = Board(run="r1", tasks=DAG.order)
    board.update("a", state="running", machine="m1", cost_usd=0.5)
    board.write(folder.status_file)
    with folder.lock():
        run = view_run(folder)
    assert (run.state, run.next_step, run.ended) == (RunState.RUNNING, NextStep.WATCH, None)
    assert (run.tasks.working, run.tasks.waiting, run.cost_usd) == (1, 1, 0.5)


def test_one_that_ended_well(tmp_path: Path) -> None:
    """All succeeded and merged: what is left to do is to merge the branch, or to look at the pull request."""
    folder = over(tmp_path, "r1", *GOOD)
    run = view_run(folder)
    assert (run.state, run.is_good, run.tasks.succeeded) == (RunState.ENDED, True, 2)
    assert (run.next_step, run.next_command) == (NextStep.MERGE, "git merge miyabi/r1/_integration")
    pull = PullRequest(number=7, title="t", head="h", base="main", html_url="https://github.com/acme/app/pull/7")
    folder.keep(Publication(repository="acme/app", pull_requests=(pull,)))
    folder.keep(MilestoneRun(repository="acme/app", number=3, title="v1"))
    run = view_run(folder)
    assert (run.next_step, run.next_command, run.milestone) == (NextStep.REVIEW, pull.html_url, 3)


def test_a_rehearsal_that_ended_well(tmp_path: Path) -> None:
    """There is nothing to merge of it: it is swept."""
    run = view_run(over(tmp_path, "r1", *GOOD, rehearse=True))
    assert (run.next_step, run.rehearsal) == (NextStep.SWEEP, True)


def test_one_that_ended_with_a_failure(tmp_path: Path) -> None:
    """What failed is tried again."""
    run = view_run(over(tmp_path, "r1", result("a", Outcome.CHECK_FAILED), result("b", Outcome.SKIPPED)))
    assert (run.state, run.is_good, run.next_command) == (RunState.ENDED, False, "miyabi retry r1")
    assert (run.tasks.failed, run.tasks.skipped, run.cost_usd) == (1, 1, 0.25)


def test_one_that_somebody_ended(tmp_path: Path) -> None:
    """After Ctrl-C there is a report, but its branches were not merged since: it goes on."""
    run = view_run(over(tmp_path, "r1", result("a", Outcome.STOPPED), result("b", Outcome.SKIPPED), is_merged=False))
    assert (run.state, run.next_command) == (RunState.INTERRUPTED, "miyabi orchestrate --run r1")


def test_one_whose_orchestrator_was_killed(tmp_path: Path) -> None:
    """Tasks that nobody saw to their end are left, also where the run had ended once before."""
    never_ended = run_folder(tmp_path, "r1", DAG, GOOD[0])
    again = over(tmp_path, "r2", result("a", Outcome.CHECK_FAILED), result("b", Outcome.SKIPPED))
    board = Board(run="r2", tasks=DAG.order)
    board.update("a", state="running", machine="m1")
    board.write(again.status_file)
    runs = [view_run(folder) for folder in (never_ended, again)]
    assert [run.state for run in runs] == [RunState.INTERRUPTED] * 2
    assert [(run.tasks.succeeded, run.tasks.working, run.tasks.waiting) for run in runs] == [(1, 0, 1), (0, 0, 2)]
    assert all(run.ended for run in runs)


def test_a_damaged_one_is_said_and_hides_no_other(tmp_path: Path) -> None:
    """The list goes on past it, and says which file it is."""
    over(tmp_path, "r1", *GOOD)
    run_folder(tmp_path, "r2", DAG).info_file.write_text("{")
    found = Runs.read(tmp_path, most=None)
    assert [(run.run, run.state) for run in found.runs] == [("r1", RunState.ENDED), ("r2", RunState.DAMAGED)]
    assert "run.json" in found.runs[1].next_command


def test_the_latest_come_first_and_the_others_are_counted(tmp_path: Path) -> None:
    """As many as asked for; how many more there are is said."""
    for day, run in enumerate(("zebra", "ant", "bee")):
        folder = run_folder(tmp_path, run, DAG)
        started = datetime(2026, 1, 1 + day, tzinfo=UTC)
        folder.write_info(folder.info().model_copy(update={"started": started}))
    found = Runs.read(tmp_path, most=2)
    assert ([run.run for run in found.runs], found.others) == (["bee", "ant"], 1)
