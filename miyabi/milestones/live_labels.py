"""While a run goes on, its issues show it: queued, then running. What came of them is written afterwards."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from miyabi.github import GitHubRepository, Issue
from miyabi.milestones.issue_comment import LABELS, IssueState, LabelChange, labels_for
from miyabi.milestones.update import ensure_labels
from miyabi.runs import WORKING, Board, RunFolder, Snapshot, TaskProgress, TaskState

EVERY_SECONDS = 2.0


class Due(NamedTuple):
    """What is to be changed on the issue of a task."""

    task: str
    state: IssueState
    change: LabelChange


async def watch_issues(
    github: GitHubRepository,
    folder: RunFolder,
    issues: Mapping[str, Issue],
    *,
    until: threading.Event,
    cut_short: threading.Event,
    every_seconds: float = EVERY_SECONDS,
) -> None:
    """Keeps the labels of the issues at what their tasks do, until `until` is set.

    Nothing is shown before the run has a status, that is before a machine has been found fit. Writes take their time,
    so after each of them it is looked anew what is to be shown.

    Args:
        github: the repository; our labels are made in it when the first is needed.
        folder: the run's, whose status file is read.
        issues: the issue of each task, with the labels that it has now.
        until: set when the run is over.
        cut_short: set before `until` where nobody writes what came of the run: what it leaves behind does not run.
        every_seconds: from one look to the next, where there was nothing to do.

    Raises:
        GitHubError: GitHub refuses, or does not answer.
    """
    shown: dict[str, Collection[str]] = {task: issue.labels for task, issue in issues.items()}
    are_made = False
    while not until.is_set():
        due = next_due(Board.read(folder.status_file), shown=shown)
        if due is None:
            await asyncio.to_thread(until.wait, every_seconds)
        elif not are_made:
            await ensure_labels(github)
            are_made = True
        else:
            add, remove = due.change.add, due.change.remove
            shown[due.task] = await github.issues.set_labels(issues[due.task].number, add=add, remove=remove)
    for task, labels in shown.items():
        if cut_short.is_set() and LABELS[IssueState.RUNNING] in labels:
            change = labels_for(IssueState.QUEUED, current=labels)
            await github.issues.set_labels(issues[task].number, add=change.add, remove=change.remove)


def next_due(snapshot: Snapshot | None, *, shown: Mapping[str, Collection[str]]) -> Due | None:
    """Finds what is to be changed next: what runs comes before what waits; None where all is shown.

    Args:
        snapshot: of the run's status; None before there is one.
        shown: the labels of each task's issue.
    """
    due = list(_due(snapshot.rows if snapshot else (), shown))
    return min(due, key=lambda each: each.state is IssueState.QUEUED, default=None)


def _due(rows: Collection[TaskProgress], shown: Mapping[str, Collection[str]]) -> Iterator[Due]:
    for row in rows:
        if row.task in shown and row.state is not TaskState.DONE:
            state = IssueState.RUNNING if row.state in WORKING else IssueState.QUEUED
            change = labels_for(state, current=shown[row.task])
            if change.add or change.remove:
                yield Due(row.task, state, change)
