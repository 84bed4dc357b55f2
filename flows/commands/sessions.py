"""`miyabi sessions`: what lives on the machines, asked of the machines."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from miyabi.errors import MachineError
from miyabi.hosts import open_host
from miyabi.machine import Machine
from miyabi.remote import list_sessions
from miyabi.session_status import State
from miyabi.settings import Settings

_LIVE = {State.RUNNING, State.ORPHAN}


def show_sessions(*, repository: Path, config: Path | None, ended_too: bool) -> None:
    """Prints a line a session, and a line for each machine that does not answer."""
    settings = Settings.load(repository, config=config)
    for lines in asyncio.run(_ask_all(settings, ended_too=ended_too)):
        click.echo("\n".join(lines))


async def _ask_all(settings: Settings, *, ended_too: bool) -> list[list[str]]:
    return await asyncio.gather(*(_ask(machine, ended_too=ended_too) for machine in settings.machines))


async def _ask(machine: Machine, *, ended_too: bool) -> list[str]:
    host = open_host(machine)
    try:
        found = await list_sessions(host, workspace=machine.workspace)
    except MachineError as error:
        return [f"{machine.name}: {error}"]
    finally:
        await host.close()
    live = sum(status.state in _LIVE for _, status in found)
    shown = [(name, status) for name, status in found if ended_too or status.state in _LIVE]
    lines = [f"  {name:<48} {status.state:<8} {status.out_bytes:>10} bytes" for name, status in shown]
    return [f"{machine.name}: {live} of {machine.slots} slots", *lines]
