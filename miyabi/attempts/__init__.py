"""One try of one task, from a prepared checkout to a kept result; when to try again.

Starts a session, follows it, collects what it left and decides its outcome; Prefect's retries are in `tasks`.
"""

from miyabi.attempts.ahead import abandon_ahead, set_up_ahead
from miyabi.attempts.attached import Attached
from miyabi.attempts.attempt import Attempt
from miyabi.attempts.recover import recover_abandoned
from miyabi.attempts.retry import Next, Outage, delay_seconds, found_no_room, is_sick, limit_is_over, next_step
from miyabi.attempts.stop import keep_ending, stop_session, stop_sessions

__all__ = [
    "Attached",
    "Attempt",
    "Next",
    "Outage",
    "abandon_ahead",
    "delay_seconds",
    "found_no_room",
    "is_sick",
    "keep_ending",
    "limit_is_over",
    "next_step",
    "recover_abandoned",
    "set_up_ahead",
    "stop_session",
    "stop_sessions",
]
