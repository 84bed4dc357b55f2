"""While a run goes on, its issues show it: queued, then running. What came of them is told afterwards."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping

from miyabi.github_values import Issue
from miyabi.github_writer import GitHubWriter
from miyabi.issue_text import IssueState, labels_for
from miyabi.progress import WORKING, Board, Row, TaskState
from miyabi.run_folder import RunFolder

EVERY_SECONDS = 5.0


async def watch_issues(
    github: GitHubWriter,
    folder: RunFolder,
    issues: Mapping[str, Issue],
    *,
    until: threading.Event,
    every_seconds: float = EVERY_SECONDS,
) -> None:
    """Keeps the labels of the issues at what their tasks do, until told to stop.

    Args:
        github: the repository; our labels exist in it.
        folder: the run's, whose status file is read.
        issues: the issue of each task, with the labels that it has now.
        until: set when the run is over.
        every_seconds: how often to look.

    Raises:
        GitHubError: GitHub refuses, or does not answer.
    """
    shown = {task: dict.fromkeys(issue.labels) for task, issue in issues.items()}
    while not until.is_set():
        snapshot = Board.read(folder.status_file)
        rows = snapshot.rows if snapshot else tuple(Row(task=task) for task in issues)
        for row in rows:
            state = _state(row)
            if until.is_set() or row.task not in issues or state is None:
                continue
            change = labels_for(state, current=shown[row.task])
            if change.add or change.remove:
                labels = await github.set_labels(issues[row.task].number, add=change.add, remove=change.remove)
                shown[row.task] = dict.fromkeys(labels)
        await asyncio.to_thread(until.wait, every_seconds)


def _state(row: Row) -> IssueState | None:
    if row.state is TaskState.DONE:
        return None
    return IssueState.RUNNING if row.state in WORKING else IssueState.QUEUED
