"""Where a milestone stands, as the block in its description."""

from __future__ import annotations

import re

import pytest

from miyabi.github import MergeState, PullRequest
from miyabi.milestones.description import (
    MAX_CHARACTERS,
    MilestoneProgress,
    Standing,
    Standings,
    milestone_block,
    replace_block,
)
from miyabi.milestones.issues_to_dag import SkipKind, SkippedIssue
from miyabi.milestones.references import Reference
from miyabi.reports import Report
from miyabi.text.marked_block import wrap
from tests.support.values.milestones import REPOSITORY_URL, issue, matches_golden, milestone
from tests.support.values.pull_requests import CLOSING, ISSUES, MENTION, NASTY, integration, large, rendered, run

PULL = PullRequest(number=12, title="v1.2", head="miyabi/x", base="main", html_url=f"{REPOSITORY_URL}/pull/12")


OUTSIDE = "it waits for #21, which is open and not an issue of this milestone"


def skipped(number: int, reason: str, *waits_for: int) -> SkippedIssue:
    """An issue that is not run."""
    waiting = tuple(Reference(repository="", number=n) for n in waits_for)
    return SkippedIssue(number=number, title=NASTY, kind=SkipKind.BLOCKED, reason=reason, waits_for=waiting)


def block(report: Report | None = None) -> str:
    """The block of a run in which most went well, or of the given one."""
    return milestone_block(
        MilestoneProgress(open=3, closed=9),
        report=report or run(),
        integration=integration(),
        issues=ISSUES,
        pull_requests=[PULL],
        standings=Standings(
            review=(
                Standing(number=1, title="Parser", run="r1", pull_request=PULL),
                Standing(number=2, title="b", run="r2"),
            ),
            decided=(
                Standing(
                    number=9,
                    title=NASTY,
                    run="r1",
                    pull_request=PULL.model_copy(update={"state": MergeState.MERGED}),
                    said="its pull request #12 was merged; close the issue",
                ),
            ),
            failed=(Standing(number=5, title="c", run="r2", said=NASTY, next_step="It is tried again."),),
        ),
        skipped=[
            skipped(1, "its pull request #12 is open"),
            skipped(20, OUTSIDE, 21),
            skipped(22, NASTY),
            SkippedIssue(number=23, title=NASTY, kind=SkipKind.LABEL, reason="it has no label 'miyabi'"),
        ],
    )


def test_golden() -> None:
    """The whole block reads as agreed."""
    assert matches_golden(block(), name="milestone.md")


def test_it_is_the_same_each_time() -> None:
    """The same facts make the same block, so that nothing is written where nothing changed."""
    assert block() == block()


def test_a_milestone_without_a_run() -> None:
    """Before the first run there is a bar, and nothing else."""
    made = milestone_block(MilestoneProgress(open=2, closed=1))
    assert made == wrap("### Water Spider\n\n`██████░░░░░░░░░░░░░░` **33 %**: 1 of 3 closed, 2 open\n")


def test_an_empty_milestone() -> None:
    """No issues at all is said in words; nothing is divided by zero."""
    assert "**nothing in it yet**: 0 of 0 closed, 0 open" in milestone_block(MilestoneProgress(open=0, closed=0))


@pytest.mark.parametrize(
    ("open_issues", "closed", "cells", "share"),
    [(1, 0, 0, "0 %"), (1, 1, 10, "50 %"), (1, 199, 19, "99.5 %"), (199, 1, 0, "0.5 %"), (0, 7, 20, "100 %")],
)
def test_the_bar_is_full_only_when_nothing_is_open(open_issues: int, closed: int, cells: int, share: str) -> None:
    """Neither the bar nor the percentage rounds up to done or down to not begun."""
    text = milestone_block(MilestoneProgress(open=open_issues, closed=closed))
    assert f"`{'█' * cells}{'░' * (20 - cells)}` **{share}**" in text


def test_pull_requests_do_not_count_as_issues() -> None:
    """Progress counts the milestone's own issues; GitHub's own count has its pull requests in it."""
    own = [issue(1), issue(2, state="closed"), issue(3, is_pull_request=True), issue(4, milestone=9)]
    assert MilestoneProgress.of_issues(own, milestone=3) == MilestoneProgress(open=1, closed=1)
    assert MilestoneProgress.of_milestone(milestone(open_issues=2, closed_issues=5)) == MilestoneProgress(
        open=2, closed=5
    )


