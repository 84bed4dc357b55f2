from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import ValidationError

from miyabi.reports import progress_markdown
from miyabi.runs import Board, Snapshot, TaskState
from miyabi.sessions import Outcome
from miyabi.text import time_of_day
from tests.support.values.results import STARTED, matches_golden, result

BEGIN = STARTED.timestamp()


@dataclass
class Clock:
    """A clock that we set."""

    now: float = BEGIN

    def __call__(self) -> float:
        """The time we set."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock that stands at the run's start."""
    return Clock()


@pytest.fixture
def board(clock: Clock) -> Board:
    """A board of four waiting tasks."""
    return Board(run="r1", tasks=["a", "b", "c", "d"], clock=clock)


def test_every_task_waits_at_first(board: Board) -> None:
    """A new board shows its tasks in order, all waiting."""
    assert [(r.task, r.state) for r in board.snapshot().rows] == [(t, TaskState.WAITING) for t in "abcd"]


def test_what_is_spent_of_the_budgets_is_shown(board: Board) -> None:
    """As it was said last, in the picture of the run and in its artifact; nothing where there is no budget."""
    assert "Budget" not in progress_markdown(board.snapshot())
    board.show_budget("run: 1.00 of 4.00 USD")
    assert "\nBudget: run: 1.00 of 4.00 USD\n" in progress_markdown(board.snapshot())


def test_time_runs_while_a_task_holds_a_slot(board: Board, clock: Clock) -> None:
    """A task's time starts with its slot, not when it becomes ready, and stops with its outcome."""
    for second, state in ((10, "ready"), (20, "preparing"), (30, "running"), (50, "done")):
        clock.now = BEGIN + second
        board.update("a", state=state)
    (row, *_) = board.snapshot().rows
    assert (row.elapsed_seconds(BEGIN + 900), row.elapsed(BEGIN + 900)) == (30.0, "0:30")


def test_what_is_not_said_stays(board: Board) -> None:
    """An update changes what it names and nothing else."""
    board.update("a", state="running", machine="mac", turns=2, last_action="Bash: ls")
    board.update("a", state="checking", last_action=None)
    (row, *_) = board.snapshot().rows
    assert (row.state, row.machine, row.turns, row.last_action) == (TaskState.CHECKING, "mac", 2, "Bash: ls")


def test_what_waits_is_told_apart(board: Board) -> None:
    """A task that waits for a limit to end is not called ready: its row and the counts say for what and until when."""
    now = time.time()
    board.update("a", state="ready", waits_for="the usage limit", waits_until=now + 7200)
    board.update("b", state="ready")
    until = time_of_day(now + 7200, now=now)
    (a, b, *_) = board.snapshot().rows
    assert (a.status(now), b.status(now)) == (f"waits for the usage limit until {until}", "ready")
    assert board.snapshot().counts == f"1 ready, 2 waiting, 1 waits for the usage limit until {until}, 0.00 USD"
    shown = progress_markdown(board.snapshot(), now=now)
    assert f"- `a`: waits for the usage limit until {until}\n" in shown
    assert "`b`" not in shown


def test_several_that_wait_are_counted_by_what_for(board: Board) -> None:
    """Of several the counts say when the first of them goes on, and what waits for something else is another number."""
    now = time.time()
    for task, what, after in (("a", "the usage limit", 9000), ("b", "the usage limit", 7200), ("c", "the API", 60)):
        board.update(task, state="ready", waits_for=what, waits_until=now + after)
    first, api = (time_of_day(now + after, now=now) for after in (7200, 60))
    assert board.snapshot().counts == (
        f"1 waiting, 1 waits for the API until {api}, 2 wait for the usage limit, the first until {first}, 0.00 USD"
    )


@pytest.mark.parametrize("state", ["ready", "preparing", "running", "done"])
def test_a_wait_ends(board: Board, state: str) -> None:
    """Whatever a task does next, it waits for nothing any more, and neither does it when the time has come."""
    now = time.time()
    board.update("a", state="ready", waits_for="the API", waits_until=now + 60)
    (a, *_) = board.snapshot().rows
    assert (a.waits(now + 59), a.waits(now + 60), a.status(now + 60)) == (True, False, "ready")
    board.update("a", state=state)
    (a, *_) = board.snapshot().rows
    assert (a.waits(now), board.snapshot().pausing) == (False, ())


def test_mistakes_are_refused(board: Board) -> None:
    """An unknown task, state or field is an error of ours, not a silent nothing."""
    with pytest.raises(KeyError):
        board.update("x", state="running")
    with pytest.raises(ValueError, match="sleeping"):
        board.update("a", state="sleeping")
    with pytest.raises(ValidationError, match="machin"):
        board.update("a", state="running", machin="mac")


