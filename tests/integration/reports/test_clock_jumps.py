"""A clock that is set while a run goes on makes odd figures, and nothing else."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from flows.cli.live_table import _Foresight, _line, _table
from miyabi.attempts import delay_seconds, limit_is_over
from miyabi.github.errors import rate_limited
from miyabi.github.request import Response
from miyabi.milestones.description import MilestoneProgress, milestone_block
from miyabi.reports import Report, progress_markdown, summary_sentence
from miyabi.reports.markdown import to_markdown
from miyabi.runs import Board
from miyabi.sessions import Outcome
from miyabi.text import clock, duration
from tests.support.values.results import STARTED, report, result, small_dag

JUMPS = [
    -4e9,
    -1e9,
    -86_400.0,
    -3600.0,
    -1.0,
    0.0,
    1.0,
    3600.0,
    1e9,
    1e10,
]  # seconds
DAG = small_dag({"a": [], "b": ["a"], "c": [], "d": ["c"]})


def jumped(rng: random.Random) -> Report:
    """A report of sessions between whose starts and ends somebody has set the clock."""
    outcomes = rng.sample(list(Outcome), 4)
    results = [
        result(task, outcome, after=rng.choice(JUMPS), seconds=rng.choice(JUMPS))
        for task, outcome in zip("abcd", outcomes, strict=True)
    ]
    return report(DAG, results, wall_seconds=rng.choice(JUMPS))


@pytest.mark.parametrize("seed", range(60))
def test_a_report_is_made(seed: int) -> None:
    """The report of such a run, its chart and its texts are made, and no length of time in it is below zero."""
    made = jumped(random.Random(seed))  # noqa: S311
    assert to_markdown(made)
    assert summary_sentence(made)
    assert made.wall_seconds >= 0
    assert all(row.seconds >= 0 for row in made.tasks)
    assert milestone_block(MilestoneProgress(open=4, closed=1), report=made)


@pytest.mark.parametrize("seed", range(20))
def test_progress_is_shown(seed: int) -> None:
    """The live table, its lines and the progress artifact take whatever the clock says."""
    rng, now = random.Random(seed), STARTED.timestamp()  # noqa: S311
    board = Board(run="r1", tasks=["a", "b", "c", "d"], clock=lambda: max(0.0, now + rng.choice(JUMPS)))
    console = Console(width=80)
    for task, state in zip("abcabcabc", ["running"] * 3 + ["checking"] * 3 + ["collecting"] * 3, strict=True):
        board.update(task, state=state)
        snapshot = board.snapshot()
        console.print(_table(snapshot, console, _Foresight(None)))
        assert [_line(row, snapshot) for row in snapshot.rows]
        assert progress_markdown(snapshot, now=now + rng.choice(JUMPS))


@pytest.mark.parametrize("seconds", [*JUMPS, 1e12, -1e12])
def test_lengths_of_time_have_words(seconds: float) -> None:
    """No length of time is too odd to be told."""
    assert duration(seconds)
    assert clock(seconds)
    assert str(rate_limited(Response(status=403, headers={}), seconds=seconds))


def test_a_limit_that_ended_long_ago_or_ends_never() -> None:
    """Waits stay as long as they are meant to be where the clock is wrong."""
    now = datetime.now(UTC).timestamp()
    for jump in JUMPS:
        assert limit_is_over(now + jump, now=now, margin_seconds=60, times=3, first=10) >= now + 40
    assert delay_seconds(attempts=5_000, first=1.5) == 900
    assert timedelta(seconds=delay_seconds(attempts=1, first=2)) == timedelta(seconds=2)
