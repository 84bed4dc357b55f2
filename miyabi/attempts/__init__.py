"""One try of one task, from a prepared checkout to a kept result; when to try again.

Starts a session, follows it, collects what it left and decides its outcome; Prefect's retries are in `tasks`.
"""

from miyabi.attempts.attempt import Attempt
from miyabi.attempts.recover import recover_abandoned
from miyabi.attempts.retry import Next, Outage, delay_seconds, found_no_room, is_sick, limit_is_over, next_step

__all__ = [
    "Attempt",
    "Next",
    "Outage",
    "delay_seconds",
    "found_no_room",
    "is_sick",
    "limit_is_over",
    "next_step",
    "recover_abandoned",
]
