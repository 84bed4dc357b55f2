"""Progress as Markdown, for the artifact that moves while a run does. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from miyabi.markdown import code, escape, table
from miyabi.progress import Row, Snapshot
from miyabi.wording import count, duration

BAR_CELLS = 20


def progress_markdown(snapshot: Snapshot, *, now: float | None = None) -> str:
    """A bar, the counts, and a table of the tasks that hold a slot. `now` is epoch seconds, None the present."""
    moment = snapshot.now if now is None else now
    kind = "Rehearsal" if snapshot.rehearsal else "Run"
    elapsed = duration(moment - snapshot.started)
    parts = (
        f"# {kind} {code(snapshot.run)}\n",
        f"{bar(snapshot)} {snapshot.done} of {count(len(snapshot.rows), 'task')} done after {elapsed}\n",
        f"{snapshot.counts}\n",
        _working(snapshot.working, now=moment),
    )
    return "\n".join(part for part in parts if part)


def bar(snapshot: Snapshot, *, cells: int = BAR_CELLS) -> str:
    """A bar of full and empty cells; full only when all is done."""
    full = cells * snapshot.done // max(1, len(snapshot.rows))
    return "█" * full + "░" * (cells - full)


def _working(rows: Sequence[Row], *, now: float) -> str:
    numbers = ("Elapsed", "Turns", "Cost (USD)")
    cells = [
        (
            code(row.task),
            escape(row.machine or ""),
            row.state,
            duration(row.elapsed_seconds(now)),
            str(row.turns),
            f"{row.cost_usd:.2f}",
            escape(row.last_action, limit=100),
        )
        for row in rows
    ]
    return table(("Task", "Machine", "State", *numbers, "Last action"), cells, right=numbers) if cells else ""
