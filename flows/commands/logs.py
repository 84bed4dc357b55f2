"""`miyabi logs`: a session's stream, readable."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click

from miyabi.errors import BadInput
from miyabi.parser import Transcript
from miyabi.run_folder import RunFolder
from miyabi.transcript_text import readable

_POLL_SECONDS = 0.3


def show_logs(*, run: str, task: str, repository: Path, follow: bool, raw: bool, attempt: int | None) -> None:
    """Prints what the session of a task said and did, and with `follow` goes on until its result is there.

    Raises:
        BadInput: no such run or task; those that exist are named.
    """
    folder = RunFolder.find(_root(repository), run)
    attempt_folder = _attempt(folder, task, attempt)
    transcript = Transcript()
    for chunk in _chunks(attempt_folder / "stdout.jsonl", attempt_folder / "result.json", follow=follow):
        if raw:
            sys.stdout.buffer.write(chunk)
            continue
        for event in transcript.feed(chunk):
            for line in readable(event):
                click.echo(line)


def _attempt(folder: RunFolder, task: str, attempt: int | None) -> Path:
    known = {int(path.name.removeprefix("attempt-")): path for path in folder.path.glob(f"sessions/{task}/attempt-*")}
    if not known:
        started = ", ".join(sorted(path.name for path in folder.path.glob("sessions/*"))) or "none"
        raise BadInput(f"run {folder.run}: task {task!r} has no session yet. Tasks with sessions: {started}.")
    if attempt is not None and attempt not in known:
        raise BadInput(f"run {folder.run}: task {task}: attempt {attempt} does not exist; there are {sorted(known)}.")
    return known[attempt or max(known)]


def _root(repository: Path) -> Path:
    """The nearest folder upwards that has runs."""
    here = repository.absolute()
    for folder in (here, *here.parents):
        if (folder / ".miyabi" / "runs").is_dir():
            return folder
    raise BadInput(f"{here}: there is no .miyabi/runs here. Name the repository with -C.")


def _chunks(stream: Path, result: Path, *, follow: bool) -> Iterator[bytes]:
    offset = 0
    while True:
        over = result.exists() or not follow
        if stream.exists():
            with stream.open("rb") as file:
                file.seek(offset)
                while chunk := file.read(1 << 16):
                    offset += len(chunk)
                    yield chunk
        if over:
            return
        time.sleep(_POLL_SECONDS)
