"""What a person sees while a run goes on: a live table on a terminal, a line a change elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from flows.cli.task_table import task_table
from flows.cli.terminal import showable
from miyabi.runs import Board, Outlook, RunFolder, Snapshot, TaskProgress, TaskState
from miyabi.settings import Settings
from miyabi.text import clock, count, duration
from miyabi.views import TaskView, view_tasks

_REFRESH_SECONDS = 0.5
_FORESEEN_SECONDS = 5.0
"""So long what is left is not reckoned anew: the clock is enough."""

Find = Callable[[], RunFolder | None]
"""The run to show; None where there is none yet."""


class _Foresight:
    """What is still to come of the run that is shown, and what the person who watches is told besides."""

    def __init__(self, settings: Settings | None) -> None:
        self._settings = settings
        self._of: RunFolder | None = None
        self.outlook: Outlook | None = None
        self._left: tuple[float, float | None] = (0.0, None)
        self.notice = ""
        self.ended: Snapshot | None = None
        """What an earlier orchestrator has left of a run that is gone on with: not what is shown of this one."""

    def look(self, folder: RunFolder) -> None:
        """Reads what that run is to do, once."""
        if folder != self._of:
            self._of, self.outlook = folder, Outlook.of(folder, self._settings)

    def words(self, snapshot: Snapshot) -> str:
        """Says how long the tasks may take still; nothing where that is not known, or they are over or interrupted."""
        if self.notice or all(row.state is TaskState.DONE for row in snapshot.rows):
            return ""
        at, left = self._left
        now = time.monotonic()
        if self.outlook and (not at or now - at > _FORESEEN_SECONDS):
            at, left = self._left = (now, self.outlook.seconds_left(snapshot))
        return f"about {duration(max(left - (now - at), 0.0))} left" if left is not None else ""


@contextmanager
def watch(find: Find, *, settings: Settings | None = None) -> Iterator[Callable[[str], None]]:
    """Shows the status file of the run that `find` finds, every 0.5 s while the block runs.

    Gives the block what says a sentence to the person who watches: with the table that is drawn next, else on stderr.
    """
    console, done = Console(stderr=False, highlight=False), threading.Event()
    show, foresight = _show_table if console.is_terminal else _show_lines, _Foresight(settings)
    foresight.ended = _read(find())

    def say(sentence: str) -> None:
        if console.is_terminal:  # what is written beside a table is lost below it
            foresight.notice = sentence
        else:
            click.echo(sentence, err=True)

    thread = threading.Thread(target=show, args=(find, console, done, foresight), name="live-table", daemon=True)
    thread.start()
    try:
        yield say
    finally:
        done.set()
        thread.join()


def _read(folder: RunFolder | None) -> Snapshot | None:
    return Board.read(folder.status_file) if folder else None


def _snapshots(find: Find, done: threading.Event, foresight: _Foresight) -> Iterator[Snapshot]:
    while True:
        last = done.wait(_REFRESH_SECONDS)
        folder = find()
        snapshot, before = _read(folder), foresight.ended
        if folder and snapshot and not (before and (snapshot.run, snapshot.started) == (before.run, before.started)):
            foresight.look(folder)
            yield snapshot
        if last:
            return


def _show_table(find: Find, console: Console, done: threading.Event, foresight: _Foresight) -> None:
    with Live(console=console, auto_refresh=False) as live:
        for snapshot in _snapshots(find, done, foresight):
            live.update(_table(snapshot, console, foresight), refresh=True)


def _show_lines(find: Find, console: Console, done: threading.Event, foresight: _Foresight) -> None:
    seen: dict[str, tuple[str, str | None]] = {}
    noted = ""
    for snapshot in _snapshots(find, done, foresight):
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


def _table(snapshot: Snapshot, console: Console, foresight: _Foresight) -> Group:
    """What is known of the whole, in as many lines as it takes, and as many tasks as there is room for below."""
    headline = Text(showable(_headline(snapshot, foresight.words(snapshot)), console.encoding), style="italic")
    if foresight.notice:
        headline.append(f"\n{foresight.notice}", style="bold yellow not italic")
    lines = len(headline.wrap(console, console.width))
    tasks = list(view_tasks(snapshot, foresight.outlook))
    shown = _first(tasks, max(5, console.height - lines - 4))
    more = len(tasks) - len(shown)
    caption = [Text(f"and {count(more, 'more task')}", style="dim italic")] if more else []
    # the terminal shows Ctrl-C as ^C where the cursor is: behind a full line that makes one more, which stays for ever
    return Group(headline, task_table(shown, console), *caption, Text())


def _headline(snapshot: Snapshot, left: str) -> str:
    return "; ".join(filter(None, (snapshot.sentence, left, snapshot.budget, snapshot.quota, snapshot.note)))


def _first(tasks: list[TaskView], most: int) -> list[TaskView]:
    """Those at work first, then the ended, then the waiting: what fits the terminal."""
    rank = {"done": 1, "waiting": 2, "ready": 2}
    return sorted(tasks, key=lambda row: rank.get(row.state, 0))[:most]
