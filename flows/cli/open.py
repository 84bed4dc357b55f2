"""`miyabi open`: where to look at a run, or a task of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import click

from flows.cli.by_hand import folder_of
from flows.cli.completing import complete_task
from flows.cli.json_output import json_options
from flows.cli.options import config_option, repository_option, run_argument
from flows.cli.prepare import reach_server
from miyabi.errors import ServerError
from miyabi.integration import Integration
from miyabi.pull_requests import Publication
from miyabi.runs import AttemptRecord, RunFolder
from miyabi.sessions import SessionPaths
from miyabi.views import Address, Addresses


@click.command(help="Print where to look: Prefect's page, pull request and report of a run; with a task, its files.")
@run_argument
@click.argument("task", required=False, shell_complete=complete_task)
@repository_option
@config_option
@json_options(Addresses)
def open(  # noqa: A001 - its name
    *, run: str, task: str | None, repository: Path, config: Path | None, as_json: bool
) -> None:
    """Print an address a line, those that there are.

    Raises:
        BadInput: no such run or task; or a file of the run is damaged.
    """
    folder = folder_of(repository, run, config=config, task=task, needs_settings=False)
    found = tuple(Address(kind=kind, address=str(address)) for kind, address in _addresses(folder, task))
    if as_json:
        click.echo(Addresses(run=run, task=task, addresses=found).to_json())
        return
    for each in found:
        click.echo(f"{each.kind:<14}{each.address}")


def _addresses(folder: RunFolder, task: str | None) -> Iterator[tuple[str, str | Path]]:
    yield from (("ui", page) for page in _pages(folder)[:1])
    if publication := folder.load(Publication):
        for pull in publication.pull_requests:
            if task is None or pull.head == SessionPaths(run=folder.run, task=task).branch:
                yield "pull request", pull.html_url or f"#{pull.number}"
    if task is not None:
        yield from _addresses_of_task(folder, task)
    elif integration := folder.load(Integration):
        yield "branch", integration.branch
    if folder.report_file.exists():
        yield "report", folder.report_file
    if folder.report_page_file.exists():
        yield "in browser", folder.report_page_file


def _addresses_of_task(folder: RunFolder, task: str) -> Iterator[tuple[str, str | Path]]:
    attempts = folder.attempts(task)
    if not attempts:
        return
    files = attempts[max(attempts)]
    paths = SessionPaths(run=folder.run, task=task)
    yield "branch", paths.branch
    yield "session", files
    if (record := AttemptRecord.known(files)) and record.workspace:
        yield "checkout", f"{record.host + ':' if record.host else ''}{record.workspace}/{paths.checkout}"


def _pages(folder: RunFolder) -> list[str]:
    """Of the run's flow runs, the latest first; none where no server answers."""
    try:
        if not reach_server():
            return []
    except ServerError as error:
        click.echo(f"warning: {error}", err=True)
        return []
    from tasks.prefect_server import flow_run_pages  # noqa: PLC0415 - Prefect is imported once its settings stand

    return asyncio.run(flow_run_pages(folder.run, repository=str(folder.repository)))
