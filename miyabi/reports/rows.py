"""The rows of a report, and how each is made of results. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field

from miyabi.dag import Dag
from miyabi.sessions import (
    InSubmodule,
    Outcome,
    SessionResult,
    Strays,
    Usage,
    ending_words,
    is_resolving,
    is_reviewing,
    left_there_words,
    strays_words,
)
from miyabi.text import first_lines, redact

FAILURE_CHARACTERS = 2000
WORDS_LINES, WORDS_CHARACTERS = 15, 1000


class Slotted(Protocol):
    """A machine, as far as a report needs to know it."""

    @property
    def name(self) -> str:
        """Its unique name."""

    @property
    def slots(self) -> int:
        """How many sessions it takes at once."""


class ReportRow(BaseModel):
    """A frozen part of a report."""

    model_config = ConfigDict(frozen=True)


class EndedRow(ReportRow):
    """What has an outcome, and how often its failure went back to its conversation before."""

    outcome: Outcome
    fix_ups: int = 0

    @property
    def ending(self) -> str:
        """Both, in words that `in_words` makes plain."""
        return ending_words(self.outcome, self.fix_ups)


class TaskRow(EndedRow):
    """How one task ended. Turns, cost and seconds are those of all its attempts."""

    task: str
    title: str
    machine: str | None = None
    attempts: int = 0
    turns: int = 0
    cost_usd: float = 0.0
    cost_is_partial: bool = False
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

    @property
    def label(self) -> str:
        """What it is called in a picture: its id, and its title where that says more."""
        return self.task if self.title in {"", self.task} else f"{self.task}: {self.title}"


class TimelineEntry(ReportRow):
    """One attempt in time. Times are UTC."""

    task: str
    attempt: int
    machine: str
    outcome: Outcome
    start: datetime
    end: datetime


class MachineRow(ReportRow):
    """What one machine did. `utilisation` is the share of its slot time that sessions filled, 0 to 1."""

    machine: str
    slots: int
    sessions: int
    succeeded: int
    busy_seconds: float
    utilisation: float


class Failure(EndedRow):
    """A task that did not succeed. `where` is the attempt's folder below the run folder."""

    task: str
    kind: str
    text: str
    where: str


class Quotation(ReportRow):
    """Foreign text of several lines that belongs to a task, or to a session that resolved a conflict."""

    task: str
    text: str


class Skipped(ReportRow):
    """A task that was not started, and why."""

    task: str
    reason: str


class Resolution(EndedRow):
    """A session that was to resolve the conflict of a merge. Turns, cost and seconds are those of all its attempts."""

    session: str = Field(description="What stands in place of a task's id in its names")
    title: str
    machine: str | None = None
    attempts: int = 0
    turns: int = 0
    cost_usd: float = 0.0
    cost_is_partial: bool = False
    seconds: float = 0.0


class LeftThere(ReportRow):
    """Uncommitted files of a task that are still on a machine: too large or too many to bring."""

    machine: str
    files: tuple[str, ...]


class Elsewhere(ReportRow):
    """What a task's session did that the task's branch does not hold. Not in what is merged either."""

    task: str
    strays: Strays | None = Field(None, description="What is on another branch here")
    left_there: tuple[LeftThere, ...] = ()
    submodules: tuple[InSubmodule, ...] = ()

    @property
    def is_beside(self) -> bool:
        """Whether any of it is more than what its branch names of a submodule."""
        return bool(self.strays or self.left_there) or not all(each.command for each in self.submodules)

    @property
    def in_words(self) -> tuple[str, ...]:
        """The same, each in words."""
        beside = (f"beside its branch: {strays_words(self.strays)}",) if self.strays else ()
        there = (left_there_words(left.files, machine=left.machine) for left in self.left_there)
        return (*beside, *there, *(each.words for each in self.submodules))


class ChangedFile(ReportRow):
    """A file and the tasks whose branches changed it."""

    path: str
    tasks: tuple[str, ...]


