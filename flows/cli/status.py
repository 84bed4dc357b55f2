"""`miyabi status`: how one run stands, while it runs and afterwards."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from flows.cli.completing import complete_run
from flows.cli.exit_code import ExitCode
from flows.cli.json_output import json_options
from flows.cli.options import config_option, repository_option
from flows.cli.tables import has_width, table_console
from flows.cli.task_table import task_table
from miyabi.errors import BadInput, SettingsError
from miyabi.git import existing_folder
from miyabi.runs import RunFolder, settings_at
from miyabi.settings import Settings
from miyabi.text import count, dollars, duration
from miyabi.views import RunState, RunStatus, view_status

_LABEL = 12


@click.command(
    help="Show how a run stands: its tasks, what waits and why. Exit code 0: ended well, 1: not so, 8: it runs still, "
    "130: interrupted."
)
@click.argument("run", required=False, shell_complete=complete_run)
@repository_option
@config_option
@json_options(RunStatus)
def status(*, run: str | None, repository: Path, config: Path | None, as_json: bool) -> ExitCode:
    """Print the tasks of a run, of the latest where none is named; the exit code says how the run stands.

    Raises:
        BadInput: no such folder or run, or the run's DAG is damaged.
    """
    root, settings = _settings(repository, config=config)
    found = view_status(RunFolder.find(root, run) if run else _latest(root), settings=settings)
    if as_json:
        click.echo(found.to_json())
    else:
        _show(found)
    return _code(found)


def _settings(repository: Path, *, config: Path | None) -> tuple[Path, Settings | None]:
    """The root of the repository, and its settings where they can be used: a run is shown without them too."""
    try:
        return asyncio.run(settings_at(repository, config=config))
    except SettingsError as error:
        click.echo(f"warning: {error}", err=True)
        here = existing_folder(repository)
        return next((each for each in (here, *here.parents) if (each / ".miyabi").exists()), here), None


def _latest(root: Path) -> RunFolder:
    runs = RunFolder.by_start(root)
    if not runs:
        raise BadInput(f"no runs in {root} yet. To begin one: miyabi orchestrate tasks.json")
    return runs[-1]


def _code(found: RunStatus) -> ExitCode:
    of_state = {RunState.RUNNING: ExitCode.RUNNING, RunState.INTERRUPTED: ExitCode.INTERRUPTED}
    return of_state.get(found.run.state, ExitCode.SUCCEEDED if found.run.is_good else ExitCode.FAILED)


def _show(found: RunStatus) -> None:
    console, run = table_console(), found.run
    for line in (_headline(found), found.budget, found.note):
        if line:
            console.print(line, soft_wrap=not has_width(console), markup=False)
    console.print(task_table(found.tasks, console))
    for label, text in (("branch", run.branch), *(("pull request", each) for each in run.pull_requests)):
        if text:
            console.print(f"{label:<{_LABEL}}{text}", soft_wrap=True, markup=False)
    if run.next_command:
        console.print(f"{run.next_step or '':<{_LABEL}}{run.next_command}", soft_wrap=True, markup=False)


def _headline(found: RunStatus) -> str:
    """The run, where it is, how its tasks stand, what it costs and how long it may take, as far as that is known."""
    run, tasks = found.run, found.run.tasks
    kind = "rehearsal" if run.rehearsal else "run"
    if run.state is RunState.DAMAGED:
        return f"{kind} {run.run}: {run.state}"
    numbers = {name: getattr(tasks, name) for name in ("succeeded", "failed", "skipped", "working", "waiting")}
    said = ", ".join(f"{number:,} {name}" for name, number in numbers.items() if number)
    cost = dollars(run.cost_usd, is_partial=run.cost_is_partial)
    left = f"; about {duration(found.seconds_left)} left" if found.seconds_left is not None else ""
    lasted = f" after {duration(run.seconds)}" if run.is_over else f" for {duration(run.seconds)}"
    return f"{kind} {run.run}: {run.state}{lasted}; {count(tasks.total, 'task')}: {said}; {cost}{left}"
