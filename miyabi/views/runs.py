"""The runs of a repository: which there are, how each stands, and what is to be done about it."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from pydantic import Field

from miyabi.errors import BadInput
from miyabi.integration import Integration, NotIntegrated
from miyabi.pull_requests import Publication
from miyabi.reports import Report, read_report, went_well
from miyabi.runs import Board, MilestoneRun, RunFolder, RunInfo, Snapshot
from miyabi.sessions import Outcome
from miyabi.views.answer import Answer, View

_CLOCKS = timedelta(seconds=1)
"""By so much a file's time may be before that of the clock that was asked earlier."""


class RunState(StrEnum):
    """Where a run is. Decided by its lock and its files."""

    RUNNING = "running"  # an orchestrator works on it
    ENDED = "ended"  # it came to its own end, well or not
    INTERRUPTED = "interrupted"  # it was ended before, by somebody or by a crash
    DAMAGED = "damaged"  # its folder cannot be read


class NextStep(StrEnum):
    """What a person may do next."""

    WATCH = "watch"
    GO_ON = "go on"
    RETRY = "retry"
    REVIEW = "review"
    MERGE = "merge"
    SWEEP = "sweep"
    MEND = "mend"


class TaskCounts(View):
    """How many tasks a run has, and how they stand; the others add up to `total`."""

    total: int = 0
    succeeded: int = 0
    failed: int = Field(0, description="Over, but neither succeeded nor skipped")
    skipped: int = 0
    working: int = Field(0, description="In a slot at the moment")
    waiting: int = Field(0, description="Not over, and in no slot: for another task, a slot, a limit or the next start")


class RunView(View):
    """One run."""

    run: str
    state: RunState
    rehearsal: bool = False
    milestone: int | None = Field(None, description="Number of the milestone that it is for")
    started: datetime | None = None
    ended: datetime | None = Field(None, description="Its end, or when it was cut short")
    seconds: float = Field(0.0, description="Since its start, until its end or now")
    tasks: TaskCounts = TaskCounts()
    is_good: bool = Field(False, description="Whether it ended with all tasks succeeded, merged and verified")
    cost_usd: float = 0.0
    cost_is_partial: bool = Field(False, description="Whether it cost at least that")
    branch: str | None = Field(None, description="The branch with all of its work")
    pull_requests: tuple[str, ...] = Field((), description="Their addresses")
    next_step: NextStep | None = Field(None, description="What a person may do next; null: nothing")
    next_command: str = Field("", description="By which command or address; or what to mend, as a sentence")

    @property
    def is_over(self) -> bool:
        """Whether nobody works on it."""
        return self.state is not RunState.RUNNING


class Runs(Answer):
    """What `miyabi runs` says: the latest start first."""

    repository: str
    runs: tuple[RunView, ...]
    others: int = Field(0, description="How many earlier runs there are besides")

    @classmethod
    def read(cls, root: Path, *, most: int | None) -> Self:
        """Reads the latest runs of a repository, `most` of them or all."""
        folders = RunFolder.by_start(root)[::-1]
        shown = folders if most is None else folders[:most]
        return cls(repository=str(root), runs=tuple(map(view_run, shown)), others=len(folders) - len(shown))


def view_run(folder: RunFolder) -> RunView:
    """Reads how a run stands; what of its folder is damaged is said in place of it."""
    try:
        return _view(folder)
    except BadInput as error:
        return RunView(run=folder.run, state=RunState.DAMAGED, next_step=NextStep.MEND, next_command=error.in_full)


def _view(folder: RunFolder) -> RunView:
    info, board = folder.info(), Board.read(folder.status_file)
    state = _state(folder, info, board)
    report = read_report(folder) if state is not RunState.RUNNING else None
    integration, publication, of = folder.load(Integration), folder.load(Publication), folder.load(MilestoneRun)
    is_good = state is RunState.ENDED and report is not None and went_well(report, integration)
    pulls = tuple(p.html_url or f"#{p.number}" for p in publication.pull_requests) if publication else ()
    step, command = _next(folder.run, state, info, report, pulls=pulls, integration=integration, is_good=is_good)
    cost = report or board
    return RunView(
        run=folder.run,
        state=state,
        rehearsal=info.rehearse,
        milestone=of.number if of else None,
        **_times(folder, info, state),
        tasks=_counts(folder, board, state),
        is_good=is_good,
        cost_usd=cost.cost_usd if cost else 0.0,
        cost_is_partial=bool(cost and cost.cost_is_partial),
        branch=integration.branch if integration and not integration.is_empty else None,
        pull_requests=pulls,
        next_step=step,
        next_command=command,
    )


