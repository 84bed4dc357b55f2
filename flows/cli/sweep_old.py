"""`miyabi sweep --old`: what nobody has used for `keep_days` goes away, and nothing whose work is nowhere else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import click

from flows.cli.exit_code import ExitCode
from miyabi.errors import MachineError
from miyabi.git import Repository
from miyabi.machines import Host, Machine, opened_host
from miyabi.runs import OldRun, old_runs, open_repository, runs_on, sweep_machine, unused_folders
from miyabi.settings import Settings
from miyabi.text import count


def sweep_old(repository: Path, *, config: Path | None, dry_run: bool) -> ExitCode:
    """Removes, on every machine, the old runs of the repository, and stores and caches that nobody has used since.

    Prints a line for each. With `dry_run` it only says so. Exit code 1 where a machine is not clean now.

    Raises:
        BadInput: no such repository or configuration.
    """
    repo, settings = asyncio.run(open_repository(repository, config=config))
    keep_days = settings.runs.keep_days
    old = old_runs(repo.root, keep_days=keep_days, now=time.time())
    for each in old:
        if each.kept:
            click.echo(f"{each.run}: kept, though it ended {_ago(each)}: {each.kept}")
    runs = [each for each in old if not each.kept]
    swept = asyncio.run(_on_all(settings, repo, runs, dry_run=dry_run))
    if not any(lines for lines, _ in swept):
        click.echo(f"nothing there is older than {keep_days:g} days")
    return ExitCode.SUCCEEDED if all(is_clean for _, is_clean in swept) else ExitCode.FAILED


async def _on_all(
    settings: Settings, repo: Repository, runs: Sequence[OldRun], *, dry_run: bool
) -> list[tuple[int, bool]]:
    async def one(machine: Machine) -> tuple[int, bool]:
        try:
            async with opened_host(machine) as host:
                are_clean = [each async for each in _on(machine, host, settings, repo, runs, dry_run=dry_run)]
        except MachineError as error:
            click.echo(f"{machine.name}: not swept: {error}")
            return 1, False
        return len(are_clean), all(are_clean)

    return await asyncio.gather(*map(one, settings.machines))


async def _on(
    machine: Machine, host: Host, settings: Settings, repo: Repository, runs: Sequence[OldRun], *, dry_run: bool
) -> AsyncIterator[bool]:
    """Whether each thing that is old there is gone now, or would be."""
    there = await runs_on(machine, host)
    for each in runs:
        if each.run not in there:
            continue
        if dry_run:
            click.echo(f"{machine.name}: would sweep run {each.run}, which ended {_ago(each)}")
            yield True
            continue
        swept = await sweep_machine(machine, host, repo, run=each.run, settings=settings)
        click.echo(f"{swept.sentence} of run {each.run}")
        yield swept.is_clean
    for path, mib in await unused_folders(machine, host, keep_days=settings.runs.keep_days, removes=not dry_run):
        click.echo(f"{machine.name}: {'would remove' if dry_run else 'removed'} {path}, {mib} MiB")
        yield True


def _ago(run: OldRun) -> str:
    return f"{count(int(run.days), 'day')} ago"
