from __future__ import annotations

import pytest

from miyabi.errors import MergeConflict
from miyabi.integration import head_of, is_decided
from miyabi.sessions import Outcome
from tests.support.values.results import result

SESSION = "_resolve-a-0a1b2c3d"
WRONG_WORK = {
    Outcome.NO_CHANGES,
    Outcome.OFF_BRANCH,
    Outcome.UNRESOLVED_CONFLICT,
    Outcome.CHECK_FAILED,
    Outcome.PERMISSION_DENIED,
    Outcome.MAX_TURNS,
    Outcome.BUDGET_EXCEEDED,
    Outcome.TIMED_OUT,
    Outcome.API_REFUSED,
    Outcome.AGENT_ERROR,
}


@pytest.mark.parametrize("outcome", Outcome)
def test_only_what_says_nothing_of_the_work_is_tried_again(outcome: Outcome) -> None:
    """A session that succeeded or did wrong work is not started once more for the same conflict; any other is."""
    assert is_decided(result(SESSION, outcome)) == (outcome in WRONG_WORK | {Outcome.SUCCEEDED})


def test_a_session_that_never_was_is_not_decided() -> None:
    """The first time, there is no result."""
    assert not is_decided(None)


def test_the_head_of_a_resolution() -> None:
    """Where the session succeeded it is its head; else the reason says which session, how it ended and why."""
    assert head_of(result(SESSION, head="e" * 40), session=SESSION) == "e" * 40
    with pytest.raises(MergeConflict, match=rf"^{SESSION}, which was to resolve it, was not started$"):
        head_of(None, session=SESSION)
    failed = result(SESSION, Outcome.MAX_TURNS, error_text="reached 20\nturns")
    with pytest.raises(MergeConflict, match=r"it, ended as max_turns: reached 20 turns$"):
        head_of(failed, session=SESSION)
