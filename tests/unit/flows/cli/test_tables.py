from __future__ import annotations

import io

import pytest
from rich.console import Console

from flows.cli.tables import fitted_table

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
