"""`miyabi schedule`: what would happen, without doing any of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.cli.options import PATH, config_option, repository_option, strategy_option
from flows.cli.tables import fitted_table
from miyabi.dag import Dag, Plan, Unfinished, simulate, unfinished
from miyabi.machines import Strategy
from miyabi.runs import settings_at

_HEADINGS = ("#", "task", "level", "machine", "start", "end", "waits for", "title")
_FLEXIBLE = {"task": 12, "machine": 8, "waits for": 12, "title": 12}
_FIGURES = frozenset({"#", "level", "start", "end"})
_WIDE = 200


@click.command(help="Show order, levels, critical path, who would run where and how long it takes. Runs nothing.")
@click.argument("tasks", type=PATH)
@repository_option
@config_option
@strategy_option
def schedule(*, tasks: Path, repository: Path, config: Path | None, strategy: str | None) -> None:
    """Print order, levels, critical path, placement and expected length.

    Raises:
        BadInput: as a real run, but for a folder that is in no repository.
    """
    given = unfinished(Dag.load(tasks))
    dag = given.dag
    runs = {"strategy": strategy} if strategy else None
    settings = asyncio.run(settings_at(repository, config=config, runs=runs))
    plan = simulate(dag, settings.machines, strategy=Strategy(settings.runs.strategy))
    console = _console()
    for warning in dag.warnings:
        console.print(f"[yellow]warning[/] {escape(warning)}", soft_wrap=True)
    console.print(_table(dag, plan, console))
    console.print(_summary(dag, plan), soft_wrap=True)
    for line in _not_scheduled(given):
        console.print(line, soft_wrap=True)


def _console() -> Console:
    """As wide as the terminal; a file or a pipe has no width, so nothing is cut there."""
    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _WIDE
    return console


def _table(dag: Dag, plan: Plan, console: Console) -> Table:
    critical = set(dag.critical_path)
    level = {task: str(number) for number, tasks in enumerate(dag.levels) for task in tasks}
    rows = [
        (
            str(number),
            f"[bold]{row.task}[/]" if row.task in critical else row.task,
            level[row.task],
            row.machine,
            f"{row.start_minutes:g} min",
            f"{row.end_minutes:g} min",
            ", ".join(dag.dependencies(row.task)),
            escape(dag.by_id[row.task].title),
        )
        for number, row in enumerate(plan.rows, 1)
    ]
    return fitted_table(
        _HEADINGS,
        rows,
        width=console.width,
        right=_FIGURES,
        flexible=_FLEXIBLE,
        wrapped={"waits for"},
        encoding=console.encoding,
    )


def _not_scheduled(given: Unfinished) -> Iterator[str]:
    for what, these in (("done", given.done), ("cancelled", given.cancelled)):
        if these:
            yield f"{what:<13}  {' '.join(these)}"
    yield from (f"[yellow]held[/]           {task} {given.reason(task)}" for task in given.held)


def _summary(dag: Dag, plan: Plan) -> str:
    lines = [
        "",
        f"levels         {' | '.join(' '.join(level) for level in dag.levels)}",
        f"critical path  {' -> '.join(dag.critical_path)} ({dag.remaining_minutes[dag.critical_path[0]]:g} min)",
        f"expected       {plan.makespan_minutes:g} min, not below {plan.bound_minutes:g} min on these slots",
    ]
    lines += [f"[red]no machine[/]     {escape(sentence)}" for sentence in plan.unplaceable]
    return "\n".join(lines)
