"""What a person sees while a run goes on."""

from __future__ import annotations

import json
import time

import pytest
from rich.console import Console

from flows.cli.live_table import _Foresight, _line, _table
from miyabi.dag import Dag
from miyabi.machines import Machine
from miyabi.runs import Outlook, Snapshot, TaskProgress
from miyabi.runs.durations import Durations
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


@pytest.mark.parametrize("width", [60, 80, 140])
def test_nothing_of_the_headline_is_cut(width: int) -> None:
    """In any width it says how the tasks stand, what is left, spent and noted; below it what each task waits for."""
    nodes = [{"id": "a", "title": "The first", "estimated_duration": 7}, {"id": "b", "dependencies": ["a"]}]
    dag = Dag.from_text(json.dumps({"nodes": nodes}))
    foresight = _Foresight(None)
    known = {"machines": (Machine(name="m1"),), "durations": Durations(), "seconds_a_minute": 1.0}
    foresight.outlook = Outlook(dag=dag, **known)
    rows = (TaskProgress(task="a", state="running", started=time.time(), machine="m1"), TaskProgress(task="b"))
    snapshot = Snapshot(
        run="r1", started=time.time(), rows=rows, budget="run: 3.20 of 10.00 USD", note="lfs is missing"
    )
    console = Console(width=width, height=30, record=True, force_terminal=True, color_system=None)
    with console.capture() as captured:
        console.print(_table(snapshot, console, foresight))
    lines = captured.get().splitlines()
    whole = " ".join(" ".join(lines).split())
    assert max(map(len, lines)) <= width
    assert lines[-1] == ""  # where the terminal writes ^C
    for words in (
        "2 tasks done",
        "about 12 s left",
        "run: 3.20 of 10.00 USD",
        "lfs is missing",
    ):
        assert words in whole
    assert next(line for line in lines if line.startswith("b ")).rstrip().endswith("for a")
    assert ("The first" in whole) == (width == 140)


def test_nothing_is_left_of_what_is_over_or_interrupted() -> None:
    """The forecast goes at once where the last task ends or a person ends the run, not when it is reckoned anew."""
    dag = Dag.from_text('{"nodes": [{"id": "a", "estimated_duration": 7}]}')
    foresight = _Foresight(None)
    foresight.outlook = Outlook(dag=dag, machines=(Machine(name="m1"),), durations=Durations())
    waits, done = (
        Snapshot(run="r1", started=time.time(), rows=(row,))
        for row in (TaskProgress(task="a"), TaskProgress(task="a", state="done", outcome=Outcome.SUCCEEDED))
    )
    assert foresight.words(waits).startswith("about 7 min")
    assert foresight.words(done) == ""
    assert foresight.words(waits)
    foresight.notice = "miyabi: interrupted: all of it is collected"
    assert foresight.words(waits) == ""
    console = Console(width=60, height=30, color_system=None)
    with console.capture() as captured:
        console.print(_table(waits, console, foresight))
    assert foresight.notice in captured.get()
