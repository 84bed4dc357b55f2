"""Progress as Markdown, for the artifact that moves while a run does. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from miyabi.runs import Snapshot, TaskProgress
from miyabi.text import count, dollars, duration, markdown

BAR_CELLS = 20


def progress_markdown(snapshot: Snapshot, *, now: float | None = None) -> str:
    """A bar, the counts, and a line for each task that holds a slot, or waits for a usage limit or the like to end.

    `now` is epoch seconds, None the present.
    """
    moment = snapshot.now if now is None else now
    kind = "Rehearsal" if snapshot.rehearsal else "Run"
    elapsed = duration(moment - snapshot.started)
    parts = (
        f"# {kind} {markdown.code(snapshot.run)}\n",
        f"{bar(snapshot)} {snapshot.done} of {count(len(snapshot.rows), 'task')} done after {elapsed}\n",
        f"{snapshot.counts}\n",
        _working((*snapshot.working, *snapshot.pausing), now=moment),
    )
    return "\n".join(part for part in parts if part)


def bar(snapshot: Snapshot, *, cells: int = BAR_CELLS) -> str:
    """A bar of full and empty cells; full only when all is done."""
    full = cells * snapshot.done // max(1, len(snapshot.rows))
    return "█" * full + "░" * (cells - full)


def _working(rows: Sequence[TaskProgress], *, now: float) -> str:
    """A list, since the UI shows an artifact's description without a table's lines and blanks."""
    return "".join(f"- {_sentence(row, now=now)}\n" for row in rows)


def _sentence(row: TaskProgress, *, now: float) -> str:
    where = f" on {markdown.escape(row.machine)}" if row.machine else ""
    status = row.status(now) if row.waits(now) else f"{row.state} for {duration(row.elapsed_seconds(now))}"
    parts = (
        f"{markdown.code(row.task)}{where}: {status}",
        count(row.turns, "turn") if row.turns else "",
        dollars(row.cost_usd, is_partial=row.cost_is_partial) if row.cost_usd else "",
        markdown.escape(row.last_action, limit=100),
    )
    return ", ".join(part for part in parts if part)
