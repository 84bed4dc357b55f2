"""The status line of a session."""

from __future__ import annotations

import pytest

from miyabi.sessions import State, Status
from miyabi.sessions.protocol import parse_status


def test_a_line_becomes_values() -> None:
    """Every field has its place, and "-" is unknown."""
    line = "miyabi1 r1.a.1 running rc=0 by=itself check=- out=12 err=3 now=1700000000 free=- over=-\n"
    status = Status(state=State.RUNNING, exit_status=0, ended_by="itself", out_bytes=12, err_bytes=3, now=1_700_000_000)
    assert parse_status(line) == ("r1.a.1", status)


def test_a_set_up_that_runs() -> None:
    """Nothing has ended then."""
    _, status = parse_status("miyabi1 s running rc=- by=sets_up check=- out=0 err=0 now=1 free=5 over=-")
    assert (status.sets_up, status.ended_by, status.live) == (True, "", True)


@pytest.mark.parametrize("state", State)
def test_only_what_runs_holds_a_slot(state: State) -> None:
    """Running and orphaned sessions are live, all others are not."""
    _, status = parse_status(f"miyabi1 s {state} rc=- by=- check=- out=0 err=0 now=1 free=5 over=7")
    assert status.live is (state in {State.RUNNING, State.ORPHAN})
    assert (status.exit_status, status.ended_by, status.check_exit) == (None, "", None)
    assert (status.free_kib, status.over_seconds) == (5, 7)


@pytest.mark.parametrize(
    "line",
    ["", "miyabi1 s", "pf1 s exited rc=0", "miyabi1 s sleeping rc=- by=- check=- out=0 err=0 now=1 free=5 over=-"],
)
def test_anything_else_is_refused(line: str) -> None:
    """A line that is none, or of another version, is not guessed at."""
    with pytest.raises(ValueError, match=r"not a status line|not a valid State"):
        parse_status(line)