def task(dag: Dag, task: str, attempts: Sequence[SessionResult]) -> TaskRow:
    """Makes the row of a task from its attempts, which are in their order."""
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
        fix_ups=last.fix_ups,
        turns=sum(a.turns for a in attempts),
        cost_usd=money(a.cost_usd for a in attempts),
        cost_is_partial=any(a.cost_is_partial for a in attempts),
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


def resolutions(results: Iterable[SessionResult]) -> tuple[Resolution, ...]:
    """Makes a row for each session that resolved a conflict, by start; `results` are all that those sessions have."""
    attempts: dict[str, list[SessionResult]] = {}
    for result in sorted(results, key=lambda r: (r.task, r.attempt)):
        attempts.setdefault(result.task, []).append(result)
    first = {task: next((str(a.start) for a in all_of if a.start), "") for task, all_of in attempts.items()}
    return tuple(_resolution(attempts[task]) for task in sorted(attempts, key=lambda task: (first[task], task)))


def _resolution(attempts: Sequence[SessionResult]) -> Resolution:
    last = attempts[-1]
    return Resolution(
        session=last.task,
        title=redact(last.title),
        outcome=last.outcome,
        machine=last.machine,
        attempts=sum(a.start is not None for a in attempts),
        fix_ups=last.fix_ups,
        turns=sum(a.turns for a in attempts),
        cost_usd=money(a.cost_usd for a in attempts),
        cost_is_partial=any(a.cost_is_partial for a in attempts),
        seconds=round(sum(a.seconds for a in attempts), 3),
    )


def timeline(sessions: Iterable[SessionResult]) -> tuple[TimelineEntry, ...]:
    """Makes an entry for each attempt that ran on a machine and is over, by machine and start."""
    rows = [
        TimelineEntry(task=r.task, attempt=r.attempt, machine=r.machine, outcome=r.outcome, start=r.start, end=r.end)
        for r in sessions
        if r.machine and r.start and r.end
    ]
    return tuple(sorted(rows, key=lambda s: (s.machine, s.start, s.task, s.attempt)))


def machines(
    fleet: Sequence[Slotted], sessions: Sequence[SessionResult], *, wall_seconds: float
) -> tuple[MachineRow, ...]:
    """Makes a row for each machine of the fleet and for each that worked, by name; one not of the fleet has 0 slots."""
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
        utilisation=ratio(busy, slots * wall_seconds),
    )


def failure(result: SessionResult) -> Failure:
    """Makes the row of a task that did not succeed; its text is cut at `FAILURE_CHARACTERS`."""
    text = result.error_text or result.final_message or "no error text"
    where = f"sessions/{result.task}/attempt-{result.attempt}" if result.start else ""
    kind = redact(result.error_kind or result.outcome)
    said = redact(text)[:FAILURE_CHARACTERS]
    return Failure(task=result.task, outcome=result.outcome, fix_ups=result.fix_ups, kind=kind, text=said, where=where)


_WITH_WORDS = frozenset(
    {
        Outcome.SUCCEEDED,
        Outcome.NO_CHANGES,
        Outcome.OFF_BRANCH,
        Outcome.UNRESOLVED_CONFLICT,
        Outcome.CHECK_FAILED,
        Outcome.PERMISSION_DENIED,
        Outcome.AGENT_ERROR,
    }
)


def check_outputs(last: Iterable[SessionResult]) -> tuple[Quotation, ...]:
    """Makes a row for each red check or set-up that printed something; `last` are the attempts that decided."""
    return tuple(Quotation(task=r.task, text=redact(r.check_output)) for r in last if r.check_output)


def last_words(last: Iterable[SessionResult]) -> tuple[Quotation, ...]:
    """Makes a row for each that came to its own end and said something; `last` are the attempts that decided.

    Where claude broke down, what it says is the error, which is told already.
    """
    said = ((r.task, r.final_message) for r in last if r.outcome in _WITH_WORDS)
    return tuple(Quotation(task=task, text=_excerpt(text)) for task, text in said if text.strip())


def _excerpt(text: str) -> str:
    return first_lines(redact(text), lines=WORDS_LINES, characters=WORDS_CHARACTERS)


