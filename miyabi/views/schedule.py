"""A run in thought: order, levels, critical path, placement, expected length, and what earlier runs let expect."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from miyabi.dag import Dag, Plan, TaskType, Unfinished
from miyabi.runs import BudgetRow, Forecast, Spread
from miyabi.views.answer import Answer, View


class PlannedTaskView(View):
    """One task, in the order in which they start. Times are minutes from the start of the run."""

    task: str
    title: str
    level: int = Field(description="How many tasks stand before it on the longest path to it")
    machine: str
    reason: str = Field(description="Why it would run there")
    start_minutes: float
    end_minutes: float
    waits_for: tuple[str, ...]
    is_critical: bool


class SpreadView(View):
    """The middle of some figures, and what nine of ten do not exceed."""

    median: float
    p90: float

    @classmethod
    def of(cls, spread: Spread) -> SpreadView:
        """Makes it of that spread."""
        return cls(median=spread.median, p90=spread.p90)


class TypeForecastView(View):
    """What earlier runs say of tasks of one type."""

    type: TaskType
    tasks: int = Field(description="How many of this type are to be done")
    earlier_tasks: int
    earlier_runs: int
    usd: SpreadView
    seconds: SpreadView


class ForecastView(View):
    """What earlier runs let expect."""

    types: tuple[TypeForecastView, ...]
    usd: SpreadView
    minutes: SpreadView
    unknown: tuple[str, ...] = Field(description="Tasks whose type no earlier run had: their cost is left out")


class Schedule(Answer):
    """What `miyabi schedule` says."""

    tasks: tuple[PlannedTaskView, ...]
    levels: tuple[tuple[str, ...], ...]
    critical_path: tuple[str, ...]
    expected_minutes: float
    bound_minutes: float = Field(description="What no order on these slots can beat")
    unplaceable: tuple[str, ...] = Field(description="A sentence for each task that no machine can take")
    done: tuple[str, ...] = Field((), description="Tasks that are not scheduled because they are done")
    cancelled: tuple[str, ...] = ()
    held: Mapping[str, str] = Field({}, description="By task, why it is not scheduled though nothing is done of it")
    warnings: tuple[str, ...] = ()
    forecast: ForecastView | None = None
    budgets: tuple[BudgetRow, ...] = Field((), description="What is spent already of the budgets that would hold")


def view_schedule(
    given: Unfinished, plan: Plan, *, foreseen: Forecast | None, budgets: tuple[BudgetRow, ...]
) -> Schedule:
    """Puts together what is planned, forecast and spent."""
    dag = given.dag
    return Schedule(
        tasks=_tasks(dag, plan),
        levels=dag.levels,
        critical_path=dag.critical_path,
        expected_minutes=plan.makespan_minutes,
        bound_minutes=plan.bound_minutes,
        unplaceable=plan.unplaceable,
        done=given.done,
        cancelled=given.cancelled,
        held={task: given.reason(task) for task in given.held},
        warnings=dag.warnings,
        forecast=_forecast(foreseen) if foreseen else None,
        budgets=budgets,
    )


def _tasks(dag: Dag, plan: Plan) -> tuple[PlannedTaskView, ...]:
    critical = set(dag.critical_path)
    level = {task: number for number, tasks in enumerate(dag.levels) for task in tasks}
    return tuple(
        PlannedTaskView(
            task=row.task,
            title=dag.by_id[row.task].title,
            level=level[row.task],
            machine=row.machine,
            reason=row.reason,
            start_minutes=row.start_minutes,
            end_minutes=row.end_minutes,
            waits_for=dag.dependencies(row.task),
            is_critical=row.task in critical,
        )
        for row in plan.rows
    )


def _forecast(foreseen: Forecast) -> ForecastView:
    return ForecastView(
        types=tuple(
            TypeForecastView(
                type=each.type,
                tasks=each.tasks,
                earlier_tasks=each.earlier,
                earlier_runs=each.runs,
                usd=SpreadView.of(each.usd),
                seconds=SpreadView.of(each.seconds),
            )
            for each in foreseen.types
        ),
        usd=SpreadView.of(foreseen.usd),
        minutes=SpreadView.of(foreseen.minutes),
        unknown=foreseen.unknown,
    )
