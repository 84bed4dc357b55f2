"""How an open pull request stands, and what there is to be done about it. Values only: nobody is asked here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from miyabi.github import PullRequest
from miyabi.runs import RunFolder
from miyabi.text import count, several

_MOST_NAMED = 10
_WAITS_FOR_ITS_BASE = {"dirty", "behind"}
"""GitHub's mergeable_state of one that conflicts with its base, and of one that a rule wants to be up to date."""

_NOT_KNOWN = {"", "unknown"}

STUCK = "miyabi:stuck"
"""The label of a pull request that does not go on by itself."""


class Step(StrEnum):
    """What there is to be done about a pull request; decided here."""

    NOTHING = "nothing to do"
    HANDS_OFF = "left to whoever pushed to it"
    MERGE_BASE = "its base is merged into it"
    UNSTICK = "no longer stuck"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPullRequest:
    """An open pull request of a run here; its `pull.mergeable` is known where it is ours still.

    `folder` is that run's. `foreign` says whose commit is at its head, as the end of a sentence; empty for ours.
    """

    pull: PullRequest
    folder: RunFolder
    foreign: str = ""


def next_step(found: OpenPullRequest) -> Step:
    """Decides what there is to be done; whoever has pushed to the branch has it for themselves from then on."""
    if found.foreign:
        return Step.HANDS_OFF
    if found.pull.mergeable in _WAITS_FOR_ITS_BASE:
        return Step.MERGE_BASE
    is_known = found.pull.mergeable not in _NOT_KNOWN
    return Step.UNSTICK if is_known and STUCK in found.pull.labels else Step.NOTHING


def tending_sentence(done: Sequence[tuple[int, str]]) -> str:
    """Says in one line what became of each pull request, by its number."""
    if not done:
        return "No pull request of a run here is open."
    said = [f"#{number}: {what}" for number, what in done]
    return f"{count(len(done), 'open pull request')}. {several(said, most=_MOST_NAMED, separator='; ')}"
