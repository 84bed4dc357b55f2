"""From run to run: which issues are not taken again, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from miyabi.github import MergeState, PullRequest
from miyabi.integration import Integration, LeftOut, LeftOutKind
from miyabi.integration.values import MergedTask
from miyabi.milestones.eligibility import IssueAttempt, attempts_of, ineligible
from miyabi.milestones.references import RepositoryContext
from miyabi.sessions import Outcome
from miyabi.settings import MilestoneSettings
from tests.support.values.milestones import issue, select
from tests.support.values.results import RUN, STARTED, report, result

TEXT, OTHER = "1" * 16, "2" * 16
HERE = RepositoryContext(host="github.example", repository="acme/app")


def attempt(day: int, outcome: Outcome = Outcome.CHECK_FAILED, **fields: Any) -> IssueAttempt:
    """What the run of that day made of issue 7."""
    ended = STARTED + timedelta(days=day)
    values = {"is_merged": outcome is Outcome.SUCCEEDED, "fingerprint": TEXT, **fields}
    return IssueAttempt(issue=7, run=f"night-{day}", ended=ended, outcome=outcome, **values)


def pull(body: str, *, number: int = 12, state: MergeState = MergeState.OPEN) -> PullRequest:
    """A pull request of ours."""
    return PullRequest(number=number, title="T", body=body, state=state, head="miyabi/x", base="main")


def reason(
    *attempts: IssueAttempt,
    live: Mapping[int, str] | None = None,
    pulls: Sequence[PullRequest] = (),
    text: str = TEXT,
    max_tries: int = 3,
) -> str | None:
    """Why issue 7 is not taken; None where it is."""
    settings = MilestoneSettings(max_tries=max_tries)
    fingerprints = {7: text, 8: OTHER}
    found = ineligible(
        fingerprints, live=live or {}, pull_requests=pulls, attempts=attempts, context=HERE, settings=settings
    )
    assert 8 not in found
    return found.get(7)


def test_a_new_issue_is_taken() -> None:
    """Nobody has tried it, nothing covers it."""
    assert reason() is None


def test_a_live_run_keeps_its_issues() -> None:
    """The run is named, before any other reason."""
    assert reason(live={7: "night-2"}, pulls=[pull("Closes #7")]) == "run night-2 works on it"


@pytest.mark.parametrize(
    "body",
    [
        "Closes #7",
        "closes: #7, #9",
        "Fixes acme/app#7",
        "Resolves https://github.example/acme/app/issues/7",
        "words\r\n\r\nCloses #1\r\nCloses #7\r\n",
    ],
)
def test_an_open_pull_request_covers_what_it_closes(body: str) -> None:
    """However the body says so, the issue waits for the review, even when its text has changed."""
    assert reason(pulls=[pull(body)]) == "its pull request #12 is open"
    assert reason(attempt(1, fingerprint=OTHER), pulls=[pull(body)]) == "its pull request #12 is open"


@pytest.mark.parametrize(
    "body",
    ["Refs #7", "`Closes #7`", "Closes acme/other#7", "Closes https://github.com/acme/app/issues/7", "Closes #77", ""],
)
def test_a_pull_request_that_closes_something_else_covers_nothing(body: str) -> None:
    """A mention, code, another repository or server, another number: the issue is taken."""
    assert reason(pulls=[pull(body)]) is None


@pytest.mark.parametrize(
    ("state", "how"), [(MergeState.MERGED, "merged"), (MergeState.CLOSED, "closed without being merged")]
)
def test_a_finished_pull_request_covers_until_the_text_changes(state: MergeState, how: str) -> None:
    """Merged or turned down work is not done again; a new comment or text asks for it."""
    done = pull("Closes #7", state=state)
    said = f"its pull request #12 was {how}; close the issue, or say in a comment what is missing"
    assert reason(pulls=[done]) == said
    assert reason(attempt(1, Outcome.SUCCEEDED), pulls=[done]) == said
    assert reason(attempt(1, Outcome.SUCCEEDED), pulls=[done], text="3" * 16) is None


def test_an_open_pull_request_counts_before_closed_ones() -> None:
    """Of several the open one is named, else the latest."""
    old, new = pull("Closes #7", number=20, state=MergeState.CLOSED), pull("Closes #7", number=11)
    assert reason(pulls=[new, old]) == "its pull request #11 is open"
    assert "#20 was closed" in str(reason(pulls=[old, pull("Closes #7", number=5, state=MergeState.MERGED)]))


def test_merged_work_without_a_pull_request_is_not_done_again() -> None:
    """What lies on a run's branch waits for its review, whatever failed in other runs."""
    said = reason(attempt(1, Outcome.SUCCEEDED), attempt(2))
    assert said == "its work is on the branch of run night-1; review that, or say in a comment what is missing"
    assert reason(attempt(1, Outcome.SUCCEEDED), text=OTHER) is None


