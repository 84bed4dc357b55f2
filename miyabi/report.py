"""Many results become one report: values to keep, compare and draw. Pure; `report_markdown` makes it readable."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol, Self

from pydantic import BaseModel, ConfigDict, Field

from miyabi import tally
from miyabi.dag import Dag
from miyabi.redact import redact
from miyabi.session import Outcome, SessionResult, Usage


class Slotted(Protocol):
    """A machine, as far as a report needs to know it."""

    @property
    def name(self) -> str:
        """Its unique name."""

    @property
    def slots(self) -> int:
        """How many sessions it takes at once."""


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True)


class TaskRow(_Row):
    """How one task ended. Turns, cost and seconds are those of all its attempts."""

    task: str
    title: str
    outcome: Outcome
    machine: str | None = None
    attempts: int = 0
    turns: int = 0
    cost_usd: float = 0.0
    seconds: float = 0.0
    branch: str | None = None
    head: str | None = None
    commits: int = 0
    files: int = 0
    insertions: int = 0
    deletions: int = 0
    salvaged: bool = False
    placement: str = Field("", description="Why it ran where it ran")
    upstream: tuple[str, ...] = ()


class Stretch(_Row):
    """One attempt in time. Times are UTC."""

    task: str
    attempt: int
    machine: str
    outcome: Outcome
    start: datetime
    end: datetime


class MachineRow(_Row):
    """What one machine did. `utilisation` is the share of its slot time that sessions filled, 0 to 1."""

    machine: str
    slots: int
    sessions: int
    succeeded: int
    busy_seconds: float
    utilisation: float


class Trouble(_Row):
    """A task that did not succeed. `where` is the attempt's folder below the run folder."""

    task: str
    outcome: Outcome
    kind: str
    text: str
    where: str


class Skipped(_Row):
    """A task that was not started, and why."""

    task: str
    reason: str


class ChangedFile(_Row):
    """A file and the tasks whose branches changed it."""

    path: str
    tasks: tuple[str, ...]


class Report(_Row):
    """All that is known of a run when it is over. Tasks stand in the DAG's order, files and machines by name."""

    run: str
    rehearsal: bool = Field(description="True where no real session ran; nothing here is real work then")
    started: datetime
    ended: datetime
    wall_seconds: float
    session_seconds: float = Field(description="Sum over all sessions")
    speed_up: float = Field(description="session_seconds / wall_seconds")
    total: int
    succeeded: int
    failed: int
    skipped: int
    success_rate: float = Field(description="Succeeded of all tasks, 0 to 1")
    cost_usd: float
    usage: Usage
    tasks: tuple[TaskRow, ...]
    stretches: tuple[Stretch, ...]
    machines: tuple[MachineRow, ...]
    troubles: tuple[Trouble, ...]
    skips: tuple[Skipped, ...]
    files: tuple[ChangedFile, ...]
    warnings: tuple[str, ...]

    @property
    def all_succeeded(self) -> bool:
        """Whether there is nothing left to do: the exit code is 0 then, else 1."""
        return self.succeeded == self.total

    @classmethod
    def build(
        cls,
        dag: Dag,
        results: Iterable[SessionResult],
        *,
        run: str,
        machines: Sequence[Slotted],
        started: datetime,
        ended: datetime,
        rehearsal: bool | None = None,
        warnings: Sequence[str] = (),
    ) -> Self:
        """The report of a run.

        Args:
            dag: what was to be done; its warnings are taken over.
            results: one or several attempts a task, in any order; the last attempt decides. A task without a
                result counts as skipped.
            run: name of the run.
            machines: the fleet, those without work too.
            started: when the run began.
            ended: when it was over.
            rehearsal: whether nothing here is real work; None: whether any of the results says so.
            warnings: what else the reader should know.
        """
        attempts = tally.by_task(dag.order, results)
        last = {task: all_of[-1] for task, all_of in attempts.items() if all_of}
        sessions = [r for task in dag.order for r in attempts[task] if r.start and r.machine]
        outcomes = {task: last[task].outcome if task in last else Outcome.SKIPPED for task in dag.order}
        succeeded, failed, skipped = tally.totals(outcomes.values())
        wall, busy = max(0.0, (ended - started).total_seconds()), sum(r.seconds for r in sessions)
        return cls(
            run=run,
            rehearsal=any(r.rehearsal for r in last.values()) if rehearsal is None else rehearsal,
            started=started,
            ended=ended,
            wall_seconds=round(wall, 3),
            session_seconds=round(busy, 3),
            speed_up=tally.ratio(busy, wall),
            total=len(outcomes),
            succeeded=succeeded,
            failed=failed,
            skipped=skipped,
            success_rate=tally.ratio(succeeded, len(outcomes)),
            cost_usd=tally.money(r.cost_usd for r in sessions),
            usage=tally.usage(sessions),
            tasks=tuple(_task(dag, task, attempts[task]) for task in dag.order),
            stretches=_stretches(sessions),
            machines=_machines(machines, sessions, wall_seconds=wall),
            troubles=tuple(_trouble(last[t]) for t, o in outcomes.items() if o not in _UNTROUBLED),
            skips=tuple(_skip(dag, t, outcomes, last.get(t)) for t, o in outcomes.items() if o is Outcome.SKIPPED),
            files=_files(last.values()),
            warnings=tuple(map(redact, (*dag.warnings, *warnings, *tally.strangers(dag.order, results)))),
        )


