"""Open pull requests of runs are tended: how each stands at GitHub, what there is to be done, and doing it.

What is done is decided by values alone, so that the same again does nothing twice.
"""

from miyabi.tending.act import StepTaken, take_step
from miyabi.tending.own import kept_answers, read_open_pull_requests, tending_lock
from miyabi.tending.session import is_over
from miyabi.tending.standing import OpenPullRequest, Step, next_step, tending_sentence

__all__ = [
    "OpenPullRequest",
    "Step",
    "StepTaken",
    "is_over",
    "kept_answers",
    "next_step",
    "read_open_pull_requests",
    "take_step",
    "tending_lock",
    "tending_sentence",
]
