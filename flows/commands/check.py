"""`miyabi check`: whether each machine can take sessions, and if not, why and what to do."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from flows.commands.place import repository_root
from flows.installed import schedule_fault
from miyabi.errors import MachineError
from miyabi.hosts import open_host
from miyabi.machine import Machine
from miyabi.preflight import check
from miyabi.settings import Settings
from miyabi.wording import count


def check_machines(*, repository: Path, config: Path | None, rehearse: bool) -> int:
    """Exit code 0 where every machine can take sessions, else 1; prints a line a machine."""
    if fault := schedule_fault():
        click.echo(f"warning: {fault}", err=True)
    settings = Settings.load(repository_root(repository), config=config)
    answers = asyncio.run(_ask_all(settings, rehearse=rehearse))
    for fit, line in answers:
        click.echo(f"{'ok  ' if fit else 'FAIL'}  {line}")
    return 0 if all(fit for fit, _ in answers) else 1


async def _ask_all(settings: Settings, *, rehearse: bool) -> list[tuple[bool, str]]:
    return await asyncio.gather(*(_ask(machine, settings, rehearse=rehearse) for machine in settings.machines))


async def _ask(machine: Machine, settings: Settings, *, rehearse: bool) -> tuple[bool, str]:
    host = open_host(machine)
    try:
        fit = await check(machine, host, settings, rehearse=rehearse)
    except MachineError as error:
        return False, str(error)
    finally:
        await host.close()
    slots = count(machine.slots, "slot")
    free = "free space unknown" if fit.free_mib is None else f"{fit.free_mib / 1024:.0f} GiB free"
    return True, f"{machine.name}: {slots}, {fit.system}, git {fit.git}, claude {fit.claude}, {free}"
