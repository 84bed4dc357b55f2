"""What a person sees while a run goes on."""

from __future__ import annotations

import time

from flows.cli.live_table import _line
from miyabi.runs import Snapshot, TaskProgress
from miyabi.sessions import Outcome

AGO = 600.0  # seconds since the run's start


def test_no_line_goes_back_in_time() -> None:
    """A session that has ended while its work was collected is reported when that is seen, with its own length."""
    start = time.time() - AGO
    collecting = TaskProgress(task="a", state="collecting", started=start)
    done = TaskProgress(task="a", state="done", started=start, ended=start + 65, outcome=Outcome.SUCCEEDED)
    before, after = (_line(row, Snapshot(run="r1", started=start, rows=(row,))) for row in (collecting, done))
    assert before.split()[0] <= after.split()[0]
    assert after.endswith("  a: succeeded after 1:05")
