"""Which milestone is in turn where finished ones are closed, and which issues wait for a pull request."""

from __future__ import annotations

from pathlib import Path

import pytest

from miyabi.errors import BadInput
from miyabi.github import MergeState
from miyabi.integration import Integration, LeftOutKind
from miyabi.milestones import milestone_in_turn
from miyabi.milestones.history import EarlierRuns
from miyabi.milestones.plan import _held_back
from miyabi.sessions import Outcome
from tests.support.values.earlier_runs import BASE, HEAD, past, pull
from tests.support.values.milestones import milestone
from tests.support.values.results import RUN, result
from tests.unit.milestones.test_history import keep

GOOD, OUT = Outcome.SUCCEEDED, LeftOutKind.CONFLICT
FINISHED = milestone(3, id=900, title="finished", closed_issues=1)
NEXT = milestone(4, id=901, title="next", open_issues=1)


@pytest.mark.parametrize("outcome", [GOOD, Outcome.AGENT_ERROR])
def test_next_due_may_only_wait_to_be_closed(tmp_path: Path, outcome: Outcome) -> None:
    """A finished milestone is next due where we can close it; else it would be so for ever, and no other one ever."""
    folder = keep(tmp_path, RUN, 7)
    folder.write_result(result("issue-7", outcome, files=["a.txt"]))
    folder.keep(Integration(branch="miyabi/x", base=BASE, head=HEAD))
    found = milestone_in_turn([FINISHED, NEXT], "next due", repository=tmp_path, github="acme/app")
    assert found == (FINISHED if outcome is GOOD else NEXT)


def test_next_due_without_runs(tmp_path: Path) -> None:
    """What people have finished without us is theirs to close; by its number or title it is found all the same."""

    def turn(wanted: str, *known: object) -> object:
        return milestone_in_turn([FINISHED, *known], wanted, repository=tmp_path, github="acme/app")  # type: ignore[list-item]

    assert turn("next due", NEXT) == NEXT
    assert (turn("3", NEXT), turn("finished", NEXT)) == (FINISHED, FINISHED)
    with pytest.raises(BadInput, match="none is open with open issues"):
        turn("next due")


@pytest.mark.parametrize(("state", "is_held"), [(MergeState.OPEN, True), (MergeState.MERGED, False)])
def test_what_does_not_fit_waits(state: MergeState, *, is_held: bool) -> None:
    """Work that conflicts with a pull request is not tried again before that is decided; what failed is."""
    outcomes = {7: GOOD, 8: GOOD, 9: Outcome.AGENT_ERROR}
    run = past(outcomes, left_out={8: OUT, 9: LeftOutKind.FAILED}, pulls=[pull(12)])
    now = {12: pull(12, state=state)}
    found = _held_back(EarlierRuns(runs=(run,)), now, [7, 8, 9, 10])
    said = "its work does not go with that of pull request #12; it is tried again when that is merged or closed"
    assert found == ({8: said} if is_held else {})


def test_the_latest_run_says_what_fits() -> None:
    """An issue that was left out once and has failed since is not held back."""
    runs = (past({7: GOOD, 8: GOOD}, left_out={8: OUT}, pulls=[pull(12)]), past({8: Outcome.AGENT_ERROR}, day=2))
    assert _held_back(EarlierRuns(runs=runs), {12: pull(12)}, [8]) == {}


def test_what_is_too_large_does_not_wait() -> None:
    """No pull request is in the way of work that GitHub refused for its size: it is tried again at once."""
    run = past({7: GOOD, 8: GOOD}, left_out={8: LeftOutKind.SIZE}, pulls=[pull(12)])
    assert _held_back(EarlierRuns(runs=(run,)), {12: pull(12)}, [7, 8]) == {}
