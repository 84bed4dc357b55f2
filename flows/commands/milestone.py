"""`miyabi orchestrate --milestone`: run a milestone's issues, show it, say how it ended."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from flows.commands.live_table import watch
from flows.commands.ready import given, make_ready
from flows.commands.summary import FAILED, INTERRUPTED, SUCCEEDED
from miyabi.errors import BadInput
from miyabi.run_folder import RunFolder


def orchestrate_milestone(*, milestone: str, repository: Path, config: Path | None, **choices: Any) -> int:
    """Runs the flow and returns the exit code: 0 all that was to be done is, 1 some is not, 130 interrupted.

    Raises:
        BadInput: something that was given cannot be used; nothing was started.
        ServerError: no Prefect server could be found or started.
    """
    ui = make_ready()
    click.echo(f"milestone   {milestone}\nui          {ui}")
    from flows.run_milestone import run_milestone  # noqa: PLC0415 - Prefect is imported once its settings stand

    root = repository.absolute()
    parameters = given(config=config.absolute() if config else None, **choices)
    try:
        with watch(lambda: _current(root)):
            state: Any = run_milestone(repository=root, milestone=milestone, return_state=True, **parameters)
    except KeyboardInterrupt:
        click.echo("miyabi: interrupted; the same command goes on with the run", err=True)
        return INTERRUPTED
    if state.name == "BadInput":
        raise BadInput(state.message)
    click.echo(state.message)
    return SUCCEEDED if state.is_completed() else FAILED


def _current(root: Path) -> RunFolder | None:
    """The run that this process works on."""
    mine = str(os.getpid())
    return next((folder for folder in reversed(RunFolder.all(root)) if _holder(folder) == mine), None)


def _holder(folder: RunFolder) -> str:
    return folder.lock_file.read_text().strip() if folder.lock_file.exists() else ""
