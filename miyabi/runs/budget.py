"""What the attempts of a task have spent, and what that leaves of its budget. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from miyabi.claude import Before
from miyabi.dag import Node
from miyabi.sessions import BLAMELESS, Outcome, SessionResult, is_resolving
from miyabi.settings import SessionDefaults

LEAST_USD = 0.01
"""Less is nothing: claude takes no budget of 0, and any answer costs more."""

_SAME_USD = 1e-9
GOES_ON = BLAMELESS | {Outcome.KILLED, Outcome.STALLED, Outcome.API_UNAVAILABLE}
"""Outcomes after which the same work is gone on with; after any other a task that is run again begins anew."""


def before(attempts: Iterable[SessionResult]) -> Before:
    """Adds up what a conversation had cost when its next attempt begins, from its attempts that are over.

    Claude's own count forgets what a process spent that was killed, so that is added up beside it.
    """
    total, since = 0.0, 0.0
    for each in sorted(attempts, key=_in_turn):
        if each.total_usd is None:  # a result of an earlier version
            total, since = total + each.cost_usd, 0.0
        elif abs(each.total_usd - total) > _SAME_USD:
            total, since = each.total_usd, 0.0
        else:
            since += each.cost_usd
    return Before(total_usd=total, since_usd=since)


def _in_turn(result: SessionResult) -> tuple[bool, float, int]:
    """The order of a conversation's attempts: those of its task, then those of merges that went back to it."""
    is_later = is_resolving(result.task)
    return is_later, result.start.timestamp() if is_later and result.start else 0.0, result.attempt


def spent(attempts: Iterable[SessionResult], *, fix_ups: int = 0) -> float:
    """Adds up what a task has spent since it was begun, or begun anew, US dollars: its budget is for that.

    `fix_ups` is that of the attempt to come: where it mends what the last one left, nothing is begun anew.
    """
    every = sorted(attempts, key=lambda result: result.attempt)
    sum_usd = 0.0
    counts = [*(result.fix_ups for result in every), fix_ups]
    for each, following in zip(every, counts[1:], strict=True):
        goes_on = each.outcome in GOES_ON or following > each.fix_ups
        sum_usd = sum_usd + each.cost_usd if goes_on else 0.0
    return sum_usd


def budget_of(node: Node, defaults: SessionDefaults) -> float | None:
    """Returns the budget of a task, US dollars; None where it has none."""
    return node.max_budget_usd or defaults.max_budget_usd


def spent_all(node: Node, defaults: SessionDefaults, *, spent_usd: float) -> str | None:
    """Says in one line that nothing of the budget is left for another attempt; None where there is."""
    budget = budget_of(node, defaults)
    if budget is None or budget - spent_usd >= LEAST_USD:
        return None
    advice = f"raise max_budget_usd of {node.id}, or split it"
    return f"its attempts have spent {spent_usd:.2f} USD of {budget:.2f}, so no other was started; {advice}"
