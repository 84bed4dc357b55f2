"""Progress as Markdown, for the artifact that moves while a run does. Pure."""

from __future__ import annotations

from miyabi.runs import Snapshot
from miyabi.text import render_page


def progress_markdown(snapshot: Snapshot, *, now: float | None = None) -> str:
    """Renders a bar, the counts, and a line for each task that holds a slot or waits for a limit or the like to end.

    `now` is epoch seconds; None: the present.
    """
    return render_page(
        "reports/progress.md.jinja",
        snapshot=snapshot,
        now=snapshot.now if now is None else now,
        rows=(*snapshot.working, *snapshot.pausing),
    )
