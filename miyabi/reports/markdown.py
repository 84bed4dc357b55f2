"""A report as Markdown, for report.md and for Prefect's artifact view. Pure."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from miyabi.reports.report import Report
from miyabi.reports.rows import TaskRow
from miyabi.sessions import Outcome, left_there_words, size_of
from miyabi.text import (
    MAX_BOXES,
    Bar,
    Box,
    Style,
    count,
    dollars,
    duration,
    flowchart,
    gantt,
    percent,
    render_markdown,
)

MAX_ROWS = 500
MAX_QUOTED = 50


def to_markdown(report: Report, *, integration: str = "") -> str:
    """Renders the whole report: summary, pictures, tables; each part only where there is something to say.

    Args:
        report: what became of the tasks.
        integration: the section about the integration branch, in Markdown; empty where nothing is known of it.
    """
    return render_markdown(
        "reports/report.md.jinja",
        **values(report),
        integration=integration,
        dag=flowchart(boxes(report), edges(report)),
        edges=len(edges(report)),
        timeline=gantt(bars(report), title=f"{_kind(report)} {report.run}"),
    )


def values(report: Report) -> dict[str, Any]:
    """Returns what templates name of a report, whoever shows it."""
    branch = next((row.branch.removesuffix(row.task) for row in report.tasks[:MAX_ROWS] if row.branch), "")
    return {
        "kind": _kind(report),
        "report": report,
        "summary": summary_sentence(report),
        "times": _times(report),
        "beside": [each for each in report.elsewhere if each.strays or each.left_there],
        "inside": [each for each in report.elsewhere if each.submodules],
        "branch": branch and f"{branch}TASK",
        "changes": _changes,
        "style": outcome_style,
        "size_of": size_of,
        "left_there_words": left_there_words,
        "most": MAX_ROWS,
        "most_quoted": MAX_QUOTED,
        "most_drawn": MAX_BOXES,
    }


def _kind(report: Report) -> str:
    return "Rehearsal" if report.rehearsal else "Run"


def summary_sentence(report: Report) -> str:
    """Says what happened, in one line of plain words; for the terminal too."""
    r, working = report, sum(bool(machine.sessions) for machine in report.machines)
    cost = dollars(r.cost_usd, is_partial=r.cost_is_partial)
    spent = f"{cost[0].upper()}{cost[1:]}"
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


def _times(report: Report) -> str:
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
    return f"{times}{resolved}.{tokens if usage.total else ''}"


def outcome_style(outcome: Outcome) -> Style:
    """Returns the colour of an outcome: red where somebody has to look, yellow where it may work by itself later."""
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


def boxes(report: Report) -> list[Box]:
    """Makes the box of each task, in the DAG's order."""
    return [Box(id=row.task, title=row.label, style=outcome_style(row.outcome)) for row in report.tasks]


def edges(report: Report) -> list[tuple[str, str]]:
    """Lists which task each depends on, as pairs: that one, and itself."""
    return [(upstream, row.task) for row in report.tasks for upstream in row.upstream]


def bars(report: Report) -> list[Bar]:
    """Makes the bar of each attempt, by machine and start."""
    return [
        Bar(section=s.machine, title=s.task, style=outcome_style(s.outcome), start=s.start, end=s.end)
        for s in report.stretches
    ]


def _changes(row: TaskRow) -> str:
    """Each part stays on a line of a narrow cell."""
    if not row.commits:
        return ""
    parts = (f"+{row.insertions} −{row.deletions}", count(row.files, "file"), "salvaged" if row.salvaged else "")  # noqa: RUF001 - a minus sign
    return ", ".join(part.replace(" ", "\u00a0") for part in parts if part)
