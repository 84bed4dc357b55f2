"""Many results become one report: values to keep, compare and draw. Pure; `markdown` makes it readable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Self

from pydantic import Field

from miyabi.dag import Dag
from miyabi.reports import rows
from miyabi.reports.reviews import ReviewRow, of_reviews, reviews
from miyabi.reports.rows import (
    ChangedFile,
    Elsewhere,
    Failure,
    MachineRow,
    Quotation,
    ReportRow,
    Resolution,
    Skipped,
    Slotted,
    TaskRow,
    TimelineEntry,
)
from miyabi.runs import BudgetRow
from miyabi.sessions import Outcome, SessionResult, Usage, is_resolving, printer_of
from miyabi.text import redact

__all__ = [
    "ChangedFile",
    "Elsewhere",
    "Failure",
    "MachineRow",
    "Quotation",
    "Report",
    "Resolution",
    "ReviewRow",
    "Skipped",
    "Slotted",
    "TaskRow",
    "TimelineEntry",
]


class Report(ReportRow):
    """All that is known of a run when it is over. Tasks stand in the DAG's order, files and machines by name."""

    run: str
    rehearsal: bool = Field(description="True where no real session ran; nothing here is real work then")
    started: datetime
    ended: datetime
    wall_seconds: float = Field(description="Of the run, and of what resolved conflicts after it")
    session_seconds: float = Field(description="Sum over all sessions")
    speed_up: float = Field(description="session_seconds / wall_seconds")
    total: int
    succeeded: int
    failed: int
    skipped: int
    success_rate: float = Field(description="Succeeded of all tasks, 0 to 1")
    cost_usd: float
    cost_is_partial: bool = Field(False, description="Whether it cost at least that")
    usage: Usage
    tasks: tuple[TaskRow, ...]
    stretches: tuple[TimelineEntry, ...]
    machines: tuple[MachineRow, ...]
    troubles: tuple[Failure, ...]
    skips: tuple[Skipped, ...]
    resolutions: tuple[Resolution, ...] = ()
    reviews: tuple[ReviewRow, ...] = Field((), description="What second sessions say of tasks' work")
    elsewhere: tuple[Elsewhere, ...] = Field((), description="What sessions did beside the branches of their tasks")
    check_outputs: tuple[Quotation, ...] = Field((), description="What each red check or set-up printed last")
    last_words: tuple[Quotation, ...] = Field((), description="What each session said at its end, in its own words")
    files: tuple[ChangedFile, ...]
    budgets: tuple[BudgetRow, ...] = Field((), description="What is spent of the budgets that hold for the run")
    quotas: tuple[str, ...] = Field((), description="What is used of the usage limits of the run's accounts, in words")
    warnings: tuple[str, ...]

    @property
    def all_succeeded(self) -> bool:
        """Whether there is nothing left to do: the exit code is 0 then, else 1."""
        return self.succeeded == self.total

    @property
    def elsewhere_by_task(self) -> Mapping[str, Elsewhere]:
        """What was done beside its branch, by task."""
        return {each.task: each for each in self.elsewhere}

    @property
    def reviews_usd(self) -> float:
        """What the reviews have cost, which is part of `cost_usd` and of no task's."""
        return rows.money(each.cost_usd for each in self.reviews)

    def printer_of(self, task: str) -> str:
        """Returns what of the task printed what is in `check_outputs`."""
        return next((printer_of(each.outcome) for each in self.troubles if each.task == task), "check")

    @property
    def printers(self) -> tuple[str, ...]:
        """What printed that is in `check_outputs`, each once."""
        return tuple(sorted({self.printer_of(each.task) for each in self.check_outputs}))

    def check_output_of(self, task: str) -> str:
        """Returns what the task's check, or set-up, printed last; empty where it passed."""
        return next((each.text for each in self.check_outputs if each.task == task), "")

    def last_words_of(self, task: str) -> str:
        """Returns what the task's session said at its end, empty where that is nothing."""
        return next((each.text for each in self.last_words if each.task == task), "")

    @classmethod
    def build(
        cls,
        dag: Dag,
        results: Sequence[SessionResult],
        *,
        run: str,
        machines: Sequence[Slotted],
        started: datetime,
        ended: datetime,
        rehearsal: bool | None = None,
        warnings: Sequence[str] = (),
    ) -> Self:
        """Makes the report of a run.

        Args:
            dag: what was to be done; its warnings are taken over.
            results: one or several attempts a task, in any order; the last attempt decides. A task without a
                result counts as skipped. Sessions that resolved or mended merges, or reviewed, count for time, cost and
                tokens.
            run: name of the run.
            machines: the fleet, those without work too.
            started: when the run began.
            ended: when it was over.
            rehearsal: whether nothing here is real work; None: whether any of the results says so.
            warnings: what else the reader should know.
        """
        attempts = rows.by_task(dag.order, results)
        last = {task: all_of[-1] for task, all_of in attempts.items() if all_of}
        resolving = [r for r in results if is_resolving(r.task)]
        of_tasks = [r for task in dag.order for r in attempts[task]]
        sessions = [r for r in (*of_tasks, *resolving, *of_reviews(results)) if r.start and r.machine]
        outcomes = {task: last[task].outcome if task in last else Outcome.SKIPPED for task in dag.order}
        wall_seconds = _wall_seconds(started, ended, resolving)
        return cls(
            run=run,
            rehearsal=any(r.rehearsal for r in last.values()) if rehearsal is None else rehearsal,
            started=started,
            ended=ended,
            **_totals(sessions, list(outcomes.values()), wall_seconds=wall_seconds),
            tasks=tuple(rows.task(dag, task, attempts[task]) for task in dag.order),
            stretches=rows.timeline(sessions),
            machines=rows.machines(machines, sessions, wall_seconds=wall_seconds),
            troubles=tuple(rows.failure(last[t]) for t, o in outcomes.items() if o not in _UNTROUBLED),
            skips=_skips(dag, outcomes, last),
            resolutions=rows.resolutions(resolving),
            reviews=reviews(last, results),
            **_quotations(results, order=dag.order),
            elsewhere=_elsewhere(results, order=dag.order),
            files=rows.files(list(last.values())),
            warnings=tuple(map(redact, (*dag.warnings, *warnings, *rows.unknown_tasks(dag.order, results)))),
        )


