"""Which earlier work on an issue its next try goes on with.

That is the branch of the latest try that left commits, and how the latest ended that says anything of the issue: one
that met a usage limit does not. Work that was merged is in the base already, and nothing from before that is handed
over. Work that people turned down, that GitHub refuses, or that is beside its branch is only shown to the session,
which starts without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache

from miyabi.errors import BadInput
from miyabi.github import MergeState, PullRequest
from miyabi.milestones.history import EarlierRun, EarlierRuns
from miyabi.reports import TaskRow
from miyabi.sessions import BLAMELESS, EarlierWork, SessionResult

_TOO_LARGE = "they hold a file that GitHub refuses for its size"
_BESIDE = "they are not on the branch that was given to that session"


def earlier_works(
    earlier: EarlierRuns,
    issues: Mapping[str, int],
    *,
    pull_requests: Mapping[int, PullRequest],
    warn: Callable[[str], None],
) -> dict[str, EarlierWork]:
    """Finds the work that is handed over to each task, without the commit that its branch is at.

    Args:
        earlier: the runs of the milestone; a rehearsal counts for nothing.
        issues: the issue's number for each task that is to be run.
        pull_requests: those of the runs as they are now, by number.
        warn: told of a run whose results are damaged: nothing of it is handed over.

    Returns:
        The work by the task's id.
    """
    runs = [run for run in reversed(earlier.runs) if not run.report.rehearsal]

    @cache
    def read(number: int) -> tuple[SessionResult, ...]:
        try:
            return runs[number].folder.results()
        except BadInput as error:
            warn(f"run {runs[number].report.run}: nothing of it is handed over: {error}")
            return ()

    found = {}
    for task, issue in issues.items():
        tries = ((run, row, read(n)) for n, run in enumerate(runs) if (row := run.row(issue)))
        if work := _latest(tries, pull_requests):
            found[task] = work
    return found


def _latest(
    tries: Iterator[tuple[EarlierRun, TaskRow, tuple[SessionResult, ...]]], pull_requests: Mapping[int, PullRequest]
) -> EarlierWork | None:
    kept: EarlierWork | None = None
    said: EarlierWork | None = None
    for run, row, results in tries:
        decided = _decided(run, row, pull_requests)
        if decided is MergeState.MERGED or (kept and said):
            break
        if attempts := [result for result in results if result.task == row.task]:
            work = _work(run, row, attempts, decided=decided)
            kept = kept or (work if work.branch else None)
            said = said or (None if work.outcome in BLAMELESS else work)
    if kept and said:
        return said.model_copy(update=kept.model_dump(include={"branch", "base", "not_from"}))
    return kept or said


def _work(run: EarlierRun, row: TaskRow, attempts: list[SessionResult], *, decided: MergeState | None) -> EarlierWork:
    """The verdict is the last attempt's; the commits are those of the last attempt that has some."""
    last = attempts[-1]
    kept = next((each for each in reversed(attempts) if each.branch and each.head and each.changes.files), None)
    strays = next((each.strays for each in reversed(attempts) if each.strays), None)
    left_out = run.integration.left_out_by_task.get(row.task) if run.integration else None
    branch, not_from = (kept.branch or "", _why_not(run, row, decided)) if kept else ("", "")
    if not kept and strays:
        branch, not_from = strays.branch, _BESIDE
    return EarlierWork(
        run=run.report.run,
        outcome=last.outcome,
        branch=branch,
        base=(kept and kept.base) or "",
        not_from=not_from,
        left_out=left_out.reason if left_out and last.succeeded else "",
        error_text=last.error_text or "",
        check_output=last.check_output,
        last_words=last.final_message,
    )


def _why_not(run: EarlierRun, row: TaskRow, decided: MergeState | None) -> str:
    if row.task in run.too_large:
        return _TOO_LARGE
    return "the pull request that had them was closed without being merged" if decided is MergeState.CLOSED else ""


def _decided(run: EarlierRun, row: TaskRow, pull_requests: Mapping[int, PullRequest]) -> MergeState | None:
    """What became of the pull request that had the task's work; None where none had."""
    branches = {each.branch for each in run.report.tasks}
    is_in_whole = run.integration is not None and row.task in run.integration.tasks
    own = [pull for pull in run.pull_requests if pull.head == row.branch]
    whole = [pull for pull in run.pull_requests if is_in_whole and pull.head not in branches]
    states = {pull_requests.get(pull.number, pull).state for pull in own or whole}
    return next((state for state in (MergeState.MERGED, MergeState.OPEN, MergeState.CLOSED) if state in states), None)
