"""What the commands share that a person calls for one run: its folder, and the run without an orchestrator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import click

from miyabi.errors import SettingsError
from miyabi.git import Repository
from miyabi.github import token_of_environment
from miyabi.reports import write_report
from miyabi.runs import Run, RunFolder, RunRequest, open_repository, start_run
from miyabi.sessions import SessionResult
from miyabi.text import count, in_words


def folder_of(
    repository: Path, run: str, *, config: Path | None, task: str | None = None, needs_settings: bool = True
) -> RunFolder:
    """Finds the folder of a run in the repository that a path is in.

    Unless it `needs_settings`, a configuration that cannot be used is a warning.

    Raises:
        BadInput: no such repository, configuration, run, or task of it.
    """
    try:
        root = asyncio.run(open_repository(repository, config=config))[0].root
    except SettingsError as error:
        if needs_settings:
            raise
        click.echo(f"warning: {error}", err=True)
        root = asyncio.run(Repository.open(repository)).root
    folder = RunFolder.find(root, run)
    if task is not None:
        folder.require_task(task)
    return folder


@asynccontextmanager
async def opened_run(folder: RunFolder, *, config: Path | None) -> AsyncIterator[Run]:
    """Opens a run for the context's time; nothing is started.

    Raises:
        BadInput: as `start_run`.
        GitFailed: as `start_run`.
    """
    request = RunRequest(tasks=None, repository=folder.repository, run=folder.run, config=config)
    live = await start_run(request, token=token_of_environment)
    try:
        yield live
    finally:
        await live.close()


def note_results(live: Run) -> None:
    """Ends the run as it is now: its folder and its report say what has become of it. To be called by who holds it.

    Raises:
        BadInput: the run folder is damaged.
        DiskFull: there is no room for it.
    """
    live.end()
    write_report(live.folder)


def show_result(result: SessionResult) -> None:
    """Prints what became of a task in one line."""
    where = f", {count(result.changes.commits, 'commit')} on {result.branch}" if result.branch else ""
    click.echo(f"{result.task}: {in_words(result.outcome)}{where}")
