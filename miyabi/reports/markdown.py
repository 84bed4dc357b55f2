"""A report as Markdown, for report.md and for Prefect's artifact view. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC
from typing import TypeVar

from miyabi.reports.report import Report
from miyabi.reports.rows import ChangedFile, Elsewhere, Failure, MachineRow, Resolution, Skipped, TaskRow
from miyabi.sessions import Outcome, left_there_words, size_of
from miyabi.text import MAX_BOXES, Bar, Box, Style, cost, count, dollars, duration, flowchart, gantt, markdown, percent

MAX_ROWS = 500
REHEARSAL = "> **Rehearsal.** A small shell agent worked in place of Claude: nothing here is real work.\n"

_Row = TypeVar("_Row")
_SHORT_HEAD = 10


def to_markdown(report: Report, *, integration: str = "") -> str:
    """The whole report: summary, pictures, tables; each part only where there is something to say.

    `integration` is the section about the integration branch, where there is one.
    """
    parts = (
        f"# {'Rehearsal' if report.rehearsal else 'Run'} {markdown.code(report.run)}\n",
        REHEARSAL if report.rehearsal else "",
        f"**{summary_sentence(report)}**\n",
        _facts(report),
        _part("What did not succeed", report.troubles, lambda rows: _failures(rows, run=report.run)),
        _part("Skipped", report.skips, _skips),
        integration,
        _part("Work beside the branches", [e for e in report.elsewhere if e.strays or e.left_there], _elsewhere),
        _part("Work in submodules", [each for each in report.elsewhere if each.submodules], _submodules),
        _part("Sessions that resolved conflicts", report.resolutions, lambda rows: _resolutions(rows, run=report.run)),
        _warnings(report.warnings),
        _dag(report),
        _part("Tasks", report.tasks, _tasks),
        _timeline(report),
        _part("Machines", report.machines, _machines),
        _part("Changed files", report.files, _files),
        _part("Why each task ran where it ran", [t for t in report.tasks if t.placement], _placements),
    )
    return "\n".join(part for part in parts if part)


def summary_sentence(report: Report) -> str:
    """What happened, in one line of plain words; for the terminal too."""
    r, working = report, sum(bool(machine.sessions) for machine in report.machines)
    spent = dollars(r.cost_usd, is_partial=r.cost_is_partial)
    parts = [
        f"{'Rehearsal: ' if r.rehearsal else ''}{r.succeeded} of {count(r.total, 'task')} succeeded",
        f" ({percent(r.success_rate)})",
        f", {r.failed} failed" if r.failed else "",
        f", {r.skipped} skipped" if r.skipped else "",
        f", in {duration(r.wall_seconds)} on {count(working, 'machine')}." if working else ". No session ran.",
        f" The sessions took {duration(r.session_seconds)} together, {r.speed_up:.1f} times that." if working else "",
        f" {spent}, {count(r.usage.total, 'token')}." if r.usage.total or r.cost_usd or r.cost_is_partial else "",
    ]
    return "".join(parts)


def _facts(report: Report) -> str:
    """When it was, and the tokens by kind."""
    usage, end = report.usage, report.ended.astimezone(UTC)
    start = report.started.astimezone(UTC)
    tokens = (
        f" Tokens: {usage.input_tokens:,} in, {usage.output_tokens:,} out, {usage.cache_read_input_tokens:,} read from "
        f"and {usage.cache_creation_input_tokens:,} written to the cache."
    )
    same_day = start.date() == end.date()
    times = f"From {start:%Y-%m-%d %H:%M:%S} to {end:{'%H:%M:%S' if same_day else '%Y-%m-%d %H:%M:%S'}} UTC"
    after = report.wall_seconds - (end - start).total_seconds()
    resolved = f", and {duration(after)} afterwards to resolve conflicts" if after > 1 else ""
    return f"{times}{resolved}.{tokens if usage.total else ''}\n"


def outcome_style(outcome: Outcome) -> Style:
    """The colour of an outcome: red where somebody has to look, yellow where it may work by itself later."""
    if outcome is Outcome.SUCCEEDED:
        return Style.GOOD
    if outcome is Outcome.SKIPPED:
        return Style.SKIPPED
    later = {
        Outcome.USAGE_LIMIT,
        Outcome.API_UNAVAILABLE,
        Outcome.MACHINE_LOST,
        Outcome.NOT_COLLECTED,
        Outcome.STOPPED,
    }
    return Style.WAITED if outcome in later else Style.BAD


def _dag(report: Report) -> str:
    boxes = [Box(id=t.task, title=_label(t), style=outcome_style(t.outcome)) for t in report.tasks]
    edges = [(upstream, t.task) for t in report.tasks for upstream in t.upstream]
    drawing = flowchart(boxes, edges)
    if drawing is None:
        return f"The DAG has {count(len(boxes), 'task')} and {count(len(edges), 'edge')}: too large to be drawn.\n"
    legend = "Green: succeeded. Red: failed. Yellow: may work later. Grey: skipped.\n"
    return f"## DAG\n\n{markdown.fenced('mermaid', drawing)}\n{legend}"


def _label(row: TaskRow) -> str:
    return row.task if row.title in {"", row.task} else f"{row.task}: {row.title}"


def _timeline(report: Report) -> str:
    bars = [
        Bar(section=s.machine, title=s.task, style=outcome_style(s.outcome), start=s.start, end=s.end)
        for s in report.stretches
    ]
    drawing = gantt(bars, title=f"{'Rehearsal' if report.rehearsal else 'Run'} {report.run}")
    if drawing is None:
        reason = f"{count(len(bars), 'session')}, more than {MAX_BOXES}, are too many to be drawn.\n"
        return f"## Timeline\n\n{reason}" if bars else ""
    return f"## Timeline\n\n{markdown.fenced('mermaid', drawing)}"


def _part(title: str, rows: Sequence[_Row], draw: Callable[[Sequence[_Row]], str]) -> str:
    if not rows:
        return ""
    more = f"\nThe first {MAX_ROWS} of {len(rows):,}; all are in report.json.\n" if len(rows) > MAX_ROWS else ""
    return f"## {title}\n\n{draw(rows[:MAX_ROWS])}{more}"


def _tasks(rows: Sequence[TaskRow]) -> str:
    numbers = ("Attempts", "Turns", "Cost (USD)", "Time")
    titles = ("Task", "Title", "Outcome", "Machine", *numbers, "Changes", "Head")
    branch = next((row.branch.removesuffix(row.task) for row in rows if row.branch), "")
    where = f"What a task committed is on the branch {markdown.code(f'{branch}TASK')}.\n\n" if branch else ""
    return where + markdown.table(titles, [_task(row) for row in rows], right=numbers)


def _task(row: TaskRow) -> Sequence[str]:
    return (
        markdown.code(row.task),
        markdown.escape(row.title, limit=80),
        row.outcome.replace("_", " "),
        markdown.escape(row.machine or ""),
        str(row.attempts),
        str(row.turns),
        cost(row.cost_usd, is_partial=row.cost_is_partial),
        duration(row.seconds),
        _changes(row),
        markdown.code((row.head or "")[:_SHORT_HEAD]),
    )


def _changes(row: TaskRow) -> str:
    """Each part stays on a line of a narrow cell."""
    if not row.commits:
        return ""
    parts = (f"+{row.insertions} −{row.deletions}", count(row.files, "file"), "salvaged" if row.salvaged else "")  # noqa: RUF001 - a minus sign
    return ", ".join(part.replace(" ", "\u00a0") for part in parts if part)


def _failures(rows: Sequence[Failure], *, run: str) -> str:
    how = (
        f"{markdown.code(f'miyabi logs {run} TASK')} shows what a session did; its folder is below the one "
        f"of this report.\n\n"
    )
    cells = [
        (
            markdown.code(r.task),
            r.outcome.replace("_", " "),
            markdown.code(r.kind),
            markdown.escape(r.text, limit=300),
            markdown.code(r.where),
        )
        for r in rows
    ]
    return how + markdown.table(("Task", "Outcome", "Kind", "What was said", "Folder"), cells)


def _resolutions(rows: Sequence[Resolution], *, run: str) -> str:
    numbers = ("Attempts", "Turns", "Cost (USD)", "Time")
    cells = [
        (
            markdown.escape(r.title, limit=100),
            r.outcome.replace("_", " "),
            markdown.escape(r.machine or ""),
            *(str(r.attempts), str(r.turns), cost(r.cost_usd, is_partial=r.cost_is_partial), duration(r.seconds)),
            markdown.code(f"miyabi logs {run} {r.session}"),
        )
        for r in rows
    ]
    return markdown.table(("What for", "Outcome", "Machine", *numbers, "What it did"), cells, right=numbers)


def _skips(rows: Sequence[Skipped]) -> str:
    return markdown.table(
        ("Task", "Reason"), [(markdown.code(row.task), markdown.escape(row.reason, limit=300)) for row in rows]
    )


def _elsewhere(rows: Sequence[Elsewhere]) -> str:
    beside = [
        (markdown.code(row.task), size_of(row.strays), markdown.code(row.strays.branch)) for row in rows if row.strays
    ]
    there = [
        (
            markdown.code(row.task),
            markdown.escape(left_there_words(left.files, machine=left.machine)),
            markdown.escape(left.machine),
        )
        for row in rows
        for left in row.left_there
    ]
    said = "No branch of a task holds this, so it is not in what is merged.\n\n"
    return said + markdown.table(("Task", "What", "Where"), [*beside, *there])


def _submodules(rows: Sequence[Elsewhere]) -> str:
    cells = [
        (markdown.code(row.task), markdown.escape(each.text), markdown.code(each.command))
        for row in rows
        for each in row.submodules
    ]
    said = "A branch names a submodule's commit, and does not hold it: who fetches the branch has to have that too.\n\n"
    return said + markdown.table(("Task", "What", "To do"), cells)


def _machines(rows: Sequence[MachineRow]) -> str:
    numbers = ("Slots", "Sessions", "Succeeded", "Busy", "Utilisation")
    cells = [
        (
            markdown.escape(r.machine),
            str(r.slots),
            str(r.sessions),
            str(r.succeeded),
            duration(r.busy_seconds),
            _share(r),
        )
        for r in rows
    ]
    return markdown.table(("Machine", *numbers), cells, right=numbers)


def _share(row: MachineRow) -> str:
    return percent(row.utilisation) if row.slots else ""


def _files(rows: Sequence[ChangedFile]) -> str:
    return markdown.table(
        ("File", "Tasks"), [(markdown.code(r.path), ", ".join(markdown.code(t) for t in r.tasks)) for r in rows]
    )


def _placements(rows: Sequence[TaskRow]) -> str:
    return markdown.table(
        ("Task", "Reason"), [(markdown.code(row.task), markdown.escape(row.placement, limit=200)) for row in rows]
    )


def _warnings(warnings: Sequence[str]) -> str:
    return "## Warnings\n\n" + "".join(f"- {markdown.escape(w, limit=500)}\n" for w in warnings) if warnings else ""
