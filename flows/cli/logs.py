"""`miyabi logs`: a session's stream, readable."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import click

from flows.cli.options import repository_option, run_argument, task_argument
from miyabi.claude import Transcript, readable
from miyabi.errors import BadInput
from miyabi.git import existing_folder
from miyabi.runs import RunFolder, hide_secrets_of_run, read_json
from miyabi.sessions import SessionResult
from miyabi.text import clean

_POLL_SECONDS = 0.3


@click.command(help="Show what a session said and did.")
@run_argument
@task_argument
@repository_option
@click.option("-f", "--follow", is_flag=True, help="Go on until the session ends.")
@click.option("--raw", is_flag=True, help="The stream-json as it came.")
@click.option("--attempt", type=click.IntRange(1), help="Which attempt.  [default: the last]")
def logs(*, run: str, task: str, repository: Path, follow: bool, raw: bool, attempt: int | None) -> None:
    """Print what the session of a task said and did.

    With `follow` it waits for the session to start, and goes on until its result is there; what the set-up of its
    checkout prints comes first.

    Where its check or set-up did not pass, the last lines of that come at the end.

    Raises:
        BadInput: no such folder, run, task or attempt; those that exist are named. Or its result is damaged.
    """
    folder = RunFolder.find(_root(repository), run)
    attempt_folder = _attempt(folder, task, attempt, wait=follow)
    asyncio.run(hide_secrets_of_run(folder))
    transcript, set_up = Transcript(), SetUpLines(attempt_folder / "setup.log")
    show_set_up = (lambda: None) if raw else set_up.show
    stream, result = attempt_folder / "stdout.jsonl", attempt_folder / "result.json"
    for chunk in _chunks(stream, result, follow=follow, before_first=show_set_up):
        events = transcript.feed(chunk)
        if raw:
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
            continue
        cwd = transcript.init.cwd if transcript.init else ""
        for line in (line for event in events for line in readable(event, cwd=cwd)):
            click.echo(line)
    if not raw:
        for line in _check_lines(result):
            click.echo(line)


def _check_lines(file: Path) -> Iterator[str]:
    """Yields what to say of the attempt's check or set-up, where it did not pass; each line of its own is marked."""
    if not file.exists():
        return
    result = read_json(file, SessionResult, advice="Read the files beside it.")
    if result.check_output:
        yield f"! {result.error_text}"
        yield f"  The {result.printed_by} printed last:"
        yield from (f"  | {line}" for line in result.check_output.splitlines())


def _attempt(folder: RunFolder, task: str, attempt: int | None, *, wait: bool) -> Path:
    known = folder.attempts(task)
    while wait and (attempt or 1) not in known and task in folder.tasks() and folder.is_being_worked_on:
        time.sleep(_POLL_SECONDS)
        known = folder.attempts(task)
    folder.require_task(task)
    if not known:
        started = ", ".join(sorted(path.name for path in folder.path.glob("sessions/*"))) or "none"
        raise BadInput(f"run {folder.run}: task {task} has no session. Tasks with sessions: {started}.")
    if attempt is not None and attempt not in known:
        there = ", ".join(map(str, sorted(known)))
        raise BadInput(f"run {folder.run}: task {task}: there is no attempt {attempt}. Attempts: {there}.")
    return known[attempt or max(known)]


def _root(repository: Path) -> Path:
    """The nearest folder upwards that has runs, which may be in no repository any more."""
    here = existing_folder(repository)
    for root in (here, *here.parents):
        if (root / ".miyabi/runs").exists():
            return root
    raise BadInput(f"{repository.absolute()}: there is no .miyabi/runs here. Name the repository with -C.")


class SetUpLines:
    """The lines that a set-up prints while it runs, in a file whose first ones may go."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._shown: list[str] = []

    def show(self) -> None:
        """Prints those that have come since the last time, each of them marked."""
        try:
            whole = self._file.read_text(errors="replace").rpartition("\n")[0]
        except OSError:
            return
        lines = clean(whole).splitlines()
        if lines == self._shown[: len(lines)]:  # it is just being written
            return
        for line in lines[_known(self._shown, lines) :]:
            click.echo(f"set-up | {line}")
        self._shown = lines


def _known(before: Sequence[str], lines: Sequence[str]) -> int:
    """Counts the first lines that are among the ones before: those may have begun earlier, and end there."""
    for first in range(len(before)):
        if before[first:] == lines[: len(before) - first]:
            return len(before) - first
    return 0


def _chunks(stream: Path, result: Path, *, follow: bool, before_first: Callable[[], None]) -> Iterator[bytes]:
    offset = 0
    while True:
        ended = result.exists()
        if not offset and (follow or not ended):
            before_first()
        if stream.exists():
            with stream.open("rb") as file:
                file.seek(offset)
                while chunk := file.read(1 << 16):
                    offset += len(chunk)
                    yield chunk
        if ended or not follow:
            return
        time.sleep(_POLL_SECONDS)
