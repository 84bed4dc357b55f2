"""What a person sees while a run goes on: a live table on a terminal, a line a change elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from flows.cli.tables import fitted_table
from flows.cli.terminal import showable
from miyabi.runs import Board, RunFolder, Snapshot, TaskProgress
from miyabi.text import clock, count, in_words

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
_REFRESH_SECONDS = 0.5

Find = Callable[[], RunFolder | None]
"""The run to show; None where there is none yet."""


@contextmanager
def watch(find: Find) -> Iterator[None]:
    """Shows the status file of the run that `find` finds, every 0.5 s while the block runs."""
    console, done = Console(stderr=False, highlight=False), threading.Event()
    show = _show_table if console.is_terminal else _show_lines
    thread = threading.Thread(target=show, args=(find, console, done), name="live-table", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _snapshots(find: Find, done: threading.Event) -> Iterator[Snapshot]:
    while True:
        last = done.wait(_REFRESH_SECONDS)
        folder = find()
        if folder and (snapshot := Board.read(folder.status_file)) is not None:
            yield snapshot
        if last:
            return


def _show_table(find: Find, console: Console, done: threading.Event) -> None:
    with Live(console=console, auto_refresh=False) as live:
        for snapshot in _snapshots(find, done):
            live.update(_table(snapshot, console), refresh=True)


def _show_lines(find: Find, console: Console, done: threading.Event) -> None:
    seen: dict[str, tuple[str, str | None]] = {}
    noted = ""
    for snapshot in _snapshots(find, done):
        if snapshot.note not in {"", noted}:
            noted = snapshot.note
            console.print(_at(snapshot.now, snapshot) + noted, soft_wrap=True, markup=False)
        for row in snapshot.rows:
            state = (row.status(snapshot.now), row.machine)
            if state != seen.setdefault(row.task, ("waiting", None)):
                seen[row.task] = state
                console.print(_line(row, snapshot), soft_wrap=True, markup=False)


def _line(row: TaskProgress, snapshot: Snapshot) -> str:
    """When it was seen since the start of the run, and what a task came to; for its end also how long it took.

    A task's own end is that of its session, which is before its work is collected: no line goes back to it.
    """
    where = f" on {row.machine}" if row.machine else ""
    after = f" after {row.elapsed(snapshot.now)}" if row.outcome and row.started else ""
    return f"{_at(snapshot.now, snapshot)}{row.task}: {row.status(snapshot.now)}{where}{after}"


def _at(moment: float, snapshot: Snapshot) -> str:
    return f"{clock(max(0.0, moment - snapshot.started)):>7}  "


def _table(snapshot: Snapshot, console: Console) -> Table:
    shown = _first(snapshot, max(5, console.height - 4))
    cells = [_cells(row, snapshot.now) for row in shown]
    width, encoding = console.width, console.encoding
    table = fitted_table(_HEADINGS, cells, width=width, right=_FIGURES, flexible=_FLEXIBLE, encoding=encoding)
    title = showable(_title(snapshot), encoding)
    table.title, table.title_justify = Text(title, no_wrap=True), "left"
    if len(shown) < len(snapshot.rows):
        table.caption = f"and {count(len(snapshot.rows) - len(shown), 'more task')}"
        table.caption_justify = "left"
    return table


def _title(snapshot: Snapshot) -> str:
    return "; ".join(filter(None, (snapshot.sentence, snapshot.budget, snapshot.note)))


def _first(snapshot: Snapshot, rows: int) -> list[TaskProgress]:
    """Those at work first, then the ended, then the waiting: what fits the terminal."""
    rank = {"done": 1, "waiting": 2, "ready": 2}
    return sorted(snapshot.rows, key=lambda row: rank.get(row.state, 0))[:rows]


def _cells(row: TaskProgress, now: float) -> tuple[str, ...]:
    state = row.outcome or row.state
    style = _STYLE.get(state, "green" if state == "succeeded" else "red")
    cost = f"{'≥ ' if row.cost_is_partial else ''}${row.cost_usd:.2f}" if row.cost_usd else ""
    turns = str(row.turns) if row.turns else ""
    return (
        row.task,
        row.machine or "",
        f"[{style}]{in_words(state)}[/]",
        row.elapsed(now),
        turns,
        cost,
        escape(row.status(now) if row.waits(now) else row.last_action),
    )
