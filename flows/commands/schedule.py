"""`miyabi schedule`: what would happen, without doing any of it."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from miyabi.dag import Dag
from miyabi.placement import Strategy
from miyabi.plan import Plan, simulate
from miyabi.settings import Settings


def show_schedule(*, tasks: Path, repository: Path, config: Path | None, strategy: str | None) -> None:
    """Prints order, levels, critical path, placement and expected length. Raises BadInput like a real run."""
    dag = Dag.load(tasks)
    runs = {"strategy": strategy} if strategy else None
    settings = Settings.load(repository, config=config, runs=runs)
    plan = simulate(dag, settings.machines, strategy=Strategy(settings.runs.strategy))
    console = Console(highlight=False)
    for warning in dag.warnings:
        console.print(f"[yellow]warning[/] {escape(warning)}")
    console.print(_table(dag, plan))
    console.print(_summary(dag, plan))


def _table(dag: Dag, plan: Plan) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("#", "task", "level", "machine", "start", "end", "waits for", "title"):
        table.add_column(heading, justify="right" if heading in {"#", "level", "start", "end"} else "left")
    level = {task: number for number, tasks in enumerate(dag.levels) for task in tasks}
    critical = set(dag.critical_path)
    for number, row in enumerate(plan.rows, 1):
        node = dag.by_id[row.task]
        name = f"[bold]{row.task}[/]" if row.task in critical else row.task
        waits = ", ".join(dag.dependencies(row.task))
        times = (f"{row.start_minutes:g} min", f"{row.end_minutes:g} min")
        table.add_row(str(number), name, str(level[row.task]), row.machine, *times, waits, escape(node.title))
    return table


def _summary(dag: Dag, plan: Plan) -> str:
    lines = [
        "",
        f"levels         {' | '.join(' '.join(level) for level in dag.levels)}",
        f"critical path  {' -> '.join(dag.critical_path)} ({dag.remaining_minutes[dag.critical_path[0]]:g} min)",
        f"expected       {plan.makespan_minutes:g} min, not below {plan.bound_minutes:g} min on these slots",
    ]
    lines += [f"[red]no machine[/]     {escape(sentence)}" for sentence in plan.unplaceable]
    return "\n".join(lines)