_UNTROUBLED = frozenset({Outcome.SUCCEEDED, Outcome.SKIPPED})


def _task(dag: Dag, task: str, attempts: Sequence[SessionResult]) -> TaskRow:
    node, upstream = dag.by_id[task], dag.dependencies(task)
    if not attempts:
        return TaskRow(task=task, title=redact(node.title), outcome=Outcome.SKIPPED, upstream=upstream)
    last, changes = attempts[-1], attempts[-1].changes
    return TaskRow(
        task=task,
        title=redact(node.title),
        outcome=last.outcome,
        machine=last.machine,
        attempts=sum(a.start is not None for a in attempts),
        turns=sum(a.turns for a in attempts),
        cost_usd=tally.money(a.cost_usd for a in attempts),
        seconds=round(sum(a.seconds for a in attempts), 3),
        branch=last.branch,
        head=last.head,
        commits=changes.commits,
        files=len(changes.files),
        insertions=changes.insertions,
        deletions=changes.deletions,
        salvaged=changes.salvaged,
        placement=redact(last.placement_reason),
        upstream=upstream,
    )


def _stretches(sessions: Iterable[SessionResult]) -> tuple[Stretch, ...]:
    rows = [
        Stretch(task=r.task, attempt=r.attempt, machine=r.machine, outcome=r.outcome, start=r.start, end=r.end)
        for r in sessions
        if r.machine and r.start and r.end
    ]
    return tuple(sorted(rows, key=lambda s: (s.machine, s.start, s.task, s.attempt)))


def _machines(
    fleet: Sequence[Slotted], sessions: Sequence[SessionResult], *, wall_seconds: float
) -> tuple[MachineRow, ...]:
    slots = {r.machine or "": 0 for r in sessions} | {m.name: m.slots for m in fleet}
    return tuple(_machine(name, slots[name], sessions, wall_seconds=wall_seconds) for name in sorted(slots))


def _machine(name: str, slots: int, sessions: Sequence[SessionResult], *, wall_seconds: float) -> MachineRow:
    here = [r for r in sessions if r.machine == name]
    busy = sum(r.seconds for r in here)
    return MachineRow(
        machine=name,
        slots=slots,
        sessions=len(here),
        succeeded=sum(r.succeeded for r in here),
        busy_seconds=round(busy, 3),
        utilisation=tally.ratio(busy, slots * wall_seconds),
    )


def _trouble(result: SessionResult) -> Trouble:
    text = result.error_text or result.final_message or "no error text"
    where = f"sessions/{result.task}/attempt-{result.attempt}" if result.start else ""
    kind = result.error_kind or result.outcome
    return Trouble(task=result.task, outcome=result.outcome, kind=redact(kind), text=redact(text)[:2000], where=where)


def _skip(dag: Dag, task: str, outcomes: Mapping[str, Outcome], result: SessionResult | None) -> Skipped:
    roots = tally.failed_roots(task, outcomes=outcomes, dependencies=dag.dependencies)
    if roots:
        named = ", ".join(f"{root} ({outcomes[root]})" for root in roots[:3]) + (" and others" if roots[3:] else "")
        return Skipped(task=task, reason=f"upstream {named} failed")
    said = result.error_text if result else None
    return Skipped(task=task, reason=redact(said or "the run ended before it could start"))


def _files(results: Iterable[SessionResult]) -> tuple[ChangedFile, ...]:
    tasks: dict[str, set[str]] = {}
    for result in results:
        for path in result.changes.files:
            tasks.setdefault(path, set()).add(result.task)
    return tuple(ChangedFile(path=path, tasks=tuple(sorted(tasks[path]))) for path in sorted(tasks))
