"""What to do after an attempt that did not succeed. Pure."""

from __future__ import annotations

from enum import StrEnum

from miyabi.session import Outcome, SessionResult


class Next(StrEnum):
    """The step after an attempt."""

    FINISH = "finish"  # this outcome is the task's outcome
    RESUME_HERE = "resume_here"  # same machine, same conversation, after a delay; burns an attempt
    ELSEWHERE = "elsewhere"  # another machine, from the last commit; burns an attempt
    WAIT_FOR_LIMIT = "wait_for_limit"  # give the slot back until the limit resets; burns nothing


_STEPS = {
    Outcome.API_UNAVAILABLE: Next.RESUME_HERE,
    Outcome.KILLED: Next.RESUME_HERE,
    Outcome.MACHINE_LOST: Next.ELSEWHERE,
    Outcome.NOT_LOGGED_IN: Next.ELSEWHERE,
    Outcome.LAUNCH_FAILED: Next.ELSEWHERE,
    Outcome.NOT_STARTED: Next.ELSEWHERE,
}
UNHEALTHY = frozenset({Outcome.MACHINE_LOST, Outcome.NOT_LOGGED_IN, Outcome.LAUNCH_FAILED, Outcome.NOT_STARTED})
"""Outcomes that say something about the machine: nothing more is sent there in this run."""


def next_step(result: SessionResult, *, attempts: int, max_attempts: int, other_machines: bool) -> Next:
    """The step after `result`, the outcome of attempt number `attempts`.

    Wrong work (failed check, max turns, denied permissions) is never repeated: a second try costs as much and
    usually ends alike. A usage limit is waited for however often it comes.
    """
    if result.outcome is Outcome.USAGE_LIMIT and result.resets_at is not None:
        return Next.WAIT_FOR_LIMIT
    step = _STEPS.get(result.outcome, Next.FINISH)
    if attempts >= max_attempts or (step is Next.ELSEWHERE and not other_machines):
        return Next.FINISH
    return step


def delay_seconds(*, attempts: int, first: float) -> float:
    """The wait before attempt `attempts + 1`: doubles each time, at most 15 minutes."""
    return float(min(first * 2 ** (attempts - 1), 900))
