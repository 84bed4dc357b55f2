"""`miyabi orchestrate --milestone`: run a milestone's issues, show it, say how it ended."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import click

from flows.cli.exit_code import ExitCode
from flows.cli.interrupt import InterruptibleFlow
from flows.cli.live_table import Find
from flows.cli.prepare import given, hosts_of, make_ready
from flows.cli.summary import summary
from miyabi.errors import BadInput
from miyabi.github import GitHubLogin, LinkedRepository
from miyabi.integration import Integration
from miyabi.reports import read_report
from miyabi.runs import RunFolder, open_repository, valid_run_name
from miyabi.settings import Settings


def orchestrate_milestone(*, milestone: str, repository: Path, config: Path | None, **choices: Any) -> ExitCode:
    """Runs the flow for a milestone and shows it; SUCCEEDED where all that was to be done is done.

    Raises:
        BadInput: something that was given cannot be used; nothing was started.
        ServerError: no Prefect server could be found or started.
    """
    config = config.absolute() if config else None
    opening = _opened(repository, config=config, run=choices.get("run"), github=choices.get("github"))
    root, settings = asyncio.run(opening)
    ui = make_ready(hosts_of(settings.machines))
    click.echo(f"milestone   {milestone}\nui          {ui}")
    from flows.run_milestone import run_milestone  # noqa: PLC0415 - Prefect is imported once its settings stand
    from tasks.runner import BAD_INPUT  # noqa: PLC0415 - as above

    find, parameters = _own_run(root), given(config=config, **choices)
    interruptible = InterruptibleFlow(find, settings=settings)
    state = interruptible.run(
        lambda: run_milestone(repository=root, milestone=milestone, return_state=True, **parameters)
    )
    if state is None or state.is_cancelled():
        click.echo("miyabi: cut short; the same command goes on from here", err=True)
        return interruptible.leave(ExitCode.INTERRUPTED if interruptible.is_interrupted or state else ExitCode.FAILED)
    if state.name == BAD_INPUT:
        raise BadInput(state.message)
    _show_end(find(), state)
    return ExitCode.SUCCEEDED if _is_whole(state) else ExitCode.FAILED


async def _opened(
    repository: Path, *, config: Path | None, run: str | None, github: str | None
) -> tuple[Path, Settings]:
    """The repository's root and settings, once all is refused that can be without a server.

    Raises:
        BadInput: no repository, no credential, or a setting or name that cannot be used.
    """
    opened, settings = await open_repository(repository, config=config)
    if run:
        valid_run_name(run)
    if github is None:
        await LinkedRepository.of(opened, settings, login=GitHubLogin.of_environment(os.environ))
    return opened.root, settings


def _own_run(root: Path) -> Find:
    """Finds the run that this process works on, and stays with it when it has ended."""
    found: list[RunFolder | None] = [None]

    def find() -> RunFolder | None:
        ours = (folder for folder in reversed(RunFolder.all(root)) if folder.holder == os.getpid())
        found[0] = next((folder for folder in ours if folder.is_being_worked_on), found[0])
        return found[0]

    return find


def _show_end(folder: RunFolder | None, state: Any) -> None:
    """The milestone's own sentence, then what there is to say of its run."""
    click.echo(state.message or state.name, err=not _is_whole(state))
    if folder and (report := read_report(folder)):
        click.echo(summary(report, folder.load(Integration), folder).partition("\n")[2])


def _is_whole(state: Any) -> bool:
    from tasks.runner import PARTIAL  # noqa: PLC0415 - Prefect is imported once its settings stand

    return bool(state.is_completed() and state.name != PARTIAL)
