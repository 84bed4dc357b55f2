"""The sections of a pull request's text, each from the report and what came of the integration. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from miyabi.integration import Integration, LeftOut, LeftOutKind
from miyabi.reports import Elsewhere, Report, TaskRow, outcome_style
from miyabi.sessions import Outcome, left_there_words, size_of
from miyabi.text import (
    Box,
    Style,
    cost,
    count,
    dollars,
    duration,
    flowchart,
    github_markdown,
    markdown,
    percent,
    several,
)

MAX_ROWS = 500
_LOG_CHARACTERS = 6_000
_SHORT_SHA = 10
_PATHS_IN_A_CELL = 10
_WHY = {
    LeftOutKind.CONFLICT: "conflict",
    LeftOutKind.CHECK: "breaks the checks",
    LeftOutKind.SIZE: "too large for GitHub",
    LeftOutKind.UPSTREAM: "goes with another",
    LeftOutKind.FAILED: "did not succeed",
}


def issue_link(task: str, issues: Mapping[str, int]) -> str:
    """`#5`, which GitHub makes a link; nothing for a task without an issue."""
    return f"#{issues[task]}" if task in issues else ""


def left_out(report: Report, integration: Integration) -> list[LeftOut]:
    """Every task whose work is not on the branch, in the report's order, with the reason."""
    known, merged = integration.left_out_by_task, set(integration.tasks)
    return [known.get(row.task) or _unmerged(row, report) for row in report.tasks if row.task not in merged]


def left_out_section(
    report: Report, integration: Integration, issues: Mapping[str, int]
) -> list[github_markdown.Section]:
    """What was left out and why, with the files in conflict."""
    rows = [
        (issue_link(each.task, issues), github_markdown.code(each.task), _WHY[each.kind], _reason(each), _files(each))
        for each in left_out(report, integration)
    ]
    titles = ("Issue", "Task", "Why", "What was said", "Files in conflict")
    return github_markdown.tables("Left out, and why", titles, rows, limit=MAX_ROWS)


def elsewhere(report: Report, issues: Mapping[str, int]) -> list[github_markdown.Section]:
    """What the sessions did beside the branches of their tasks: it is not in the pull request."""
    rows = [
        (issue_link(each.task, issues), github_markdown.code(each.task), sentence)
        for each in report.elsewhere
        for sentence in elsewhere_words(each)
    ]
    titles = ("Issue", "Task", "Not in this branch")
    return github_markdown.tables("Work beside the branches", titles, rows, limit=MAX_ROWS)


def elsewhere_words(elsewhere: Elsewhere | None) -> list[str]:
    """Each part of what a task's branch does not hold, as a sentence without its full stop; none of None."""
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


def tasks(report: Report, integration: Integration, issues: Mapping[str, int]) -> list[github_markdown.Section]:
    """All tasks, a row each."""
    merged = set(integration.tasks)
    numbers = ("Turns", "Cost (USD)", "Time")
    rows = [
        (
            issue_link(row.task, issues),
            github_markdown.code(row.task),
            github_markdown.plain(row.title, limit=80),
            row.outcome.replace("_", " "),
            "yes" if row.task in merged else "no",
            github_markdown.plain(row.machine or ""),
            str(row.turns),
            cost(row.cost_usd, is_partial=row.cost_is_partial),
            duration(row.seconds),
        )
        for row in report.tasks
    ]
    titles = ("Issue", "Task", "Title", "Outcome", "In this branch", "Machine", *numbers)
    return github_markdown.tables("Tasks", titles, rows, right=numbers, limit=MAX_ROWS)


def statistics(report: Report, integration: Integration) -> github_markdown.Section:
    """The figures of the run."""
    r = report
    rows = [
        ("Run", github_markdown.code(r.run)),
        ("Tasks", f"{r.succeeded} succeeded, {r.failed} failed, {r.skipped} skipped ({percent(r.success_rate)})"),
        ("In this branch", f"{len(integration.merged)} of {r.total}"),
        ("Time", f"{duration(r.wall_seconds)}; sessions together {duration(r.session_seconds)} ({r.speed_up:.1f}×)"),  # noqa: RUF001 - a multiplication sign
        ("Machines", github_markdown.plain(", ".join(m.machine for m in r.machines if m.sessions)) or "none"),
        ("Cost", f"{dollars(r.cost_usd, is_partial=r.cost_is_partial)}, {count(r.usage.total, 'token')}"),
        ("Changes", _changes(report, set(integration.tasks))),
        ("Base", github_markdown.code(integration.base[:_SHORT_SHA])),
    ]
    return github_markdown.Section(title="Statistics", text=markdown.table(("", ""), rows))


def facts(row: TaskRow, elsewhere: Elsewhere | None) -> str:
    """The figures of one task, as a table; `elsewhere` is what its branch does not hold."""
    attempts = f" ({count(row.attempts, 'attempt')})" if row.attempts > 1 else ""
    rows = [
        ("Outcome", f"{row.outcome.replace('_', ' ')}{attempts}"),
        ("Machine", github_markdown.plain(row.machine or "")),
        ("Turns", str(row.turns)),
        ("Cost", dollars(row.cost_usd, is_partial=row.cost_is_partial)),
        ("Time", duration(row.seconds)),
        ("Changes", _sum([row], files=row.files)),
        *(("Not in here", sentence) for sentence in elsewhere_words(elsewhere)),
    ]
    return markdown.table(("", ""), rows)


