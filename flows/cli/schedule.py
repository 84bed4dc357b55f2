"""`miyabi schedule`: what would happen, without doing any of it."""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from flows.cli.json_output import json_options
from flows.cli.options import PATH, config_option, repository_option, strategy_option
from flows.cli.tables import fitted_table, has_width, table_console
from miyabi.dag import Dag, Plan, Unfinished, simulate, unfinished
from miyabi.errors import LedgerUnusable
from miyabi.machines import Strategy
from miyabi.runs import BudgetRow, Forecast, Spread, budgets_before, earlier_tasks, forecast, settings_at
from miyabi.settings import Settings
from miyabi.text import cost, count, dollars, duration
from miyabi.views import Schedule, view_schedule

_HEADINGS = ("#", "task", "level", "machine", "start", "end", "waits for", "title")
_FLEXIBLE = {"task": 12, "machine": 8, "waits for": 12, "title": 12}
_STYLE = {"held": "yellow", "no machine": "red"}
_FIGURES = frozenset({"#", "level", "start", "end"})
_LABEL = 15
"""Columns before what a line below the table says."""


@click.command(help="Show order, levels, critical path, who would run where and how long it takes. Runs nothing.")
@click.argument("tasks", type=PATH)
@repository_option
@config_option
@strategy_option
@json_options(Schedule)
def schedule(*, tasks: Path, repository: Path, config: Path | None, strategy: str | None, as_json: bool) -> None:
    """Print order, levels, critical path, placement and expected length.

    Raises:
        BadInput: as a real run, but for a folder that is in no repository.
    """
    given = unfinished(Dag.load(tasks))
    dag = given.dag
    runs = {"strategy": strategy} if strategy else None
    root, settings = asyncio.run(settings_at(repository, config=config, runs=runs))
    plan = simulate(dag, settings.machines, strategy=Strategy(settings.runs.strategy))
    foreseen = forecast(dag, earlier_tasks(root), machines=settings.machines, strategy=settings.runs.strategy)
    budgets, unknown = _budgets_before(root, settings)
    if as_json:
        if unknown:
            click.echo(f"warning: {unknown}", err=True)
        click.echo(view_schedule(given, plan, foreseen=foreseen, budgets=budgets).to_json())
        return
    console = table_console()
    for warning in dag.warnings:
        console.print(f"[yellow]warning[/] {escape(warning)}", soft_wrap=True)
    console.print(_table(dag, plan, console))
    console.print()
    spent = ("budget", unknown) if unknown else None
    lines = (*_summary(dag, plan), *_forecast(foreseen), *([spent] if spent else _budgets(budgets, foreseen)))
    for label, text in (*lines, *_not_scheduled(given)):
        console.print(_line(label, text, width=console.width if has_width(console) else None), soft_wrap=True)


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


def _line(label: str, text: str, *, width: int | None) -> Text:
    """A label and its text, which goes on below itself where the terminal ends; no width: it never ends."""
    wrap = partial(textwrap.wrap, break_long_words=False, break_on_hyphens=False)
    lines = wrap(text, max(1, width - _LABEL)) if width else [text]
    line = Text(label.ljust(_LABEL) + f"\n{' ' * _LABEL}".join(lines))
    line.stylize(_STYLE.get(label, ""), 0, len(label))
    return line


def _not_scheduled(given: Unfinished) -> Iterator[tuple[str, str]]:
    for what, these in (("done", given.done), ("cancelled", given.cancelled)):
        if these:
            yield what, " ".join(these)
    yield from (("held", f"{task} {given.reason(task)}") for task in given.held)


def _forecast(foreseen: Forecast | None) -> Iterator[tuple[str, str]]:
    """What earlier runs of the repository say of these tasks: of each type, and of all together."""
    if foreseen is None:
        return
    for each in foreseen.types:
        earlier = f"{count(each.earlier, 'task')} in {count(each.runs, 'run')}"
        of_one = f"a {each.type} task: {_money(each.usd)}, {_time(each.seconds)}"
        yield "forecast", f"{of_one}; by {earlier}, for {count(each.tasks, 'task')} here"
    left_out = count(len(foreseen.unknown), "task")
    but = f"; without the cost of {left_out} of types that no earlier run had" if foreseen.unknown else ""
    minutes = Spread(median=60 * foreseen.minutes.median, p90=60 * foreseen.minutes.p90)
    yield "forecast", f"all of it: {_money(foreseen.usd)}, {_time(minutes)}{but}"


def _money(usd: Spread) -> str:
    return f"{dollars(usd.median)} (p90 {cost(usd.p90)})"


def _time(seconds: Spread) -> str:
    return f"{duration(seconds.median)} (p90 {duration(seconds.p90)})"


def _budgets_before(root: Path, settings: Settings) -> tuple[tuple[BudgetRow, ...], str]:
    """What is spent already of the budgets that would hold; or why that is not known."""
    try:
        use = budgets_before(root, settings)
    except LedgerUnusable as error:
        return (), str(error)
    return (use.rows if use else ()), ""


def _budgets(rows: Sequence[BudgetRow], foreseen: Forecast | None) -> Iterator[tuple[str, str]]:
    """What is spent already, and which of the budgets may not be enough."""
    for row in rows:
        is_money = row.setting.endswith("_usd")
        less = [words for words, usd in _foreseen_usd(foreseen) if is_money and row.rest < usd]
        yield "budget", f"{row.whose}: {row.amounts} are spent{f'; less is left than {less[0]}' if less else ''}"


def _foreseen_usd(foreseen: Forecast | None) -> Iterator[tuple[str, float]]:
    if foreseen:
        yield "the median of the forecast", foreseen.usd.median
        yield "the p90 of the forecast", foreseen.usd.p90


def _summary(dag: Dag, plan: Plan) -> Iterator[tuple[str, str]]:
    path, minutes = dag.critical_path, dag.remaining_minutes[dag.critical_path[0]]
    yield "levels", " | ".join(" ".join(level) for level in dag.levels)
    yield "critical path", f"{' -> '.join(path)} ({minutes:g} min)"
    yield "expected", f"{plan.makespan_minutes:g} min, not below {plan.bound_minutes:g} min on these slots"
    yield from (("no machine", sentence) for sentence in plan.unplaceable)
