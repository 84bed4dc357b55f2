"""`miyabi sessions`: what lives on the machines, asked of the machines."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.cli.exit_code import ExitCode
from flows.cli.options import config_option, repository_option
from flows.cli.tables import fitted_table
from miyabi.errors import MachineError
from miyabi.machines import Machine, opened_host
from miyabi.runs import settings_at
from miyabi.sessions import SessionPaths, Status, list_sessions
from miyabi.settings import Settings

_HEADINGS = ("  run", "task", "attempt", "state", "output")

Found = Sequence[tuple[str, Status]]


@click.command(help="List the sessions that live on the machines of the fleet.")
@repository_option
@config_option
@click.option("--all", "ended_too", is_flag=True, help="Ended sessions too.")
def sessions(*, repository: Path, config: Path | None, ended_too: bool) -> ExitCode:
    """Print the sessions of each machine, and why where one does not answer: exit code 1 then.

    Raises:
        BadInput: no such folder or configuration, or the repository cannot be used; none need be there.
    """
    _, settings = asyncio.run(settings_at(repository, config=config))
    console = Console(highlight=False, soft_wrap=True)
    answers = asyncio.run(_ask_all(settings))
    for machine, found in zip(settings.machines, answers, strict=True):
        if isinstance(found, MachineError):
            console.print(escape(f"{machine.name}: {found}"))
            continue
        live = sum(status.live for name, status in found if not SessionPaths.of(name).is_ahead)
        console.print(f"{machine.name}: {live} of {machine.slots} slots taken")
        if shown := [(name, status) for name, status in found if ended_too or status.live]:
            console.print(_table(shown, console))
    return ExitCode.FAILED if any(isinstance(found, MachineError) for found in answers) else ExitCode.SUCCEEDED


async def _ask_all(settings: Settings) -> list[Found | MachineError]:
    return await asyncio.gather(*(_ask(machine) for machine in settings.machines))


async def _ask(machine: Machine) -> Found | MachineError:
    try:
        async with opened_host(machine) as host:
            return await list_sessions(host, workspace=machine.workspace)
    except MachineError as error:
        return error


def _table(found: Found, console: Console) -> Table:
    rows = [_cells(SessionPaths.of(name), status) for name, status in found]
    return fitted_table(
        _HEADINGS,
        rows,
        width=console.width,
        right={"attempt", "output"},
        flexible={"  run": 12, "task": 12},
        encoding=console.encoding,
    )


def _cells(paths: SessionPaths, status: Status) -> tuple[str, ...]:
    attempt = "ahead" if paths.is_ahead else str(paths.attempt)
    state = "set-up" if status.live and status.sets_up else status.state
    return f"  {paths.run}", paths.task, attempt, state, _size(status.out_bytes)


def _size(octets: int) -> str:
    return f"{octets / 1000:,.1f} kB"
