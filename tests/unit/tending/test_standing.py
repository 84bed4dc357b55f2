"""What there is to be done about a pull request, decided by how it stands alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from miyabi.github import Check, CheckState, PullRequest
from miyabi.runs import RunFolder
from miyabi.tending import OpenPullRequest, Step, next_step, tending_sentence
from miyabi.tending.asked import Asked
from miyabi.tending.standing import that_count

RUNNING, GREEN, RED = (Check(name=state, state=state) for state in CheckState)


def found(mergeable: str, *checks: Check, foreign: str = "", labels: tuple[str, ...] = ()) -> OpenPullRequest:
    """A pull request that stands so."""
    pull = PullRequest(number=4, title="T", head="miyabi/r1", base="main", mergeable=mergeable, labels=labels)
    return OpenPullRequest(pull=pull, folder=RunFolder(Path("/repository"), "r1"), foreign=foreign, checks=checks)


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
    ("checks", "step"),
    [
        ([RED, GREEN], Step.FIX_CHECKS),
        ([RED, RUNNING], Step.NOTHING),
        ([GREEN, RUNNING], Step.NOTHING),
        ([GREEN], Step.NOTHING),
    ],
)
def test_red_checks_are_mended_when_all_have_ended(checks: list[Check], step: Step) -> None:
    """One session sees all that failed: while one of those that count runs, nothing is begun."""
    assert next_step(found("blocked", *checks)) is step


def test_a_base_comes_before_checks() -> None:
    """What conflicts with its base is merged first: its checks are run anew then. A foreign commit ends both."""
    assert next_step(found("dirty", RED)) is Step.MERGE_BASE
    assert next_step(found("blocked", RED, foreign="somebody pushed to it")) is Step.HANDS_OFF


ASKED = Asked(ids=(7,), thread=7)


def test_reviewers_are_answered_when_it_stands_well() -> None:
    """After its base and its checks, before it is merged; a foreign commit ends that too."""
    ways = [found("clean"), found("dirty"), found("blocked", RED), found("clean", foreign="somebody pushed to it")]
    steps = [next_step(replace(each, asked=(ASKED,), wants_auto_merge=True)) for each in ways]
    assert steps == [Step.ANSWER_REVIEW, Step.MERGE_BASE, Step.FIX_CHECKS, Step.HANDS_OFF]


@pytest.mark.parametrize("mergeable", ["dirty", "blocked"])
def test_reviewers_come_first_where_it_is_stuck(mergeable: str) -> None:
    """What they say may be what gets it on; not where no session may be begun for that any more."""
    stuck = replace(found(mergeable, RED, labels=("miyabi:stuck",)), asked=(ASKED,))
    assert next_step(stuck) is Step.ANSWER_REVIEW
    assert next_step(replace(stuck, may_answer=False)) in {Step.MERGE_BASE, Step.FIX_CHECKS}


def test_a_label_stays_until_checks_are_green() -> None:
    """One that is stuck on red checks is well when they are green, not while they run again."""
    stuck = ("miyabi:stuck",)
    steps = [next_step(found("blocked", check, labels=stuck)) for check in (RED, RUNNING, GREEN)]
    assert steps == [Step.FIX_CHECKS, Step.NOTHING, Step.UNSTICK]


def test_an_outcome_that_is_not_shown_yet_is_something_to_do() -> None:
    """Where there is nothing else: whatever is done, it is shown before."""
    assert next_step(replace(found("clean"), run_to_show="tend-4-a")) is Step.SHOW_OUTCOME
    assert next_step(replace(found("dirty"), run_to_show="tend-4-a")) is Step.MERGE_BASE


def test_which_checks_count() -> None:
    """Those that the base requires, all where it requires none, and never what our own runs say."""
    ours = [RED.model_copy(update={"name": name}) for name in ("miyabi", "miyabi/issue-1")]
    other = RED.model_copy(update={"name": "miyabish"})
    assert that_count([*ours, other, GREEN], required=()) == (other, GREEN)
    assert that_count([*ours, other, GREEN], required={"miyabi", "green"}) == (GREEN,)


@pytest.mark.parametrize(
    ("mergeable", "step"),
    [
        ("blocked", Step.AUTO_MERGE),
        ("dirty", Step.MERGE_BASE),
        *((each, Step.NOTHING) for each in ("clean", "unstable", "unknown", "draft")),
    ],
)
def test_auto_merge_is_for_what_waits(mergeable: str, step: Step) -> None:
    """GitHub takes it only of a pull request that cannot be merged yet, for want of a review or a check."""
    assert next_step(replace(found(mergeable, RUNNING), wants_auto_merge=True)) is step
    assert next_step(replace(found("blocked", RED), wants_auto_merge=True)) is Step.FIX_CHECKS


def test_the_merge_queue_is_for_what_waits_for_nothing() -> None:
    """What may be merged at once is put there, whether or not the repository allows auto-merge."""
    steps = [next_step(replace(found(each), wants_merge_queue=True)) for each in ("clean", "blocked", "unstable")]
    assert steps == [Step.ENQUEUE, Step.NOTHING, Step.NOTHING]


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