def test_what_went_wrong_comes_first() -> None:
    """In the table of the last run the tasks that did not succeed stand before the others."""
    outcomes = [line for line in block().splitlines() if line.startswith(("| #", "| `tidy`"))]
    assert outcomes[0].startswith("| #5 ")


def test_work_that_is_left_out_is_not_told_as_merged() -> None:
    """A task that succeeded, but is not on the branch, says so, and why."""
    last_run = block().partition("**In review**")[0]
    rows = {line.split(" | ")[0]: line for line in last_run.splitlines() if line.startswith("| #")}
    assert "succeeded, left out (conflict)" in rows["| #3"]
    assert "succeeded, left out (upstream)" in rows["| #4"]
    assert "| succeeded |" in rows["| #1"]


def test_each_open_issue_is_in_one_list() -> None:
    """In review, decided, failed, waiting, not labelled: none stands twice, and what is done does not wait."""
    lists = dict(part.split("**\n", 1) for part in block().split("\n**")[1:] if "**\n" in part)
    found = {title: re.findall(r"^\| #(\d+)", rows, re.MULTILINE) for title, rows in lists.items()}
    assert found == {
        "In review": ["1", "2"],
        "Decided, and still open": ["9"],
        "Failed": ["5"],
        "Waiting": ["20", "22"],
        "Not labelled": ["23"],
    }
    assert "| #2 | b | branch of run `r2` |" in lists["In review"]


def test_a_rehearsal_says_that_it_is_one() -> None:
    """A run without sessions is not taken for work."""
    assert "ehears" in block(run(rehearsal=True))
    assert "ehears" not in block()


def test_a_pull_request_says_where_it_stands() -> None:
    """Its link and state; an address that is none is not made a link."""
    pulls = [
        PULL,
        PULL.model_copy(update={"number": 13, "state": MergeState.MERGED, "html_url": "javascript:alert(1)"}),
    ]
    made = milestone_block(MilestoneProgress(open=1, closed=1), report=run(), pull_requests=pulls)
    assert f"Pull requests: [#12]({REPOSITORY_URL}/pull/12) (open), #13 (merged)" in made


def test_foreign_words_do_nothing() -> None:
    """Titles and reasons close no issue, mention nobody and break no table."""
    shown = rendered(block())
    assert CLOSING.findall(shown) == []
    assert MENTION.findall(shown) == []
    assert "<b>" not in block().replace("&lt;b&gt;", "")


def test_200_issues_fit() -> None:
    """With 200 tasks of long titles and 200 issues in each list the block stays short and counts what is not shown."""
    report, made, issues = large(200)
    waiting = [skipped(1000 + n, f"{NASTY} {'長い理由' * 50}", *range(1, 20)) for n in range(200)]
    pulls = [PULL.model_copy(update={"number": n}) for n in range(200)]
    stands = Standing(number=1, title=f"{NASTY} {'題' * 90}", run="r" * 60, pull_request=PULL, said=NASTY * 9)
    many = tuple(stands.model_copy(update={"number": n}) for n in range(200))
    text = milestone_block(
        MilestoneProgress(open=200, closed=0),
        report=report,
        integration=made,
        issues=issues,
        pull_requests=pulls,
        standings=Standings(review=many, decided=many, failed=many),
        skipped=[*waiting, *(each.model_copy(update={"kind": SkipKind.LABEL}) for each in waiting)],
    )
    assert len(text) <= MAX_CHARACTERS
    shown = sum(line.startswith(("| #1", "| #2")) for line in text.splitlines())
    more = [int(line.split()[1]) for line in text.splitlines() if line.startswith("and ") and line.endswith(" more")]
    assert len(more) == 6
    assert sum(more) + sum(line.startswith("| #") for line in text.splitlines()) == 1200
    assert shown > 0
    assert replace_block(replace_block("words\r\n", text), text) == replace_block("words\r\n", text)


def test_words_around_it_stay() -> None:
    """A description with CRLF, Japanese and words inside an old block keeps them through ten runs."""
    description = "目標: 出荷\r\n\r\nPlease read.\r\n"
    for closed in range(10):
        description = replace_block(description, milestone_block(MilestoneProgress(open=10 - closed, closed=closed)))
        description = description.replace("**: ", f"**: \r\nnote {closed}\r\n", 1)
    assert description.startswith("目標: 出荷\r\n\r\nPlease read.\r\n")
    assert all(description.count(f"note {closed}\r\n") == 1 for closed in range(10))
    assert description.count("miyabi:begin") == 1
