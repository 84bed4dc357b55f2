"""`miyabi check`: whether each machine can take sessions, and if not, why and what to do."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import click

from flows.commands.place import repository_root
from flows.commands.ready import hosts_of, reach_server
from flows.installed import schedule_fault
from flows.proxies import exempt_from_proxies
from miyabi.errors import MachineError, ServerError
from miyabi.hosts import open_host
from miyabi.machine import Machine
from miyabi.preflight import check
from miyabi.settings import Settings
from miyabi.settings_file import require_checked_out
from miyabi.wording import count


def check_machines(*, repository: Path, config: Path | None, rehearse: bool) -> int:
    """Exit code 0 where every machine can take sessions, else 1; prints a line a machine."""
    if fault := schedule_fault():
        click.echo(f"warning: {fault}", err=True)
    root = repository_root(repository)
    asyncio.run(require_checked_out(root, config=config))
    settings = Settings.load(root, config=config)
    answers = asyncio.run(_ask_all(settings, rehearse=rehearse, out=_taken_out(settings)))
    for fit, line in answers:
        click.echo(f"{'ok  ' if fit else 'FAIL'}  {line}")
    return 0 if all(fit for fit, _ in answers) else 1


def _taken_out(settings: Settings) -> dict[str, MachineError]:
    """By name: why an operator lets machines take nothing in Prefect. Where there is no server there are none."""
    exempt_from_proxies(hosts_of(settings.machines))
    try:
        if not reach_server():
            return {}
        from tasks.limits import machines_taken_out  # noqa: PLC0415 - Prefect is imported once its settings stand

        return {error.machine: error for error in asyncio.run(machines_taken_out(settings.machines))}
    except ServerError as error:
        click.echo(f"warning: {error}", err=True)
        return {}


async def _ask_all(settings: Settings, *, rehearse: bool, out: Mapping[str, MachineError]) -> list[tuple[bool, str]]:
    return await asyncio.gather(*(_ask(machine, settings, rehearse=rehearse, out=out) for machine in settings.machines))


async def _ask(
    machine: Machine, settings: Settings, *, rehearse: bool, out: Mapping[str, MachineError]
) -> tuple[bool, str]:
    if machine.name in out:
        return False, str(out[machine.name])
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
