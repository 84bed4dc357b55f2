"""Which milestone is meant: a number, a title, or the one that is next due. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from miyabi.errors import BadInput
from miyabi.github import Milestone, there_are
from miyabi.text import quote

NEXT_DUE = "next due"
_NEVER = datetime.max.replace(tzinfo=UTC)


def choose_milestone(milestones: Sequence[Milestone], wanted: str, *, finished: bool = False) -> Milestone:
    """Finds the milestone that is meant.

    Args:
        milestones: all of them, open and closed.
        wanted: see `find_milestone`.
        finished: whether one with nothing open may be next due, as where we close milestones.

    Raises:
        BadInput: there is none; names those that there are.
    """
    if (found := find_milestone(milestones, wanted, finished=finished)) is not None:
        return found
    asked = "none is open with open issues" if _is_next_due(wanted) else "there is no such milestone"
    raise BadInput(
        f"milestone {quote(wanted)}: {asked}. {there_are(milestones)} Give a number, a title or '{NEXT_DUE}'."
    )


def find_milestone(milestones: Sequence[Milestone], wanted: str, *, finished: bool = False) -> Milestone | None:
    """Finds the milestone of that number (`37`, `#37`) or else title, or the `next due`; of several an open one.

    Titles are compared without case, and with any white space as one blank. None where there is none.
    """
    if _is_next_due(wanted):
        return next_due(milestones, finished=finished)
    number = wanted.strip().removeprefix("#")
    by_number = [m for m in milestones if str(m.number) == number.lstrip("0")]
    chosen = by_number or [m for m in milestones if _folded(m.title) == _folded(wanted)]
    return min(chosen, key=lambda m: (m.state != "open", m.title != wanted, m.number), default=None)


def next_due(milestones: Iterable[Milestone], *, finished: bool = False) -> Milestone | None:
    """Finds the open milestone that is due first, overdue ones before all; without a date last, then by number.

    One with nothing open counts only where `finished` says so. None where there is none.
    """
    ready = [m for m in milestones if m.state == "open" and (m.open_issues or finished)]
    return min(ready, key=lambda m: (m.due_on or _NEVER, m.number), default=None)


def _is_next_due(wanted: str) -> bool:
    """It asks for the one that is next due."""
    return _folded(wanted) == NEXT_DUE


def _folded(title: str) -> str:
    return " ".join(title.split()).casefold()
