"""Which earlier work on an issue its next try goes on with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from miyabi.github import MergeState, PullRequest
from miyabi.integration import LeftOutKind
from miyabi.milestones import earlier_works
from miyabi.milestones.history import EarlierRun, EarlierRuns
from miyabi.runs import RunFolder
from miyabi.sessions import EarlierWork, Outcome, Strays
from tests.support.values.earlier_runs import past, pull
from tests.support.values.results import result

GOOD, RED, LIMIT, IDLE = Outcome.SUCCEEDED, Outcome.CHECK_FAILED, Outcome.USAGE_LIMIT, Outcome.NO_CHANGES
LEFT, SIZE, CLOSED = LeftOutKind.CHECK, LeftOutKind.SIZE, MergeState.CLOSED
WHOLE = pull(12)
OWN = pull(13, head="miyabi/night-1/issue-7")


@dataclass(frozen=True)
class Try:
    """One run's try of issue 7: how it ended, its attempts' commits, why it was left out, its pull requests."""

    outcome: Outcome
    commits: Sequence[bool] = (True,)
    left_out: LeftOutKind | None = None
    pulls: Sequence[PullRequest] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)
    rehearsal: bool = False


def run(root: Path, day: int, made: Try) -> EarlierRun:
    """The run of that day, with the results of its attempts."""
    out = {7: made.left_out} if made.left_out else {}
    found = past({7: made.outcome}, day=day, left_out=out, pulls=made.pulls, rehearsal=made.rehearsal)
    folder, branch = RunFolder(root, found.report.run).create(), f"miyabi/{found.report.run}/issue-7"
    last = len(made.commits)
    for number, has_commits in enumerate(made.commits, start=1):
        outcome = made.outcome if number == last else Outcome.KILLED
        given = {"head": None, "branch": None} if not has_commits else {"branch": branch, "base": "a" * 40}
        files = ["a.txt"] * has_commits
        values = {"run": found.report.run, "attempt": number, **given, **made.fields}
        folder.write_result(result("issue-7", outcome, files=files, **values))
    return replace(found, folder=folder)


def handed_over(root: Path, *tries: Try, now: Sequence[PullRequest] = ()) -> EarlierWork | None:
    """What the next try of issue 7 gets after these, one a night."""
    runs = tuple(run(root, day, made) for day, made in enumerate(tries, start=1))
    said: list[str] = []
    states = {each.number: each for each in now}
    works = earlier_works(EarlierRuns(runs=runs), {"issue-7": 7, "issue-8": 8}, pull_requests=states, warn=said.append)
    assert (works.keys() <= {"issue-7"}, said) == (True, [])
    return works.get("issue-7")


@pytest.mark.parametrize(
    ("tries", "expected"),
    [
        pytest.param([], None, id="never tried"),
        pytest.param([Try(RED)], (1, RED, 1), id="failed with commits"),
        pytest.param([Try(RED), Try(Outcome.TIMED_OUT)], (2, Outcome.TIMED_OUT, 2), id="the latest"),
        pytest.param([Try(RED), Try(IDLE, commits=[False])], (2, IDLE, 1), id="the latest with commits"),
        pytest.param([Try(RED), Try(LIMIT)], (1, RED, 2), id="the latest to blame"),
        pytest.param([Try(LIMIT, commits=[True, False])], (1, LIMIT, 1), id="of an attempt before the last"),
        pytest.param([Try(IDLE, commits=[False])], (1, IDLE, 0), id="no commits: what was said"),
        pytest.param([Try(LIMIT, commits=[False])], None, id="nothing to say"),
        pytest.param([Try(LIMIT), Try(LIMIT)], (2, LIMIT, 2), id="cut short, with commits"),
        pytest.param([Try(RED), Try(GOOD, rehearsal=True)], (1, RED, 1), id="a rehearsal is no try"),
        pytest.param([Try(GOOD, left_out=LEFT)], (1, GOOD, 1), id="left out"),
        pytest.param([Try(GOOD)], (1, GOOD, 1), id="on a run's branch, in no pull request"),
        pytest.param([Try(RED, pulls=[WHOLE])], (1, RED, 1), id="a pull request without it"),
    ],
)
def test_the_latest_branch_and_the_latest_verdict(
    tmp_path: Path, tries: Sequence[Try], expected: tuple[int, Outcome, int] | None
) -> None:
    """The commits are those of the latest try that left some, the verdict that of the latest that says something."""
    found = handed_over(tmp_path, *tries)
    if expected is None:
        assert found is None
        return
    day, outcome, kept = expected
    branch, base = (f"miyabi/night-{kept}/issue-7", "a" * 40) if kept else ("", "")
    assert found is not None
    assert (found.run, found.outcome) == (f"night-{day}", outcome)
    assert (found.branch, found.base, found.head, found.not_from) == (branch, base, "", "")


@pytest.mark.parametrize("of", [WHOLE, OWN], ids=["one for the run", "its own"])
@pytest.mark.parametrize("state", [MergeState.MERGED, CLOSED, MergeState.OPEN])
def test_what_became_of_its_pull_request(tmp_path: Path, of: PullRequest, state: MergeState) -> None:
    """Merged work is in the base, and what people turned down is only shown; as it stands now, not as it was then."""
    found = handed_over(
        tmp_path,
        Try(RED),
        Try(GOOD, pulls=[of.model_copy(update={"head": of.head.replace("-1", "-2")})]),
        now=[of.model_copy(update={"state": state})],
    )
    if state is MergeState.MERGED:
        assert found is None
        return
    assert found is not None
    assert found.run == "night-2"
    assert ("closed without being merged" in found.not_from) == (state is CLOSED)


def test_a_try_after_the_merge(tmp_path: Path) -> None:
    """Of an issue that was merged and taken up again, the later try is told, and nothing from before the merge."""
    merged = WHOLE.model_copy(update={"state": MergeState.MERGED})
    found = handed_over(tmp_path, Try(GOOD, pulls=[WHOLE]), Try(IDLE, commits=[False]), now=[merged])
    assert found is not None
    assert (found.run, found.branch) == ("night-2", "")


def test_a_file_that_github_refuses(tmp_path: Path) -> None:
    """Whoever started from it would have it in its history for ever."""
    found = handed_over(tmp_path, Try(GOOD, left_out=SIZE))
    assert found is not None
    assert "refuses for its size" in found.not_from


def test_work_beside_the_branch(tmp_path: Path) -> None:
    """It is shown where it is."""
    strays = Strays(branch="miyabi/night-1/issue-7+strays", commits=2)
    found = handed_over(tmp_path, Try(Outcome.OFF_BRANCH, commits=[False], fields={"strays": strays}))
    assert found is not None
    assert (found.branch, found.not_from) == (
        strays.branch,
        "they are not on the branch that was given to that session",
    )


def test_all_that_was_said(tmp_path: Path) -> None:
    """The verdict, the check's last lines, the last words, and why work that was done was not taken."""
    said = {"error_text": "it broke", "check_output": "1 failed", "final_message": "I think it is done."}
    found = handed_over(tmp_path, Try(RED, fields=said))
    assert found is not None
    assert (found.error_text, found.check_output, found.last_words) == tuple(said.values())
    left = handed_over(tmp_path, Try(GOOD, left_out=LEFT))
    assert left is not None
    assert left.left_out == "it does not fit"


def test_a_damaged_result(tmp_path: Path) -> None:
    """Nothing of that run is handed over, which is said; the others count."""
    runs = [run(tmp_path, day, Try(RED)) for day in (1, 2)]
    (runs[1].folder.attempt("issue-7") / "result.json").write_text("{")
    said: list[str] = []
    works = earlier_works(EarlierRuns(runs=tuple(runs)), {"issue-7": 7}, pull_requests={}, warn=said.append)
    assert works["issue-7"].run == "night-1"
    assert [line.partition(": ")[0] for line in said] == ["run night-2"]
