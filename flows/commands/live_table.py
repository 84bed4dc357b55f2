"""What a person sees while a run goes on: a live table on a terminal, a line a change elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from miyabi.progress import Board, Row, Snapshot
from miyabi.run_folder import RunFolder

_STYLE = {
    "running": "bold cyan",
    "checking": "cyan",
    "preparing": "blue",
    "collecting": "blue",
    "waiting": "dim",
    "ready": "dim",
}
_REFRESH_SECONDS = 0.5


@contextmanager
def watch(folder: RunFolder) -> Iterator[None]:
    """Shows the run's status file while the block runs."""
    console, done = Console(stderr=False, highlight=False), threading.Event()
    show = _show_table if console.is_terminal else _show_lines
    thread = threading.Thread(target=show, args=(folder, console, done), name="live-table", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _snapshots(folder: RunFolder, done: threading.Event) -> Iterator[Snapshot]:
    while True:
        last = done.wait(_REFRESH_SECONDS)
        if (snapshot := Board.read(folder.status_file)) is not None:
            yield snapshot
        if last:
            return


def _show_table(folder: RunFolder, console: Console, done: threading.Event) -> None:
    with Live(console=console, auto_refresh=False) as live:
        for snapshot in _snapshots(folder, done):
            live.update(_table(snapshot, rows=max(5, console.height - 4)), refresh=True)


def _show_lines(folder: RunFolder, console: Console, done: threading.Event) -> None:
    seen: dict[str, tuple[str, str | None]] = {}
    for snapshot in _snapshots(folder, done):
        for row in snapshot.rows:
            state = (row.outcome or row.state, row.machine)
            if state != seen.setdefault(row.task, ("waiting", None)):
                seen[row.task] = state
                where = f" on {row.machine}" if row.machine else ""
                console.print(
                    f"{row.elapsed(snapshot.now):>6}  {row.task}: {state[0]}{where}", soft_wrap=True, markup=False
                )


def _table(snapshot: Snapshot, *, rows: int) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", title=escape(snapshot.sentence), title_justify="left")
    for heading in ("task", "machine", "state", "elapsed", "turns", "cost", "last action"):
        right = heading in {"elapsed", "turns", "cost"}
        table.add_column(heading, justify="right" if right else "left", no_wrap=True)
    for row in _first(snapshot, rows):
        table.add_row(*_cells(row, snapshot.now))
    return table


def _first(snapshot: Snapshot, rows: int) -> list[Row]:
    """Those at work first, then the ended, then the waiting: what fits the terminal."""
    rank = {"done": 1, "waiting": 2, "ready": 2}
    return sorted(snapshot.rows, key=lambda row: rank.get(row.state, 0))[:rows]


def _cells(row: Row, now: float) -> tuple[str, ...]:
    state = row.outcome or row.state
    style = _STYLE.get(state, "green" if state == "succeeded" else "red")
    cost = f"${row.cost_usd:.2f}" if row.cost_usd else ""
    turns = str(row.turns) if row.turns else ""
    return (
        row.task,
        row.machine or "",
        f"[{style}]{state}[/]",
        row.elapsed(now),
        turns,
        cost,
        escape(row.last_action or ""),
    )
