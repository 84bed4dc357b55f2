"""Whether what failed goes back to the conversation that made it, by the attempts that are over. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from miyabi.dag import Node
from miyabi.runs.budget import GOES_ON, spent, spent_all
from miyabi.sessions import Outcome, SessionResult
from miyabi.settings import SessionDefaults, Settings
from miyabi.text import without_times

LEAST_SHARE = 0.05
"""Of a task's time; with less left no fix-up is begun."""

_MENDABLE = {Outcome.CHECK_FAILED, Outcome.UNRESOLVED_CONFLICT}


def is_mendable(result: SessionResult, *, allowed_tools: Sequence[str]) -> bool:
    """Returns whether its conversation can mend what it ended with: it did its work, and was told what is wrong."""
    if result.rehearsal or result.session_id is None:
        return False
    if result.outcome is Outcome.PERMISSION_DENIED:
        return bool(allowed_tools)  # else there is nothing that it could use in place of what was denied
    return (
        result.outcome in _MENDABLE
        or result.is_to_be_changed
        or (result.outcome is Outcome.NO_CHANGES and bool(result.left_there))
    )


def fix_up_is_due(attempts: Sequence[SessionResult], *, node: Node, settings: Settings) -> bool:
    """Returns whether the failure of a task's last attempt goes back to its conversation.

    It does not where it has so often already, where the same failure came before, where the last fix-up committed
    nothing, and where nothing is left of the task's budget, turns or time.

    Args:
        attempts: all of the task that are over, in their order.
        node: the task.
        settings: of the run.
    """
    return _may_be_due(attempts, node, settings) and not why_given_up(attempts, node=node, settings=settings)


def why_given_up(attempts: Sequence[SessionResult], *, node: Node, settings: Settings) -> str:
    """Says why a failure that might go back to its conversation does not; nothing where it does or never might.

    Returns:
        A sentence without full stop. The arguments are those of `fix_up_is_due`.
    """
    if not _may_be_due(attempts, node, settings):
        return ""
    last = attempts[-1]
    before = [found for each in range(last.fix_ups) if (found := failed_before(attempts, each + 1))]
    if before and last.head == before[-1].head:
        return "its last fix-up committed nothing, so it got no other"
    if _failure(last) in map(_failure, before):
        return "its last fix-up ended with a failure that had come before, so it got no other"
    spent_usd = spent(attempts, fix_ups=last.fix_ups + 1)
    return _spent_words(attempts, node, settings.sessions, spent_usd=spent_usd)


def _may_be_due(attempts: Sequence[SessionResult], node: Node, settings: Settings) -> bool:
    if not attempts or attempts[-1].fix_ups >= fix_attempts_of(node, settings):
        return False
    tools = settings.sessions.allowed_tools if node.allowed_tools is None else node.allowed_tools
    return is_mendable(attempts[-1], allowed_tools=tools)


def _spent_words(attempts: Sequence[SessionResult], node: Node, defaults: SessionDefaults, *, spent_usd: float) -> str:
    (turns, seconds), most_turns = used(attempts), node.max_turns or defaults.max_turns
    minutes = node.timeout_minutes or defaults.timeout_minutes
    if spent_all(node, defaults, spent_usd=spent_usd):
        return "nothing is left of its max_budget_usd for a fix-up"
    if most_turns is not None and turns >= most_turns:
        return "nothing is left of its max_turns for a fix-up"
    return "nothing is left of its timeout_minutes for a fix-up" if seconds > (1 - LEAST_SHARE) * 60 * minutes else ""


def next_fix_ups(attempts: Sequence[SessionResult], *, node: Node, settings: Settings) -> int:
    """Counts how often, with its next attempt, a failure of a task has gone back to its conversation.

    As for `fix_up_is_due`; 0 where the task is begun anew.
    """
    if fix_up_is_due(attempts, node=node, settings=settings):
        return attempts[-1].fix_ups + 1
    return attempts[-1].fix_ups if attempts and attempts[-1].outcome in GOES_ON else 0


def fix_attempts_of(node: Node, settings: Settings) -> int:
    """Returns how often a failure of the task may go back to its conversation."""
    return settings.runs.fix_attempts if node.fix_attempts is None else node.fix_attempts


def failed_before(attempts: Sequence[SessionResult], fix_up: int) -> SessionResult | None:
    """Finds the failed result that the fix-up of that number, 1 or more, is to mend, since the task began anew."""
    return next((each for each in reversed(_since_begun(attempts)) if each.fix_ups == fix_up - 1), None)


def used(attempts: Sequence[SessionResult]) -> tuple[int, float]:
    """Adds up the turns and the seconds that count against a task's limits where a fix-up goes on.

    That is what was used since the attempt whose failure is mended; those before it had turns and time of their own.
    Set-up and check have a clock of their own, as far as claude says how long it worked.
    """
    since = _since_begun(attempts)
    first = next((i for i in reversed(range(len(since))) if not since[i].fix_ups), 0)
    seconds = (each.seconds if each.agent_seconds is None else each.agent_seconds for each in since[first:])
    return sum(each.turns for each in since[first:]), sum(seconds)


def _since_begun(attempts: Sequence[SessionResult]) -> Sequence[SessionResult]:
    """Without what came before the task was begun anew after its last fix-up."""
    is_anew = [i for i in range(1, len(attempts)) if attempts[i].fix_ups < attempts[i - 1].fix_ups]
    return attempts[is_anew[-1] :] if is_anew else attempts


def _failure(result: SessionResult) -> tuple[object, ...]:
    """What makes it the same failure as another one."""
    findings = [(each.file, each.why) for each in result.review.findings] if result.review else []
    what = (result.unresolved, result.permission_denials, result.left_there, *findings)
    return result.outcome, result.check_exit_status, without_times(result.check_output), what
