"""How a milestone and its issues stand, as texts and labels."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from miyabi.github import Comment, MergeState
from miyabi.integration import LeftOutKind
from miyabi.milestones import MilestonePlan
from miyabi.milestones.issue_comment import LabelChange
from miyabi.milestones.status import IssueUpdate, block, closing, issue_updates
from miyabi.sessions import Outcome
from tests.support.values.earlier_runs import past, plan, pull
from tests.support.values.milestones import NOW, WRITER, issue

GOOD, BAD, OUT = Outcome.SUCCEEDED, Outcome.AGENT_ERROR, LeftOutKind.CONFLICT


def only(made: MilestonePlan) -> IssueUpdate:
    """What there is to write on the one issue where there is something."""
    (update,) = issue_updates(made)
    return update


def test_work_in_review() -> None:
    """The comment links the pull request, the label says review."""
    update = only(plan(issue(7), runs=[past({7: GOOD}, pulls=[pull(12)])]))
    assert update.labels == LabelChange(add=("miyabi:review",))
    assert "| Pull request | #12 |" in (update.comment or "")


def test_what_is_there_is_not_written_again() -> None:
    """With our text and label on the issue there is nothing to do, however GitHub ends its lines."""
    before = plan(issue(7, labels=["miyabi:review"]), runs=[past({7: GOOD}, pulls=[pull(12)])])
    text = (only(before).comment or "").replace("\n", "\r\n")
    comment = Comment(id=1, author=WRITER, body=text, created_at=NOW)
    assert list(issue_updates(replace(before, facts=replace(before.facts, comments={7: [comment]})))) == []


def test_a_closed_issue_keeps_no_label_of_ours() -> None:
    """Its other labels stay, and its comment is left as it is."""
    update = only(plan(issue(7, state="closed", labels=["bug", "miyabi:review"]), runs=[past({7: GOOD})]))
    assert (update.labels, update.comment) == (LabelChange(remove=("miyabi:review",)), None)


def test_a_run_that_came_to_nothing() -> None:
    """The label that it left on an issue which no run has had goes."""
    assert only(plan(issue(7, labels=["miyabi:queued"]))).labels == LabelChange(remove=("miyabi:queued",))


def test_a_live_run_speaks_for_itself() -> None:
    """An issue that is being worked on is left alone, whatever became of it before."""
    runs = [past({7: BAD})]
    assert list(issue_updates(plan(issue(7, labels=["miyabi:running"]), runs=runs, live={7: "night-2"}))) == []


@pytest.mark.parametrize("state", [MergeState.MERGED, MergeState.CLOSED])
def test_people_have_decided(state: MergeState) -> None:
    """An issue that stays open after its pull request was decided waits for people, who are told which it was."""
    made = plan(
        issue(7, labels=["miyabi:review"]),
        runs=[past({7: GOOD}, pulls=[pull(12)])],
        pulls=[pull(12, state=state)],
        skipped={7: "its pull request was decided"},
    )
    update = only(made)
    assert update.labels == LabelChange(remove=("miyabi:review",))
    assert "its pull request was decided" in (update.comment or "")
    assert "| Pull request | #12 |" in (update.comment or "")
    assert "Review the pull request" not in (update.comment or "")


def test_left_out_of_the_whole() -> None:
    """Work that conflicts has failed, with its files; in a pull request of its own it is in review all the same."""
    whole = past({7: GOOD, 8: GOOD}, left_out={8: OUT}, pulls=[pull(12)])
    texts = {each.issue.number: each for each in issue_updates(plan(issue(7), issue(8), runs=[whole]))}
    assert texts[8].labels == LabelChange(add=("miyabi:failed",))
    assert "`a.txt`" in (texts[8].comment or "")
    own = [pull(12, head="miyabi/night-1/issue-7"), pull(13, head="miyabi/night-1/issue-8")]
    apart = past({7: GOOD, 8: GOOD}, left_out={8: OUT}, pulls=own)
    texts = {each.issue.number: each for each in issue_updates(plan(issue(7), issue(8), runs=[apart]))}
    assert {number: each.labels.add for number, each in texts.items()} == dict.fromkeys((7, 8), ("miyabi:review",))
    assert "| Pull request | #13 |" in (texts[8].comment or "")
    assert "left out" not in block(plan(issue(7), issue(8), runs=[apart]))


def test_what_is_not_tried_again() -> None:
    """The comment does not promise another try, and says what would bring it about."""
    runs = [past({7: BAD})]
    assert "It is tried again with the next run." in (only(plan(issue(7), runs=runs)).comment or "")
    said = only(plan(issue(7), runs=runs, skipped={7: "3 runs tried it in vain; comment on it"})).comment or ""
    assert said.endswith("**Next:** The session ended with an error. 3 runs tried it in vain; comment on it.\n")


def test_the_latest_real_run_counts() -> None:
    """Neither an earlier one nor a rehearsal says how an issue stands."""
    runs = [past({7: BAD}), past({7: GOOD}, day=2, pulls=[pull(12)]), past({7: BAD}, day=3, rehearsal=True)]
    assert only(plan(issue(7), runs=runs)).labels.add == ("miyabi:review",)
    assert "`night-2`" in block(plan(issue(7), runs=runs))


def test_the_block() -> None:
    """It shows pull requests as they are now, and is the same each time."""
    made = plan(issue(7), runs=[past({7: GOOD}, pulls=[pull(12)])], pulls=[pull(12, state=MergeState.MERGED)])
    assert "/pull/12) (merged)" in block(made)
    assert block(made) == block(made)


def test_the_second_night_does_not_hide_the_first() -> None:
    """Issues of every run stand in the block, each in its list, with its own pull request; closed ones in none."""
    runs = [
        past({7: GOOD, 8: GOOD, 9: BAD, 10: GOOD}, pulls=[pull(12)]),
        past({9: BAD, 11: GOOD}, day=2, pulls=[pull(13)]),
    ]
    made = plan(
        issue(7),
        issue(8, state="closed"),
        issue(9),
        issue(10),
        issue(11),
        issue(14),
        runs=runs,
        pulls=[pull(12), pull(13)],
        skipped={7: "its pull request #12 is open", 10: "the same", 9: "2 runs tried it in vain", 14: "it waits"},
    )
    lists = {part.partition("**")[0]: part for part in block(made).split("\n**")[1:]}
    assert re.findall(r"^\| #(\d+) .*pull/(\d+)", lists["In review"], re.MULTILINE) == [
        ("7", "12"),
        ("10", "12"),
        ("11", "13"),
    ]
    assert re.findall(r"^\| #(\d+)", lists["Failed"], re.MULTILINE) == ["9"]
    assert "2 runs tried it in vain" in lists["Failed"]
    assert re.findall(r"^\| #(\d+)", lists["Waiting"], re.MULTILINE) == ["14"]
    decided = block(replace(made, pull_requests={12: pull(12, state=MergeState.MERGED), 13: pull(13)}))
    assert re.findall(r"^\| #(\d+)", decided.partition("**Decided, and still open**")[2], re.MULTILINE)[:2] == [
        "7",
        "10",
    ]


@pytest.mark.parametrize(
    ("outcome", "left_out", "verified", "own", "is_closed"),
    [
        (GOOD, {}, None, False, True),
        (GOOD, {}, True, False, True),
        (GOOD, {}, False, False, False),
        (BAD, {}, None, False, False),
        (GOOD, {7: OUT}, None, False, False),
        (GOOD, {7: OUT}, None, True, True),
    ],
)
def test_closing(
    *, outcome: Outcome, left_out: dict[int, LeftOutKind], verified: bool | None, own: bool, is_closed: bool
) -> None:
    """A milestone with nothing open is closed where the last run left nothing undone, if that is allowed."""
    pulls = [pull(12, head="miyabi/night-1/issue-7")] if own else [pull(12)]
    runs = [past({7: outcome}, left_out=left_out, verified=verified, pulls=pulls)]
    made = plan(issue(7, state="closed"), runs=runs)
    assert closing(made, allowed=True).close is is_closed
    assert closing(made, allowed=False).close is False
    assert closing(plan(issue(7), runs=runs), allowed=True).close is False
    assert closing(plan(issue(7, state="closed")), allowed=True).close is False
