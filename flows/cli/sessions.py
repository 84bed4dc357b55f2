"""`miyabi sessions`: what lives on the machines, asked of the machines."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.cli.exit_code import ExitCode
from flows.cli.json_output import json_options
from flows.cli.options import config_option, repository_option
from flows.cli.tables import fitted_table
from miyabi.errors import MachineError
from miyabi.machines import Machine, opened_host
from miyabi.runs import settings_at
from miyabi.sessions import list_sessions
from miyabi.settings import Settings
from miyabi.views import MachineSessions, Sessions, SessionView

_HEADINGS = ("  run", "task", "attempt", "state", "output")


@click.command(help="List the sessions that live on the machines of the fleet.")
@repository_option
@config_option
@click.option("--all", "ended_too", is_flag=True, help="Ended sessions too.")
@json_options(Sessions)
def sessions(*, repository: Path, config: Path | None, ended_too: bool, as_json: bool) -> ExitCode:
    """Print the sessions of each machine, and why where one does not answer: exit code 1 then.

    Raises:
        BadInput: no such folder or configuration, or the repository cannot be used; none need be there.
    """
    _, settings = asyncio.run(settings_at(repository, config=config))
    answers = asyncio.run(_ask_all(settings, ended_too=ended_too))
    if as_json:
        click.echo(Sessions(machines=tuple(answers)).to_json())
    else:
        _show(answers)
    return ExitCode.FAILED if any(each.error for each in answers) else ExitCode.SUCCEEDED


def _show(answers: list[MachineSessions]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for each in answers:
        if each.error:
            console.print(escape(f"{each.machine}: {each.error}"))
            continue
        console.print(f"{each.machine}: {each.taken} of {each.slots} slots taken")
        if each.sessions:
            console.print(_table(each.sessions, console))


async def _ask_all(settings: Settings, *, ended_too: bool) -> list[MachineSessions]:
    return await asyncio.gather(*(_ask(machine, ended_too=ended_too) for machine in settings.machines))


async def _ask(machine: Machine, *, ended_too: bool) -> MachineSessions:
    try:
        async with opened_host(machine) as host:
            found = await list_sessions(host, workspace=machine.workspace)
    except MachineError as error:
        return MachineSessions.unanswered(machine, error)
    return MachineSessions.of(machine, found, ended_too=ended_too)


def _table(shown: tuple[SessionView, ...], console: Console) -> Table:
    rows = [_cells(session) for session in shown]
    return fitted_table(
        _HEADINGS,
        rows,
        width=console.width,
        right={"attempt", "output"},
        flexible={"  run": 12, "task": 12},
        encoding=console.encoding,
    )


def _cells(session: SessionView) -> tuple[str, ...]:
    attempt = "ahead" if session.attempt is None else str(session.attempt)
    state = "set-up" if session.sets_up else session.state
    return f"  {session.run}", session.task, attempt, state, _size(session.output_bytes)


def _size(octets: int) -> str:
    return f"{octets / 1000:,.1f} kB"