def test_failures_are_tried_again_until_they_are_too_many() -> None:
    """Two failed runs are followed by a third, three are not; the last one is named, whatever the order."""
    attempts = [attempt(3, Outcome.MAX_TURNS), attempt(1), attempt(2)]
    assert reason(*attempts[1:]) is None
    assert reason(*attempts) == (
        "3 runs tried it in vain, the last (night-3) with 'max turns';"
        " change its text or comment on it to have it tried again"
    )
    assert "1 run tried it in vain" in str(reason(attempt(1), max_tries=1))


def test_a_changed_text_begins_anew() -> None:
    """Tries of another text do not count."""
    old = [attempt(n, fingerprint=OTHER) for n in range(3)]
    assert reason(*old, attempt(4)) is None
    assert reason(*old, attempt(4), attempt(5), attempt(6)) is not None


def test_a_budget_that_others_used_up_is_no_try() -> None:
    """An issue whose session ran into the rest of a night's budget is to blame for nothing."""
    held = [attempt(n, Outcome.BUDGET_EXCEEDED, is_unpaid=True) for n in range(5)]
    assert reason(*held) is None
    assert reason(*(attempt(n, Outcome.BUDGET_EXCEEDED) for n in range(5))) is not None


NO_FAULT = (
    *(Outcome.STOPPED, Outcome.USAGE_LIMIT, Outcome.API_UNAVAILABLE, Outcome.NOT_LOGGED_IN, Outcome.LAUNCH_FAILED),
    *(Outcome.MACHINE_LOST, Outcome.MERGE_CONFLICT, Outcome.NOT_STARTED, Outcome.SKIPPED),
    *(Outcome.NOT_COLLECTED, Outcome.SETUP_FAILED),
)


@pytest.mark.parametrize("outcome", Outcome)
def test_what_counts_as_a_try(outcome: Outcome) -> None:
    """Every outcome but success counts, unless it is not the issue's fault."""
    counts = outcome is not Outcome.SUCCEEDED and outcome not in NO_FAULT
    assert attempt(1, outcome).is_failure is counts


def test_work_that_was_left_out_counts_unless_another_is_to_blame() -> None:
    """A conflict or a broken verification is a failed try and named as such; an upstream's is not."""
    kinds = {kind: attempt(1, Outcome.SUCCEEDED, is_merged=False, left_out=kind) for kind in LeftOutKind}
    assert {kind: each.is_failure for kind, each in kinds.items()} == {
        LeftOutKind.CONFLICT: True,
        LeftOutKind.CHECK: True,
        LeftOutKind.SIZE: True,
        LeftOutKind.FAILED: True,
        LeftOutKind.UPSTREAM: False,
    }
    assert "with 'succeeded, left out (conflict)'" in str(reason(kinds[LeftOutKind.CONFLICT], max_tries=1))


def test_the_attempts_of_a_run() -> None:
    """Each issue with its outcome, its text's fingerprint, and whether its work is on the branch."""
    dag = select(issue(1), issue(2), issue(3), issue(4, "Depends on #3"), issue(5)).dag
    assert dag is not None
    outcomes = {1: Outcome.SUCCEEDED, 2: Outcome.CHECK_FAILED, 3: Outcome.SUCCEEDED, 4: Outcome.SUCCEEDED}
    ended = report(dag, [result(f"issue-{n}", outcome) for n, outcome in outcomes.items()])
    left_out = (
        LeftOut(task="issue-2", kind=LeftOutKind.FAILED),
        LeftOut(task="issue-3", kind=LeftOutKind.CONFLICT),
        LeftOut(task="issue-4", kind=LeftOutKind.UPSTREAM, because_of="issue-3"),
    )
    merged = (MergedTask(task="issue-1", commit="1" * 40),)
    made = Integration(branch="b", base="0" * 40, head="1" * 40, merged=merged, left_out=left_out)
    attempts = {each.issue: each for each in attempts_of(dag, ended, made)}
    assert {n: (each.is_merged, each.left_out) for n, each in attempts.items() if n < 5} == {
        1: (True, None),
        2: (False, None),
        3: (False, LeftOutKind.CONFLICT),
        4: (False, LeftOutKind.UPSTREAM),
    }
    assert {n for n, each in attempts.items() if each.is_failure} == {2, 3}
    assert all(
        each.run == RUN and each.fingerprint == dag.by_id[f"issue-{n}"].metadata["fingerprint"]
        for n, each in attempts.items()
    )


def test_without_integration_what_succeeded_is_on_its_branch() -> None:
    """A run that was not merged yet does not have its successes done again."""
    dag = select(issue(1), issue(2)).dag
    assert dag is not None
    ended = report(dag, [result("issue-1"), result("issue-2", Outcome.MAX_TURNS)])
    assert [(each.issue, each.is_merged) for each in attempts_of(dag, ended, None)] == [(1, True), (2, False)]


def test_a_rehearsal_is_no_try() -> None:
    """What was only played changes nothing for the next run."""
    dag = select(issue(1)).dag
    assert dag is not None
    assert attempts_of(dag, report(dag, [result("issue-1")], rehearsal=True), None) == ()