_UNTROUBLED = frozenset({Outcome.SUCCEEDED, Outcome.SKIPPED})


def _elsewhere(results: Sequence[SessionResult], *, order: Sequence[str]) -> tuple[Elsewhere, ...]:
    attempts = _attempts(results, order=order)
    return tuple(row for task, all_of in attempts.items() if (row := rows.elsewhere(task, all_of)))


def _quotations(results: Sequence[SessionResult], *, order: Sequence[str]) -> dict[str, Any]:
    last = [all_of[-1] for all_of in _attempts(results, order=order).values() if all_of]
    return {"check_outputs": rows.check_outputs(last), "last_words": rows.last_words(last)}


def _attempts(results: Sequence[SessionResult], *, order: Sequence[str]) -> dict[str, list[SessionResult]]:
    """Of the tasks in their order, and then of the sessions that resolved conflicts."""
    resolving = sorted({r.task for r in results if is_resolving(r.task)})
    return rows.by_task((*order, *resolving), results)


def _wall_seconds(started: datetime, ended: datetime, resolving: Sequence[SessionResult]) -> float:
    """Conflicts are resolved one after the other, when the tasks are over; nobody counts the days in between."""
    after = sum(r.seconds for r in resolving if r.start and r.start >= ended)
    return max(0.0, (ended - started).total_seconds()) + after


def _totals(sessions: Sequence[SessionResult], outcomes: Sequence[Outcome], *, wall_seconds: float) -> dict[str, Any]:
    succeeded, skipped = outcomes.count(Outcome.SUCCEEDED), outcomes.count(Outcome.SKIPPED)
    busy = sum(r.seconds for r in sessions)
    return {
        "wall_seconds": round(wall_seconds, 3),
        "session_seconds": round(busy, 3),
        "speed_up": rows.ratio(busy, wall_seconds),
        "total": len(outcomes),
        "succeeded": succeeded,
        "failed": len(outcomes) - succeeded - skipped,
        "skipped": skipped,
        "success_rate": rows.ratio(succeeded, len(outcomes)),
        "cost_usd": rows.money(r.cost_usd for r in sessions),
        "cost_is_partial": any(r.cost_is_partial for r in sessions),
        "usage": rows.usage(sessions),
    }


def _skips(dag: Dag, outcomes: Mapping[str, Outcome], last: Mapping[str, SessionResult]) -> tuple[Skipped, ...]:
    roots = rows.failed_roots(dag.order, outcomes=outcomes, dependencies=dag.dependencies)
    skipped = [task for task in dag.order if outcomes[task] is Outcome.SKIPPED]
    return tuple(rows.skip(t, roots[t], said=last[t].error_text if t in last else None) for t in skipped)