def skip(task: str, roots: Sequence[str], *, said: str | None) -> Skipped:
    """Makes the row of a task that was not started.

    Args:
        task: its id.
        roots: the failed tasks before it, with their outcomes, as `failed_roots` names them.
        said: the reason that its result has, for where none before it failed; None where there is none.
    """
    if roots:
        return Skipped(task=task, reason=f"upstream {', '.join(roots)} failed")
    return Skipped(task=task, reason=redact(said or "the run ended before it could start"))


def elsewhere(task: str, attempts: Sequence[SessionResult]) -> Elsewhere | None:
    """Makes the row of a task, None where its branch holds all; `attempts` are all of them, in their order.

    Strays only grow, so that those of the attempt that was collected last are all of them.
    """
    strays = max((a.strays for a in attempts if a.strays), key=lambda strays: strays.commits, default=None)
    left = {a.machine: tuple(map(redact, a.left_there)) for a in attempts if a.machine and a.head}
    there = tuple(LeftThere(machine=machine, files=left[machine]) for machine in sorted(left) if left[machine])
    inside = next((a.submodules for a in reversed(attempts) if a.head), ())
    has_any = strays or there or inside
    return Elsewhere(task=task, strays=strays, left_there=there, submodules=inside) if has_any else None


def files(results: Iterable[SessionResult]) -> tuple[ChangedFile, ...]:
    """Makes a row for each changed file, by path, with its tasks sorted."""
    tasks: dict[str, set[str]] = {}
    for result in results:
        for path in result.changes.files:
            tasks.setdefault(path, set()).add(result.task)
    return tuple(ChangedFile(path=path, tasks=tuple(sorted(tasks[path]))) for path in sorted(tasks))


NAMED_ROOTS = 3


def by_task(order: Sequence[str], results: Iterable[SessionResult]) -> dict[str, list[SessionResult]]:
    """Groups results by task; those of other tasks than `order` has are left out.

    Returns:
        For each task, in that order, its results by attempt; an empty list where it has none.
    """
    found: dict[str, list[SessionResult]] = {task: [] for task in order}
    for result in sorted(results, key=lambda r: r.attempt):
        if result.task in found:
            found[result.task].append(result)
    return found


def unknown_tasks(order: Sequence[str], results: Sequence[SessionResult]) -> tuple[str, ...]:
    """Makes a warning, where there are results of tasks that the DAG does not have; else none."""
    known = {*order, *(r.task for r in results if is_resolving(r.task) or is_reviewing(r.task))}
    unknown = sorted({result.task for result in results} - known)
    return (f"results of tasks that the DAG does not have: {', '.join(unknown)}",) if unknown else ()


def ratio(part: float, whole: float) -> float:
    """Returns part / whole, rounded to four decimal places; 0 where there is no whole."""
    return round(part / whole, 4) if whole > 0 else 0.0


def money(amounts: Iterable[float]) -> float:
    """Returns the sum in dollars, rounded to a hundredth of a cent."""
    return round(sum(amounts), 4)


def usage(results: Iterable[SessionResult]) -> Usage:
    """Adds up the tokens of all results, by kind."""
    all_of = [result.usage for result in results]
    return Usage(**{name: sum(getattr(u, name) for u in all_of) for name in Usage.model_fields})


def failed_roots(
    order: Sequence[str], *, outcomes: Mapping[str, Outcome], dependencies: Callable[[str], Sequence[str]]
) -> dict[str, tuple[str, ...]]:
    """Finds for each skipped task the failed ones that kept it from starting; `order` must be topological.

    Returns:
        By skipped task at most three of them, sorted, with their outcomes: `build (check_failed)`.
    """
    found: dict[str, tuple[str, ...]] = {}
    for task in order:
        if outcomes[task] is Outcome.SKIPPED:
            named = {root for upstream in dependencies(task) for root in _blame(upstream, outcomes, found)}
            found[task] = tuple(sorted(named))[:NAMED_ROOTS]
    return found


def _blame(task: str, outcomes: Mapping[str, Outcome], found: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    if outcomes[task] is Outcome.SKIPPED:
        return found[task]
    return () if outcomes[task] is Outcome.SUCCEEDED else (f"{task} ({outcomes[task]})",)
