"""`miyabi sweep`: what a run made on the machines goes away, and nothing else."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from flows.cli.completing import complete_run
from flows.cli.exit_code import ExitCode
from flows.cli.options import config_option, repository_option
from flows.cli.sweep_old import sweep_old
from miyabi.errors import BadInput
from miyabi.git import Repository, submodules_of
from miyabi.machines import Machine, opened_host
from miyabi.runs import (
    RunFolder,
    RunInfo,
    Swept,
    left_there,
    not_collected,
    note_swept,
    open_repository,
    sweep_machine,
    valid_run_name,
)
from miyabi.settings import Settings


@click.command(help="Remove what a run made on the machines: checkouts and session folders. Touches nothing else.")
@click.argument("run", required=False, shell_complete=complete_run)
@repository_option
@config_option
@click.option("--branches", is_flag=True, help="The run's branches in the repository too.")
@click.option("--old", is_flag=True, help="In place of RUN: all that ended, or was not used, for runs.keep_days.")
@click.option("--dry-run", is_flag=True, help="With --old: only say what would go.")
@click.option("--yes", is_flag=True, help="Do not ask before branches, or work that is not home, are deleted.")
def sweep(
    *, run: str | None, repository: Path, config: Path | None, branches: bool, old: bool, dry_run: bool, yes: bool
) -> ExitCode:
    """Remove what one run made, or what is old; exit code 1 where a machine is not clean now.

    Raises:
        BadInput: neither a run nor `--old` is given, or both are; or as `_sweep_run` or `sweep_old`.
    """
    if old and (run or branches or yes):
        raise BadInput("--old is for all that is old, and removes no branches: give no run, --branches or --yes")
    if old:
        return sweep_old(repository, config=config, dry_run=dry_run)
    if run is None or dry_run:
        raise BadInput("--dry-run goes with --old alone" if run else "name the run to sweep, or give --old")
    return _sweep_run(run, repository, config=config, branches=branches, yes=yes)


def _sweep_run(run: str, repository: Path, *, config: Path | None, branches: bool, yes: bool) -> ExitCode:
    """Remove the run's checkouts and session folders on every machine; exit code 1 where one is not clean now.

    The repository's own branches go only with `branches`, after a question; commits that are on no other branch
    are lost with them. A session that still lives is left alone and named. Work that is not here goes only after a
    question too, and so do files that were too large or too many to bring; where the run's folder is gone, nobody
    knows what is here, and sessions go only with `yes`.

    Raises:
        BadInput: no such run name, repository or configuration; the run is being worked on; or nothing of such a run is
            anywhere.
    """
    repo, settings = asyncio.run(open_repository(repository, config=config))
    folder = RunFolder(repo.root, valid_run_name(run))
    folder.require_rest()
    if not yes and not _may_go(folder):
        click.echo(f"nothing swept. {_how_to_keep(folder)}")
        return ExitCode.FAILED
    info = _info(folder)
    there = asyncio.run(_sweep_all(settings, repo, run, is_known=yes or info is not None))
    for machine, its in zip(settings.machines, there, strict=True):
        if its.is_clean:
            note_swept(folder, machine.name)
    swept = [*there, *_missing(settings, info)]
    if not folder.path.exists() and not any(each.is_there for each in swept):
        _require_branches(repo, folder)
    for each in swept:
        click.echo(each.sentence)
    if branches:
        for whose in asyncio.run(_with_submodules(repo, run, info)):
            _sweep_branches(whose, run, yes=yes)
    if folder.path.exists():
        click.echo(f"kept: report and streams in {folder.path}")
    return ExitCode.SUCCEEDED if all(each.is_clean for each in swept) else ExitCode.FAILED


def _require_branches(repo: Repository, folder: RunFolder) -> None:
    """Checks that a run that has no folder any more, nor anything on a machine, has branches here."""
    if not asyncio.run(repo.branches(f"miyabi/{folder.run}/")):
        raise folder.unknown()


def _may_go(folder: RunFolder) -> bool:
    left, large = not_collected(folder), left_there(folder)
    if not left and not large:
        return True
    if left:
        click.echo(f"not home yet: the work of {', '.join(left)}", err=True)
    for message in large:
        click.echo(message, err=True)
    return sys.stdin.isatty() and click.confirm("Sweep all the same? That work is lost then.")


def _how_to_keep(folder: RunFolder) -> str:
    if not_collected(folder):
        return f"To bring that work home: miyabi orchestrate --run {folder.run}"
    return f"Copy what you need from there (scp), then: miyabi sweep {folder.run} --yes"


def _info(folder: RunFolder) -> RunInfo | None:
    """What the run was started with, None where nothing here says it: then what it made goes only with `yes`."""
    try:
        return folder.info() if folder.info_file.exists() else None
    except BadInput as error:
        click.echo(f"warning: {error}", err=True)
        return None


def _missing(settings: Settings, info: RunInfo | None) -> list[Swept]:
    """The machines that the run had and the configuration has no more."""
    known = {machine.name for machine in settings.machines}
    had = info.machines if info else ()
    message = "not swept: it is not in the configuration. Put it back there, then sweep again"
    return [Swept(False, f"{machine.name}: {message}") for machine in had if machine.name not in known]


async def _sweep_all(settings: Settings, repo: Repository, run: str, *, is_known: bool) -> list[Swept]:
    async def swept(machine: Machine) -> Swept:
        async with opened_host(machine) as host:
            return await sweep_machine(machine, host, repo, run=run, settings=settings, is_known=is_known)

    return await asyncio.gather(*map(swept, settings.machines))


async def _with_submodules(repo: Repository, run: str, info: RunInfo | None) -> list[Repository]:
    """The repository after those of the submodules that the run began with or its branches name."""
    began = {info.base} if info else set()
    commits = await repo.contains({*began, *(await repo.branches(f"miyabi/{run}/")).values()})
    found = [each.repository for commit in commits for each in (await submodules_of(repo, commit)).filled]
    return [*dict.fromkeys(found), repo]


def _sweep_branches(repo: Repository, run: str, *, yes: bool) -> None:
    names = sorted(asyncio.run(repo.branches(f"miyabi/{run}/")))
    which = f"miyabi/{run}/* ({len(names)})"
    if names and (yes or click.confirm(f"Delete the branches {which} in {repo.root}?")):
        asyncio.run(repo.delete_branches(names))
        click.echo(f"deleted the branches {which} in {repo.root}")
