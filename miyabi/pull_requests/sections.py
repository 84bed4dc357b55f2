"""What a pull request's text is made of beside the report itself: which rows, in which words. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from miyabi.integration import Integration, LeftOut, LeftOutKind
from miyabi.reports import Elsewhere, Report, TaskRow, outcome_style
from miyabi.sessions import Outcome, left_there_words, size_of
from miyabi.text import Box, Style, count, flowchart, github_markdown, in_words

WHY = {
    LeftOutKind.CONFLICT: "conflict",
    LeftOutKind.CHECK: "breaks the checks",
    LeftOutKind.SIZE: "too large for GitHub",
    LeftOutKind.UPSTREAM: "goes with another",
    LeftOutKind.FAILED: "did not succeed",
}


def left_out(report: Report, integration: Integration) -> list[LeftOut]:
    """Finds the tasks whose work is not on the branch, in the report's order, each with the reason."""
    known, merged = integration.left_out_by_task, set(integration.tasks)
    return [known.get(row.task) or _unmerged(row, report) for row in report.tasks if row.task not in merged]


def elsewhere_words(elsewhere: Elsewhere | None) -> list[str]:
    """Says what a task's branch does not hold, in GitHub's Markdown.

    Returns:
        A sentence for each part, without its full stop; none for None.
    """
    strays = elsewhere.strays if elsewhere else None
    where = "in the orchestrator's clone"
    beside = (
        [f"{github_markdown.plain(size_of(strays))} on {github_markdown.code(strays.branch)} {where}"] if strays else []
    )
    there = elsewhere.left_there if elsewhere else ()
    inside = elsewhere.submodules if elsewhere else ()
    return [
        *beside,
        *(github_markdown.plain(left_there_words(left.files, machine=left.machine)) for left in there),
        *(
            f"{github_markdown.plain(each.text)}"
            f"{f': {github_markdown.code(each.command, limit=300)}' if each.command else ''}"
            for each in inside
        ),
    ]


def dag(report: Report, merged: Collection[str], *, limit: int) -> str | None:
    """Draws the DAG in Mermaid; what succeeded and is not among the `merged` tasks is not green.

    None where it has too many boxes or edges to be drawn, or the drawing more than `limit` characters.
    """
    boxes = [Box(id=r.task, title=github_markdown.neutralize(r.label), style=_style(r, merged)) for r in report.tasks]
    drawing = flowchart(boxes, [(upstream, row.task) for row in report.tasks for upstream in row.upstream])
    return None if drawing is None or github_markdown.size(drawing) > limit else drawing


def files(report: Report, tasks: Collection[str]) -> list[tuple[str, Sequence[str]]]:
    """Finds the files that some of these tasks changed.

    Returns:
        Pairs in the report's order: the path, and which of these tasks changed it.
    """
    changed = ((each.path, [task for task in each.tasks if task in tasks]) for each in report.files)
    return [row for row in changed if row[1]]


def changes(rows: Sequence[TaskRow], *, files: int) -> str:
    """Says how much these tasks changed: commits, so many `files`, and lines."""
    plus, minus = sum(r.insertions for r in rows), sum(r.deletions for r in rows)
    commits = count(sum(r.commits for r in rows), "commit")
    return f"{commits}, {count(files, 'file')}, +{plus:,} −{minus:,}"  # noqa: RUF001 - a minus sign


def _unmerged(row: TaskRow, report: Report) -> LeftOut:
    """Why a task is not on the branch where the integration does not say it."""
    skipped = {skip.task: skip.reason for skip in report.skips}
    reason = skipped.get(row.task) or in_words(row.ending)
    if row.outcome is Outcome.SUCCEEDED:
        reason = "it has commits, but they were not merged" if row.commits else "it made no commits"
    return LeftOut(task=row.task, kind=LeftOutKind.FAILED, reason=reason)


def _style(row: TaskRow, merged: Collection[str]) -> Style:
    kept_out = row.outcome is Outcome.SUCCEEDED and row.task not in merged
    return Style.WAITED if kept_out else outcome_style(row.outcome)
