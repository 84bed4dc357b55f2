"""`miyabi check`: whether each machine can take sessions, and if not, why and what to do."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from flows.cli.exit_code import ExitCode
from flows.cli.installed import schedule_fault
from flows.cli.options import config_option, repository_option
from flows.cli.prepare import hosts_of, reach_server
from flows.cli.proxies import exempt_from_proxies
from miyabi.errors import BaseMissing, MachineError, ServerError
from miyabi.git import Repository, filters, missing_lfs_objects
from miyabi.machines import Machine, opened_host
from miyabi.runs import MachineReport, check_machine, differing_versions, open_repository, require_copies
from miyabi.settings import CONFIG_FILE, Settings
from miyabi.text import count


@click.command(help="Ask every machine whether it can take sessions.")
@repository_option
@config_option
@click.option("--rehearse", is_flag=True, help="Do not ask for claude.")
def check(*, repository: Path, config: Path | None, rehearse: bool) -> ExitCode:
    """Exit code 0 where every machine can take sessions, else 1; prints a line a machine."""
    if fault := schedule_fault():
        click.echo(f"warning: {fault}", err=True)
    opened, settings = asyncio.run(open_repository(repository, config=config))
    needed, lacking = asyncio.run(_needed(opened, settings))
    unmatched = asyncio.run(require_copies(opened, settings, file=config or opened.root / CONFIG_FILE))
    for sentence in (*lacking, *unmatched):
        click.echo(f"warning: {sentence}", err=True)
    answers = asyncio.run(_ask_all(settings, rehearse=rehearse, out=_taken_out(settings), needed=needed))
    for sentence in [] if rehearse else differing_versions([fit for fit, _ in answers if fit]):
        click.echo(f"warning: {sentence}", err=True)
    for fit, line in answers:
        click.echo(f"{'ok  ' if fit else 'FAIL'}  {line}")
    return ExitCode.SUCCEEDED if all(fit for fit, _ in answers) else ExitCode.FAILED


async def _needed(repository: Repository, settings: Settings) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The filters that the files of the base need, and a sentence where LFS objects of it are not here."""
    try:
        base = await repository.resolve(settings.runs.base)
    except BaseMissing:  # a run says it, which may have another one
        return (), ()
    needed = await filters.needed(repository.git, base)
    return needed, await missing_lfs_objects(repository, base) if filters.LFS in needed else ()


def _taken_out(settings: Settings) -> dict[str, MachineError]:
    """By name: why an operator lets machines take nothing in Prefect. Where there is no server there are none."""
    exempt_from_proxies(hosts_of(settings.machines))
    try:
        if not reach_server():
            return {}
        from tasks.concurrency import machines_taken_out  # noqa: PLC0415 - Prefect is imported once its settings stand

        return {error.machine: error for error in asyncio.run(machines_taken_out(settings.machines))}
    except ServerError as error:
        click.echo(f"warning: {error}", err=True)
        return {}


async def _ask_all(
    settings: Settings, *, rehearse: bool, out: Mapping[str, MachineError], needed: Sequence[str]
) -> list[tuple[MachineReport | None, str]]:
    asked = (_ask(machine, settings, rehearse=rehearse, out=out, needed=needed) for machine in settings.machines)
    return await asyncio.gather(*asked)


async def _ask(
    machine: Machine, settings: Settings, *, rehearse: bool, out: Mapping[str, MachineError], needed: Sequence[str]
) -> tuple[MachineReport | None, str]:
    if machine.name in out:
        return None, str(out[machine.name])
    try:
        async with opened_host(machine) as host:
            fit = await check_machine(machine, host, settings, rehearse=rehearse, filters=needed)
    except MachineError as error:
        return None, str(error)
    slots = count(machine.slots, "slot")
    free = "free space unknown" if fit.free_mib is None else f"{fit.free_mib / 1024:.0f} GiB free"
    for sentence in fit.lacks:
        click.echo(f"warning: {sentence}", err=True)
    return fit, f"{machine.name}: {slots}, {fit.system}, git {fit.git}, claude {fit.claude}, {free}"
