"""What to do after an attempt that did not succeed. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from miyabi.claude import DISK_FULL
from miyabi.errors import MachineDiskFull, NotAdmitted
from miyabi.sessions import Outcome, SessionResult
from miyabi.system import Backoff


class Next(StrEnum):
    """The step after an attempt."""

    FINISH = "finish"  # this outcome is the task's outcome
    FIX_UP = "fix_up"  # same machine, same conversation, which is told what failed; counted apart
    RESUME_HERE = "resume_here"  # same machine, same conversation, after a delay; burns an attempt
    ELSEWHERE = "elsewhere"  # another machine, from the last commit; burns an attempt
    WAIT = "wait"  # give the slot back for a while, then as RESUME_HERE; burns nothing
    WAIT_FOR_LIMIT = "wait_for_limit"  # give the slot back until the limit resets; burns nothing


_LONGEST_DELAY_SECONDS = 900
_STEPS = {
    Outcome.API_UNAVAILABLE: Next.RESUME_HERE,
    Outcome.KILLED: Next.RESUME_HERE,
    Outcome.STALLED: Next.RESUME_HERE,
    Outcome.MACHINE_LOST: Next.ELSEWHERE,
    Outcome.NOT_LOGGED_IN: Next.ELSEWHERE,
    Outcome.LAUNCH_FAILED: Next.ELSEWHERE,
    Outcome.NOT_STARTED: Next.ELSEWHERE,
    Outcome.SETUP_FAILED: Next.ELSEWHERE,
}
_SICK = frozenset(
    {
        *("MachineDiskFull", "MachineNotReady", "HostKeyRefused", "LoginRefused", "SshConfigUnusable"),
        *("claude_not_found", "claude_not_executable", "claude_too_old", "wrong_binary", "bad_configuration"),
        *("token_file", "bypass_as_root", "disk_full", "temporary_folder", "no_shell", "bad_proxy", "no_sandbox"),
        *("managed_settings", "provider_not_allowed", "api_key_not_allowed", "flags_not_allowed"),
    }
)
"""Kinds of errors that any other session would meet on that machine too."""
_NO_ROOM = {(Outcome.LAUNCH_FAILED, DISK_FULL.kind), (Outcome.NOT_STARTED, MachineDiskFull.__name__)}


@dataclass(slots=True)
class Outage:
    """How long a task has met nothing but an API that fails, or a full disk; times are seconds since 1970."""

    until: float = 0.0
    times: int = 0

    def within_grace(self, result: SessionResult, *, now: float, patience_seconds: float) -> bool:
        """Counts `result` in, once, and returns whether it is one more such failure while the patience lasts.

        The patience begins with the first of them. An attempt that cost something has got work done, so it counts as an
        attempt, and the patience begins anew: else a conversation that always fails in the end would be paid for again
        and again. A usage limit whose end is not said is waited out even then: what was done before it is not paid for
        twice.
        """
        is_endless_limit = result.outcome is Outcome.USAGE_LIMIT and result.resets_at is None
        fails = result.outcome is Outcome.API_UNAVAILABLE or found_no_room(result)
        if result.cost_usd or not (is_endless_limit or fails):
            self.times = 0
        if not is_endless_limit and (result.cost_usd or not fails):
            return False
        if not self.times:
            self.until = now + patience_seconds
        self.times += 1
        return now < self.until


def next_step(
    result: SessionResult,
    *,
    attempts: int,
    max_attempts: int,
    other_machines: bool,
    wait_until: float,
    waits_out_outage: bool = False,
    failed_setups: int = 0,
    stalls: int = 0,
    fix_up_is_due: bool = False,
) -> Next:
    """Decides the step after `result`, the outcome of attempt number `attempts`.

    Wrong work (failed check, max turns, denied permissions) is never begun anew: a second try costs as much and usually
    ends alike. Where `fix_up_is_due` its own conversation mends it. A usage limit is waited for however often it comes,
    if it ends before `wait_until` (seconds since 1970); one whose end is not said, and an API that fails, for as long
    as `waits_out_outage`. Where there is no other machine than the lost one, and that one is back, the task goes on
    there. A set-up is tried once more, on another machine where there is one, and a session that stalled goes on once;
    `failed_setups` and `stalls` count this one in. What was not admitted waits for another run.
    """
    if result.outcome is Outcome.USAGE_LIMIT and result.resets_at and result.resets_at.timestamp() <= wait_until:
        return Next.WAIT_FOR_LIMIT
    if waits_out_outage:
        return Next.WAIT
    if fix_up_is_due:
        return Next.FIX_UP
    step = _STEPS.get(result.outcome, Next.FINISH)
    if attempts >= max_attempts or max(failed_setups, stalls) > 1 or result.error_kind == NotAdmitted.__name__:
        return Next.FINISH
    if step is Next.ELSEWHERE and not other_machines:
        may_stay = result.outcome is Outcome.SETUP_FAILED or _is_back(result)
        return Next.RESUME_HERE if may_stay else Next.FINISH
    return step


def found_no_room(result: SessionResult) -> bool:
    """Returns whether the session did not begin, as the disk of its machine was full: that may pass."""
    return (result.outcome, result.error_kind) in _NO_ROOM


def is_sick(result: SessionResult) -> bool:
    """Returns whether the outcome says of the machine that nothing more should be sent there in this run."""
    if result.outcome is Outcome.MACHINE_LOST:
        return not _is_back(result)
    return result.outcome is Outcome.NOT_LOGGED_IN or result.error_kind in _SICK or bool(result.writes_lost)


def _is_back(result: SessionResult) -> bool:
    """Whether a machine that lost a session, as by a restart, has answered since."""
    return result.outcome is Outcome.MACHINE_LOST and result.head is not None


def limit_is_over(resets_at: float, *, now: float, margin_seconds: float, times: int, first: float) -> float:
    """Returns when to go on after a usage limit, in seconds since 1970 as the arguments.

    That is a margin after its end; where this is past already, as with a wrong clock, ever later the more `times` the
    limit was met: sessions that end at once must not follow each other for hours.
    """
    return max(resets_at + margin_seconds, now + delay_seconds(attempts=times, first=first))


def delay_seconds(*, attempts: int, first: float) -> float:
    """Returns the seconds before attempt `attempts + 1`: `first`, doubled each time, at most 15 minutes."""
    return Backoff(first, _LONGEST_DELAY_SECONDS).seconds(attempts)
