"""`miyabi runs`: all runs of a repository, and what is to be done about each."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from flows.cli.json_output import json_options
from flows.cli.options import repository_option
from flows.cli.tables import fitted_table, table_console
from miyabi.errors import OutsideRepository
from miyabi.git import Repository, existing_folder
from miyabi.text import cost, count
from miyabi.views import NextStep, Runs, RunState, RunView

_LATEST = 20
_HEADINGS = ("run", "state", "started", "ok", "failed", "skipped", "left", "cost", "pull request", "next")
_OPTIONAL = {"failed", "skipped", "left", "cost", "pull request"}
"""Columns that are left out where they say nothing of any run."""
_FIGURES = frozenset({"ok", "failed", "skipped", "left", "cost"})
_FLEXIBLE = {"run": 12, "state": 7, "started": 6}
_STYLE = {
    RunState.RUNNING: "bold cyan",
    RunState.ENDED: "yellow",
    RunState.INTERRUPTED: "red",
    RunState.DAMAGED: "red",
}
_BY_COMMAND = {
    NextStep.WATCH: "miyabi status RUN",
    NextStep.GO_ON: "miyabi orchestrate --run RUN",
    NextStep.RETRY: "miyabi retry RUN",
    NextStep.MERGE: "git merge miyabi/RUN/_integration",
    NextStep.SWEEP: "miyabi sweep RUN --branches",
}


@click.command(help="List the runs of this repository: how each stands, and what to do next.")
@repository_option
@click.option("--all", "is_all", is_flag=True, help=f"All of them.  [default: the latest {_LATEST}]")
@json_options(Runs)
def runs(*, repository: Path, is_all: bool, as_json: bool) -> None:
    """Print a line a run, the latest first.

    Raises:
        BadInput: there is no such folder.
    """
    found = Runs.read(asyncio.run(_root(repository)), most=None if is_all else _LATEST)
    if as_json:
        click.echo(found.to_json())
        return
    console = table_console()
    if not found.runs:
        console.print(f"no runs in {found.repository} yet. To begin one: miyabi orchestrate tasks.json", soft_wrap=True)
        return
    console.print(_table(found.runs, console))
    for line in _advice(found):
        console.print(line, soft_wrap=True, markup=False)


async def _root(repository: Path) -> Path:
    try:
        return (await Repository.open(repository)).root
    except OutsideRepository:
        return existing_folder(repository)


def _table(shown: tuple[RunView, ...], console: Console) -> Table:
    rows = [_cells(run) for run in shown]
    used = [at for at, heading in enumerate(_HEADINGS) if heading not in _OPTIONAL or any(row[at] for row in rows)]
    return fitted_table(
        [_HEADINGS[at] for at in used],
        [[row[at] for at in used] for row in rows],
        width=console.width,
        right=_FIGURES,
        flexible=_FLEXIBLE,
        encoding=console.encoding,
    )


def _cells(run: RunView) -> tuple[str, ...]:
    tasks, style = run.tasks, "green" if run.is_good else _STYLE[run.state]
    left = tasks.working + tasks.waiting
    pulls = ", ".join(f"#{each.rpartition('/')[2].lstrip('#')}" for each in run.pull_requests)
    return (
        run.run,
        f"[{style}]{run.state}[/]",
        run.started.astimezone().strftime("%d %b %H:%M") if run.started else "",
        f"{tasks.succeeded}/{tasks.total}",
        str(tasks.failed or ""),
        str(tasks.skipped or ""),
        str(left or ""),
        f"{'≥ ' if run.cost_is_partial else ''}${cost(run.cost_usd)}" if run.cost_usd else "",
        pulls,
        run.next_step or "",
    )


def _advice(found: Runs) -> Iterator[str]:
    """How to do what the last column says."""
    steps = {run.next_step for run in found.runs}
    yield ""
    for step, command in _BY_COMMAND.items():
        if step in steps:
            yield f"{step:<8}{command}"
    for run in found.runs:
        if run.next_step in {NextStep.REVIEW, NextStep.MEND}:
            yield f"{run.next_step:<8}{run.run}: {run.next_command}"
    if found.others:
        yield f"and {count(found.others, 'earlier run')}: miyabi runs --all"
