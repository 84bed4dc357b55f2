"""How an open pull request stands, and what there is to be done about it. Values only: nobody is asked here."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from miyabi.github import Check, CheckState, PullRequest
from miyabi.runs import RunFolder
from miyabi.tending.asked import Asked
from miyabi.text import count, several

_MOST_NAMED = 10
_WAITS_FOR_ITS_BASE = {"dirty", "behind"}
"""GitHub's mergeable_state of one that conflicts with its base, and of one that a rule wants to be up to date."""

_OURS = re.compile(r"miyabi(/.*)?")
_NOT_KNOWN = {"", "unknown"}
_MAY_NOT_YET = "blocked"
"""GitHub's mergeable_state of one that waits for reviews or checks: of any other it takes no auto-merge."""

_MAY_BE_MERGED = "clean"
"""GitHub's mergeable_state of one that waits for nothing: it may go to the merge queue, where there is one."""

STUCK = "miyabi:stuck"
"""The label of a pull request that does not go on by itself."""


class Step(StrEnum):
    """What there is to be done about a pull request; decided here."""

    NOTHING = "nothing to do"
    HANDS_OFF = "left to whoever pushed to it"
    MERGE_BASE = "its base is merged into it"
    FIX_CHECKS = "its checks are red"
    ANSWER_REVIEW = "reviewers wait for an answer"
    SHOW_OUTCOME = "its head gets the outcome of the session that made it"
    UNSTICK = "no longer stuck"
    AUTO_MERGE = "GitHub merges it as soon as it may"
    ENQUEUE = "it is in the merge queue"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPullRequest:
    """An open pull request of a run here; its `pull.mergeable` and `checks` are known where it is ours still.

    `folder` is that run's. `foreign` says whose commit is at its head, as the end of a sentence; empty for ours.
    `checks` are those at its head that count: see `that_count`. `asked` is what reviewers wait for an answer to, and
    `may_answer` whether a session is begun for that, or may be.
    `wants_merge_queue` where GitHub is to merge it by itself and was not asked for that before, at this head;
    `wants_auto_merge` where the repository allows auto-merge besides. `run_to_show` is the run whose session made its
    head, where GitHub does not show the outcome yet.
    """

    pull: PullRequest
    folder: RunFolder
    foreign: str = ""
    checks: tuple[Check, ...] = ()
    asked: tuple[Asked, ...] = ()
    may_answer: bool = True
    wants_auto_merge: bool = False
    wants_merge_queue: bool = False
    run_to_show: str = ""

    @property
    def red(self) -> tuple[Check, ...]:
        """The checks that failed, once none of those that count is running any more."""
        states = {check.state for check in self.checks}
        return () if CheckState.RUNNING in states else tuple(c for c in self.checks if c.state is CheckState.RED)

    @property
    def is_stuck(self) -> bool:
        """Whether its label says that it does not go on by itself."""
        return STUCK in self.pull.labels


def that_count(checks: Iterable[Check], *, required: Collection[str]) -> tuple[Check, ...]:
    """Returns the checks that somebody has to mend: those that the base requires, or all where it requires none.

    What our own runs say of their tasks is none of them.
    """
    others = [check for check in checks if not _OURS.fullmatch(check.name)]
    return tuple(check for check in others if not required or check.name in required)


def next_step(found: OpenPullRequest) -> Step:
    """Decides what there is to be done; whoever has pushed to the branch has it for themselves from then on.

    Reviewers are answered once the branch stands well; where it is stuck, what they say may be what gets it on.
    """
    mergeable, is_stuck = found.pull.mergeable, found.is_stuck
    is_well = mergeable not in _NOT_KNOWN and all(check.state is CheckState.GREEN for check in found.checks)
    steps = (
        (Step.HANDS_OFF, found.foreign),
        (Step.ANSWER_REVIEW, found.asked and found.may_answer and is_stuck),
        (Step.MERGE_BASE, mergeable in _WAITS_FOR_ITS_BASE),
        (Step.FIX_CHECKS, found.red),
        (Step.ANSWER_REVIEW, found.asked),
        (Step.UNSTICK, is_well and is_stuck),
        (Step.AUTO_MERGE, found.wants_auto_merge and mergeable == _MAY_NOT_YET),
        (Step.ENQUEUE, found.wants_merge_queue and mergeable == _MAY_BE_MERGED),
        (Step.SHOW_OUTCOME, found.run_to_show),
    )
    return next((step for step, is_due in steps if is_due), Step.NOTHING)


def tending_sentence(done: Sequence[tuple[int, str]]) -> str:
    """Says in one line what became of each pull request, by its number."""
    if not done:
        return "No pull request of a run here is open."
    said = [f"#{number}: {what}" for number, what in done]
    return f"{count(len(done), 'open pull request')}. {several(said, most=_MOST_NAMED, separator='; ')}"
