"""The tasks of a run as a table: which machine, how far, what they cost, what they do or wait for."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.cli.tables import fitted_table
from miyabi.text import clock, cost, in_words
from miyabi.views import TaskView

_STYLE = {
    "running": "bold cyan",
    "checking": "cyan",
    "preparing": "blue",
    "collecting": "blue",
    "waiting": "dim",
    "ready": "dim",
}
_HEADINGS = ("task", "machine", "state", "elapsed", "turns", "cost", "last action")
_FIGURES = frozenset({"elapsed", "turns", "cost"})
_FLEXIBLE = {"task": 12, "machine": 8, "last action": 11}
_TITLE_FROM = 110
"""Columns from which on there is room for titles."""


def task_table(tasks: Sequence[TaskView], console: Console) -> Table:
    """Makes the table, as wide as the console; on a wide one with the titles of the tasks."""
    width, encoding = console.width, console.encoding
    has_titles = width >= _TITLE_FROM and any(row.title for row in tasks)
    headings = _HEADINGS if not has_titles else (_HEADINGS[0], "title", *_HEADINGS[1:])
    flexible = _FLEXIBLE if not has_titles else {"task": 12, "machine": 8, "last action": 24, "title": 16}
    cells = [_cells(row, has_titles=has_titles) for row in tasks]
    return fitted_table(headings, cells, width=width, right=_FIGURES, flexible=flexible, encoding=encoding)


def _cells(row: TaskView, *, has_titles: bool) -> tuple[str, ...]:
    state = row.outcome or row.state
    style = _STYLE.get(state, "green" if state == "succeeded" else "red")
    spent = f"{'≥ ' if row.cost_is_partial else ''}${cost(row.cost_usd)}" if row.cost_usd else ""
    words = in_words(state) if row.outcome or not row.words or row.waits_for else row.words
    return (
        row.task,
        *([escape(row.title)] if has_titles else []),
        row.machine or "",
        f"[{style}]{words}[/]",
        clock(row.seconds) if row.started else "",
        str(row.turns) if row.turns else "",
        spent,
        escape(f"for {row.waits_for}" if row.waits_for else row.last_action),
    )
