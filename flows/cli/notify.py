"""`miyabi notify`: who is told of runs, and whether a message arrives there."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from flows.cli.exit_code import ExitCode
from flows.cli.options import config_option, repository_option
from flows.cli.prepare import reach_server
from miyabi.errors import SettingsError
from miyabi.notify import Destination, deliver, destinations, trial
from miyabi.runs import open_repository
from miyabi.settings import CONFIG_FILE, Settings


@click.command(help="Show who is told of runs; with --test send a message to each, and say what became of it.")
@repository_option
@config_option
@click.option("--test", is_flag=True, help="Send a message to each.")
def notify(*, repository: Path, config: Path | None, test: bool) -> ExitCode:
    """Exit code 0 where each got the message, or none was asked for, else 1; prints a line for each.

    Raises:
        BadInput: nobody is configured, or the file of the addresses cannot be used.
    """
    opened, settings = asyncio.run(open_repository(repository, config=config))
    found = _destinations(settings, root=opened.root)
    if not found:
        file = config or opened.root / CONFIG_FILE
        raise SettingsError(f"{file}: [notify] names nobody: give it urls, urls_file or a block")
    if not test:
        for each in found:
            click.echo(f"{each.name}: {', '.join(settings.notify.on) or 'told nothing: notify.on is empty'}")
        return ExitCode.SUCCEEDED
    came = deliver(trial(), found)
    for delivery in came:
        click.echo(f"FAIL  {delivery.name}: {delivery.fault}" if delivery.fault else f"ok    {delivery.name}")
    return ExitCode.FAILED if any(each.fault for each in came) else ExitCode.SUCCEEDED


def _destinations(settings: Settings, *, root: Path) -> tuple[Destination, ...]:
    """The addresses and the block, for which a Prefect server has to be there.

    Raises:
        BadInput: there is none, or the file of the addresses cannot be used.
        ServerError: the server does not answer.
    """
    addresses, block = destinations(settings.notify, root=root), settings.notify.block
    if not block:
        return addresses
    if not reach_server():
        raise SettingsError(f"block {block}: there is no Prefect server that has it. Start one: miyabi server start")
    from tasks.notifications import block_destination  # noqa: PLC0415 - Prefect is imported once its settings stand

    return (*addresses, block_destination(block))
