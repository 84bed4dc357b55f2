"""What a pull request's text is made of beside the report itself: which rows, in which words. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from miyabi.integration import Integration, LeftOut, LeftOutKind
from miyabi.reports import Elsewhere, Report, TaskRow, outcome_style
from miyabi.sessions import Outcome, left_there_words, size_of
from miyabi.text import Box, Style, count, first_lines, flowchart, github_markdown, in_words

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What was done for a task whose work is there: `text` has its session's last words, which are foreign."""

    task: str
    title: str
    changes: str
    text: str


def done(report: Report, tasks: Collection[str], *, lines: int, characters: int) -> list[Done]:
    """Collects it for these tasks, in the report's order; of their last words so many lines and characters at most."""
    rows = [row for row in report.tasks if row.task in tasks]
    return [
        Done(
            task=row.task,
            title="" if row.label == row.task else row.title,
            changes=changes([row], files=row.files) if row.commits else "",
            text=first_lines(report.last_words_of(row.task), lines=lines, characters=characters),
        )
        for row in rows
    ]


_TO_DO = {
    LeftOutKind.CONFLICT: "merge {where} by hand, or merge this and let the next run do it again.",
    LeftOutKind.CHECK: "mend it on {where}, then merge that.",
    LeftOutKind.SIZE: "keep the file out of its commits, or in Git LFS.",
    LeftOutKind.UPSTREAM: "nothing here: what it goes with comes first.",
}
_TO_DO_OF_FAILED = {
    Outcome.SUCCEEDED: "nothing, if nothing was to be changed; else say in its prompt or issue what and where.",
    Outcome.SKIPPED: "nothing here: it is started when what it waits for has succeeded.",
}


def to_do(out: LeftOut, report: Report) -> str:
    """Says in GitHub's Markdown what a person may do about a task that is left out, as a sentence."""
    row = next(each for each in report.tasks if each.task == out.task)
    branch = github_markdown.code(row.branch or "")
    look, again = (github_markdown.command(f"miyabi {word} {report.run} {out.task}") for word in ("logs", "retry"))
    otherwise = f"{look} shows what its session did, {again} tries it again."
    said = _TO_DO.get(out.kind) or _TO_DO_OF_FAILED.get(row.outcome) or otherwise
    return said.replace("{where}", f"its branch {branch} in the orchestrator's clone" if branch else "its branch")


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