def test_a_result_ends_a_task(board: Board) -> None:
    """A task with a result is done, with the result's machine, times, turns and cost."""
    board.finish(result("a", Outcome.MAX_TURNS, after=5, seconds=7))
    board.finish(result("b", Outcome.SKIPPED))
    a, b, *_ = board.snapshot().rows
    assert (a.state, a.outcome, a.machine, a.turns) == (TaskState.DONE, Outcome.MAX_TURNS, "macmini-1", 4)
    assert a.elapsed_seconds(BEGIN + 900) == 7.0
    assert (b.state, b.elapsed(BEGIN + 900)) == (TaskState.DONE, "")


def test_nothing_waits_when_the_run_is_over(board: Board) -> None:
    """On a closed board all are done: what had its end keeps it, what has a result gets it, the rest was skipped."""
    board.finish(result("a"))
    board.update("b", state="running")
    board.close({"a": result("a", Outcome.CHECK_FAILED), "b": result("b", Outcome.KILLED)})
    assert {row.outcome: row.state for row in board.snapshot().rows} == {
        Outcome.SUCCEEDED: "done",
        Outcome.KILLED: "done",
        Outcome.SKIPPED: "done",
    }


def test_what_reviews_cost_is_counted(board: Board) -> None:
    """It is in no task's cost, and in that of the run, as it is now."""
    board.update("a", state="running", cost_usd=1.0)
    review = Board(run="r1", tasks=["_review-a"], whole=board)
    for cost_usd in (0.5, 0.75):
        review.update("_review-a", state="running", cost_usd=cost_usd)
    board.note_beside("_review-b", cost_usd=0.25)
    now = board.snapshot()
    assert (now.rows[0].cost_usd, now.cost_usd) == (1.0, 2.0)
    assert "2.00 USD" in now.sentence


def test_snapshots_do_not_move(board: Board) -> None:
    """What was seen once stays as it was seen."""
    before = board.snapshot()
    board.update("a", state="running")
    assert before.states[TaskState.RUNNING] == 0
    assert board.snapshot().states[TaskState.RUNNING] == 1


def test_the_file_is_read_back_and_written_only_when_needed(board: Board, tmp_path: Path) -> None:
    """A written board is read back equal, is not written again unchanged, and leaves no other file."""
    path = tmp_path / "status.json"
    assert Board.read(path) is None
    assert board.write(path)
    assert not board.write(path)
    board.update("a", state="running", last_action="日本語 🎉")
    assert board.write(path)
    assert Board.read(path) == board.snapshot()
    assert list(tmp_path.iterdir()) == [path]


def test_a_damaged_file_is_written_anew(board: Board, tmp_path: Path) -> None:
    """A file that is no status file says nothing, until whoever works on the run has written it anew."""
    path = tmp_path / "status.json"
    path.write_text("{")
    assert Board.read(path) is None
    assert board.write(path)
    assert Board.read(path) == board.snapshot()


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    """It says nothing either."""
    (tmp_path / "status.json").mkdir()
    assert Board.read(tmp_path / "status.json") is None


def test_many_threads(board: Board, tmp_path: Path) -> None:
    """Updates and writes from many threads lose nothing, and every reader meets a whole file."""
    path = tmp_path / "status.json"
    board.write(path)

    def work(task: str) -> None:
        for turn in range(1, 101):
            board.update(task, state="running", turns=turn)
            board.write(path)
            assert isinstance(Board.read(path), Snapshot)

    threads = [threading.Thread(target=work, args=(task,)) for task in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [row.turns for row in board.snapshot().rows] == [100] * 4
    assert Board.read(path) == board.snapshot()


def test_markdown(board: Board, clock: Clock) -> None:
    """The progress artifact has a bar, the counts and what runs now, whatever the last action says."""
    board.finish(result("a", seconds=9))
    board.finish(result("b", Outcome.NO_CHANGES, seconds=9))
    clock.now = BEGIN + 60
    board.update("c", state="running", machine="macmini-1", turns=3, cost_usd=0.1, last_action="Bash: ls | wc `x`")
    text = progress_markdown(board.snapshot(), now=BEGIN + 125)
    assert matches_golden(text, name="progress.md")


def test_the_bar_is_full_only_at_the_end() -> None:
    """Nineteen of twenty and a bit is not a full bar."""
    board = Board(run="r", tasks=[str(n) for n in range(1000)])
    for n in range(999):
        board.update(str(n), state="done")
    assert f"\n{'█' * 19}░ 999 of 1,000 tasks done" in progress_markdown(board.snapshot())
    board.update("999", state="done")
    assert f"\n{'█' * 20} 1000 of 1,000 tasks done" in progress_markdown(board.snapshot())


def test_sentence(board: Board) -> None:
    """One line says how far the run is."""
    board.update("a", state="running")
    board.update("b", state="ready")
    assert board.snapshot().sentence == "run r1: 0 of 4 tasks done (1 working, 1 ready, 2 waiting, 0.00 USD)"
