"""`miyabi automations`: what Prefect does by itself about our flow runs, made at its server or removed there."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from flows.cli.exit_code import ExitCode
from flows.cli.options import config_option, repository_option
from flows.cli.prepare import reach_server
from miyabi.errors import ServerError
from miyabi.runs import open_repository


@click.command(help="Make the automations of automations.yaml at the Prefect server, or delete them there.")
@click.argument("action", type=click.Choice(["apply", "delete"]))
@repository_option
@config_option
@click.option("--block", metavar="TYPE/NAME", help="Notification block of Prefect's.  [default: notify.block]")
def automations(*, action: str, repository: Path, config: Path | None, block: str | None) -> ExitCode:
    """Both may be repeated; prints a line for each automation.

    Raises:
        BadInput: there is no such block, or the settings cannot be read.
        ServerError: there is no Prefect server, or it does not answer.
    """
    name = block or _configured_block(repository, config) if action == "apply" else ""
    if not reach_server():
        raise ServerError("There is no Prefect server. Start one: miyabi server start")
    from flows.automations import (  # noqa: PLC0415 - Prefect is imported once its settings stand
        apply_automations,
        delete_automations,
        notification_block_id,
        read_automations,
    )

    if action == "delete":
        every = [*(each.name for each in read_automations()[0]), *read_automations()[1]]
        gone = asyncio.run(delete_automations(every))
        click.echo("\n".join(f"deleted  {each}" for each in gone) or "there is none of them")
        return ExitCode.SUCCEEDED
    found, left_out = read_automations(asyncio.run(notification_block_id(name)) if name else "")
    for done, each in asyncio.run(apply_automations(found)):
        click.echo(f"{done:<8} {each}")
    for each in left_out:
        click.echo(f"left out {each}: it needs a notification block: --block TYPE/NAME", err=True)
    return ExitCode.SUCCEEDED


def _configured_block(repository: Path, config: Path | None) -> str:
    _, settings = asyncio.run(open_repository(repository, config=config))
    return settings.notify.block
