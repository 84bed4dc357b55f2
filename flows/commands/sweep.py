"""`miyabi sweep`: what a run made on the machines goes away, and nothing else."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from flows.commands.summary import FAILED, SUCCEEDED
from miyabi.hosts import open_host
from miyabi.repository import Repository
from miyabi.run_folder import RunFolder, valid_run_name
from miyabi.settings import Settings
from miyabi.sweeping import Swept, sweep_machine


def sweep_run(*, run: str, repository: Path, config: Path | None, branches: bool, yes: bool) -> int:
    """Removes the run's worktrees, branches and session folders on every machine; 1 where one is not clean now.

    The repository's own branches go only with `branches`, after a question; commits that are on no other branch
    are lost with them. A session that still lives is left alone and named.

    Raises:
        BadInput: no such run name, repository or configuration.
    """
    valid_run_name(run)
    repo = asyncio.run(Repository.open(repository))
    settings = Settings.load(repo.root, config=config)
    swept = asyncio.run(_sweep_all(settings, repo, run))
    for machine in swept:
        click.echo(machine.told)
    if branches:
        _sweep_branches(repo, run, yes=yes)
    folder = RunFolder(repo.root, run)
    if folder.path.exists():
        click.echo(f"kept: report and streams in {folder.path}")
    return SUCCEEDED if all(machine.is_clean for machine in swept) else FAILED


async def _sweep_all(settings: Settings, repo: Repository, run: str) -> list[Swept]:
    hosts = [open_host(machine) for machine in settings.machines]
    try:
        pairs = zip(settings.machines, hosts, strict=True)
        return await asyncio.gather(*(sweep_machine(machine, host, repo, run=run) for machine, host in pairs))
    finally:
        await asyncio.gather(*(host.close() for host in hosts))


def _sweep_branches(repo: Repository, run: str, *, yes: bool) -> None:
    names = sorted(asyncio.run(repo.branches(f"miyabi/{run}/")))
    which = f"miyabi/{run}/* ({len(names)})"
    if names and (yes or click.confirm(f"Delete the branches {which} in {repo.root}?")):
        asyncio.run(repo.delete_branches(names))
        click.echo(f"deleted the branches {which} in {repo.root}")
