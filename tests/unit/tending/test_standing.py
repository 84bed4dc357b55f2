"""What there is to be done about a pull request, decided by how it stands alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from miyabi.github import PullRequest
from miyabi.runs import RunFolder
from miyabi.tending import OpenPullRequest, Step, next_step, tending_sentence


def found(mergeable: str, *, foreign: str = "", labels: tuple[str, ...] = ()) -> OpenPullRequest:
    """A pull request that stands so."""
    pull = PullRequest(number=4, title="T", head="miyabi/r1", base="main", mergeable=mergeable, labels=labels)
    return OpenPullRequest(pull=pull, folder=RunFolder(Path("/repository"), "r1"), foreign=foreign)


@pytest.mark.parametrize("mergeable", ["clean", "blocked", "unstable", "draft", "unknown", "has_hooks", ""])
def test_one_that_waits_for_nothing_of_ours_is_left(mergeable: str) -> None:
    """Where GitHub says neither that it conflicts nor that it is behind, there is nothing to do."""
    assert next_step(found(mergeable)) is Step.NOTHING


@pytest.mark.parametrize("mergeable", ["dirty", "behind"])
def test_one_that_waits_for_its_base_gets_it(mergeable: str) -> None:
    """One that conflicts with its base, or has to be up to date with it, is merged with it."""
    assert next_step(found(mergeable)) is Step.MERGE_BASE


@pytest.mark.parametrize("mergeable", ["clean", "dirty", "behind"])
def test_a_foreign_commit_ends_it(mergeable: str) -> None:
    """Whatever else there is to do: after somebody's push it is theirs."""
    assert next_step(found(mergeable, foreign="somebody pushed to it")) is Step.HANDS_OFF


@pytest.mark.parametrize(
    ("mergeable", "step"),
    [("clean", Step.UNSTICK), ("blocked", Step.UNSTICK), ("dirty", Step.MERGE_BASE), ("unknown", Step.NOTHING)],
)
def test_the_label_goes_once_it_is_not_stuck(mergeable: str, step: Step) -> None:
    """As soon as GitHub knows that it waits for its base no longer, and not before."""
    assert next_step(found(mergeable, labels=("night", "miyabi:stuck"))) is step


def test_it_is_said_in_one_line() -> None:
    """Each by its number, the first ten; and that there is none."""
    assert tending_sentence([]) == "No pull request of a run here is open."
    assert tending_sentence([(4, "nothing to do")]) == "1 open pull request. #4: nothing to do"
    said = tending_sentence([(number, "done") for number in range(12)])
    assert said.endswith("#9: done; and 2 more")