def dag(report: Report, integration: Integration, *, limit: int) -> github_markdown.Section:
    """The DAG as a picture; what succeeded and is not on the branch is not green. One of over `limit` is not drawn."""
    merged = set(integration.tasks)
    boxes = [Box(id=r.task, title=github_markdown.neutralize(_label(r)), style=_style(r, merged)) for r in report.tasks]
    edges = [(upstream, row.task) for row in report.tasks for upstream in row.upstream]
    drawing = flowchart(boxes, edges)
    if drawing is None or github_markdown.size(drawing) > limit:
        said = f"The DAG has {count(len(boxes), 'task')} and {count(len(edges), 'edge')}: too large to be drawn.\n"
        return github_markdown.Section(title="DAG", text=said)
    legend = "Green: in this branch. Red: failed. Yellow: left out, or may work later. Grey: skipped.\n"
    return github_markdown.Section(title="DAG", text=f"{markdown.fenced('mermaid', drawing)}\n{legend}")


def verification(integration: Integration) -> list[github_markdown.Section]:
    """What was run on the integrated tree, and how it ended."""
    if integration.verified is None:
        return []
    said = "All of it passes:" if integration.verified else "**It does not pass:**"
    commands = "".join(f"- {github_markdown.command(each)}\n" for each in integration.verify_commands)
    log = (
        github_markdown.block(integration.verify_log, characters=_LOG_CHARACTERS)
        if integration.verify_log.strip()
        else ""
    )
    details = f"\n<details><summary>Output</summary>\n\n{log}\n</details>\n" if log else ""
    return [github_markdown.Section(title="Checks of the whole", text=f"{said}\n\n{commands}{details}")]


def files(report: Report, *, tasks: set[str]) -> list[github_markdown.Section]:
    """The files that these tasks changed."""
    rows = [
        (github_markdown.code(f.path), ", ".join(github_markdown.code(t) for t in f.tasks if t in tasks))
        for f in report.files
    ]
    return github_markdown.tables("Changed files", ("File", "Tasks"), [row for row in rows if row[1]], limit=MAX_ROWS)


def errors(report: Report, issues: Mapping[str, int]) -> list[github_markdown.Section]:
    """What the tasks said that did not succeed."""
    rows = [
        (
            issue_link(r.task, issues),
            github_markdown.code(r.task),
            r.outcome.replace("_", " "),
            github_markdown.plain(r.text, limit=300),
            github_markdown.code(r.where),
        )
        for r in report.troubles
    ]
    titles = ("Issue", "Task", "Outcome", "What was said", "Where to look")
    return github_markdown.tables("Errors", titles, rows, limit=MAX_ROWS)


def warnings(report: Report) -> list[github_markdown.Section]:
    """What else the reader should know."""
    lines = "".join(f"- {github_markdown.plain(warning, limit=300)}\n" for warning in report.warnings[:20])
    return [github_markdown.Section(title="Warnings", text=lines)] if lines else []


def _unmerged(row: TaskRow, report: Report) -> LeftOut:
    """Why a task is not on the branch where the integration does not say it."""
    skipped = {skip.task: skip.reason for skip in report.skips}
    reason = skipped.get(row.task) or row.outcome.replace("_", " ")
    if row.outcome is Outcome.SUCCEEDED:
        reason = "it has commits, but they were not merged" if row.commits else "it made no commits"
    return LeftOut(task=row.task, kind=LeftOutKind.FAILED, reason=reason)


def _reason(each: LeftOut) -> str:
    because = f"goes with {github_markdown.code(each.because_of)}" if each.because_of else ""
    return "; ".join(part for part in (because, github_markdown.plain(each.reason)) if part)


def _files(each: LeftOut) -> str:
    return several([github_markdown.code(path) for path in each.files], most=_PATHS_IN_A_CELL)


def _changes(report: Report, merged: set[str]) -> str:
    changed = sum(any(task in merged for task in file.tasks) for file in report.files)
    return _sum([row for row in report.tasks if row.task in merged], files=changed)


def _sum(rows: Sequence[TaskRow], *, files: int) -> str:
    plus, minus = sum(r.insertions for r in rows), sum(r.deletions for r in rows)
    commits = count(sum(r.commits for r in rows), "commit")
    return f"{commits}, {count(files, 'file')}, +{plus:,} −{minus:,}"  # noqa: RUF001 - a minus sign


def _label(row: TaskRow) -> str:
    return row.task if row.title in {"", row.task} else f"{row.task}: {row.title}"


def _style(row: TaskRow, merged: set[str]) -> Style:
    kept_out = row.outcome is Outcome.SUCCEEDED and row.task not in merged
    return Style.WAITED if kept_out else outcome_style(row.outcome)