def _times(folder: RunFolder, info: RunInfo, state: RunState) -> dict[str, Any]:
    """A run that goes on has no end, though it may have had one; a crash is when the orchestrator wrote last."""
    ended = None if state is RunState.RUNNING else max(filter(None, (info.ended, _crashed(folder, info))), default=None)
    until = ended or datetime.now(UTC)
    return {"started": info.started, "ended": ended, "seconds": round((until - info.started).total_seconds(), 3)}


def _crashed(folder: RunFolder, info: RunInfo) -> datetime | None:
    return None if info.ended else max(_written(folder.status_file), info.started)


def _state(folder: RunFolder, info: RunInfo, board: Snapshot | None) -> RunState:
    """Whoever ends a run before its own end writes its report, but never merges its branches."""
    if folder.is_being_worked_on:
        return RunState.RUNNING
    if info.ended is None or (board and board.done < len(board.rows)):
        return RunState.INTERRUPTED
    written = max(_written(folder.path / kind.file_name) for kind in (Integration, NotIntegrated))
    return RunState.ENDED if written + _CLOCKS >= info.ended else RunState.INTERRUPTED


def _written(file: Path) -> datetime:
    with suppress(OSError):
        return datetime.fromtimestamp(file.stat().st_mtime, tz=UTC)
    return datetime.fromtimestamp(0, tz=UTC)


def _counts(folder: RunFolder, board: Snapshot | None, state: RunState) -> TaskCounts:
    if board is None:
        outcomes = {task: r.outcome for task, r in folder.latest_results().items()}
        return _of(len(folder.tasks()), [outcomes[task] for task in outcomes], working=0)
    working = len(board.working) if state is RunState.RUNNING else 0
    return _of(len(board.rows), [row.outcome for row in board.rows if row.outcome], working=working)


def _of(total: int, outcomes: list[Outcome], *, working: int) -> TaskCounts:
    succeeded, skipped = outcomes.count(Outcome.SUCCEEDED), outcomes.count(Outcome.SKIPPED)
    return TaskCounts(
        total=total,
        succeeded=succeeded,
        failed=len(outcomes) - succeeded - skipped,
        skipped=skipped,
        working=working,
        waiting=max(total - len(outcomes) - working, 0),
    )


def _next(
    run: str,
    state: RunState,
    info: RunInfo,
    report: Report | None,
    *,
    pulls: tuple[str, ...],
    integration: Integration | None,
    is_good: bool,
) -> tuple[NextStep | None, str]:
    if state is RunState.RUNNING:
        return NextStep.WATCH, f"miyabi status {run}"
    if state is RunState.INTERRUPTED:
        return NextStep.GO_ON, f"miyabi orchestrate --run {run}"
    if not is_good:
        is_unfinished = report is None or not report.all_succeeded
        step = (NextStep.RETRY, f"miyabi retry {run}")
        return step if is_unfinished else (NextStep.GO_ON, f"miyabi orchestrate --run {run}")
    return _after_a_good_end(run, info, pulls=pulls, integration=integration)


def _after_a_good_end(
    run: str, info: RunInfo, *, pulls: tuple[str, ...], integration: Integration | None
) -> tuple[NextStep | None, str]:
    if info.rehearse:
        return NextStep.SWEEP, f"miyabi sweep {run} --branches"
    if pulls:
        return NextStep.REVIEW, pulls[0]
    if integration and not integration.is_empty:
        return NextStep.MERGE, f"git merge {integration.branch}"
    return None, ""


class Address(View):
    """One place to look at."""

    kind: str = Field(description="ui, pull request, branch, report; of a task: session, checkout")
    address: str = Field(description="A URL, a path, the name of a branch, or HOST:PATH")


class Addresses(Answer):
    """What `miyabi open` says."""

    run: str
    task: str | None = None
    addresses: tuple[Address, ...]
