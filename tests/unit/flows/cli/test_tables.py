from __future__ import annotations

import io

import pytest
from rich.console import Console

from flows.cli.runs import _table
from flows.cli.tables import fitted_table
from flows.cli.task_table import task_table
from miyabi.views import RunState, RunView, TaskView

HEADINGS = ("task", "machine", "cost", "last action")
FLEXIBLE = {"task": 8, "machine": 7, "last action": 11}
LONG = ("a-task-with-a-long-name", "macmini-of-the-third-floor", "[bold]$1,234.50[/]", "Bash: pytest -q " * 9)


def lines(*rows: tuple[str, ...], width: int) -> list[str]:
    """The table as a terminal of that width shows it."""
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(fitted_table(HEADINGS, rows, width=width, right={"cost"}, flexible=FLEXIBLE))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_what_fits_is_whole() -> None:
    """In a wide terminal each column is as wide as its longest cell, figures to the right."""
    assert [line.rstrip() for line in lines(("a", "m1", "$1.00", "Edit: 日本語"), width=80)] == [
        "task  machine   cost  last action",
        "a     m1       $1.00  Edit: 日本語",
    ]


@pytest.mark.parametrize("width", [44, 60, 80, 120])
def test_figures_are_whole_in_any_width(width: int) -> None:
    """Nothing is wider than the terminal, figures are not cut, and the first column has what the last leaves."""
    shown = lines(LONG, width=width)
    assert len(shown) == 2
    assert max(map(len, shown)) <= width
    assert "$1,234.50" in shown[1]
    assert shown[0].split() == ["task", "machine", "cost", "last", "action"]
    assert shown[1].startswith(LONG[0][:7])
    assert (LONG[0] in shown[1]) == (width >= 60)


def test_a_table_without_rows() -> None:
    """There are the headings."""
    assert [line.rstrip() for line in lines(width=80)] == ["task  machine  cost  last action"]


def test_less_than_a_cent_is_not_nothing() -> None:
    """What is spent is told in the tables of runs and tasks as it is in the report."""
    console = Console(file=io.StringIO(), width=100, color_system=None)
    run = RunView(run="r1", state=RunState.ENDED, seconds=1, cost_usd=0.004)
    console.print(_table((run,), console))
    console.print(
        task_table((TaskView(task="a", title="", state="done", words="succeeded", cost_usd=0.0004),), console)
    )
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert "$0.004 " in shown
    assert "$0.0004 " in shown
