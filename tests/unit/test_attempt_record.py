"""What is known of an attempt that its orchestrator did not see to the end."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from miyabi.attempt_record import AttemptRecord, Continuation
from miyabi.session import Outcome, SessionResult

RECORD = AttemptRecord(machine="mini1", start=datetime(2026, 1, 1, tzinfo=UTC), base="abc", resumes="c1")


def result(outcome: Outcome, *, machine: str | None = "mini2", turns: int = 1) -> SessionResult:
    """The result of an attempt with the conversation c2."""
    return SessionResult(run="r1", task="t1", outcome=outcome, machine=machine, session_id="c2", turns=turns)


def test_pending_until_there_is_a_result(tmp_path: Path) -> None:
    """A record is pending from when it is kept until there is a result; a new one overrules an old result."""
    folder = tmp_path / "attempt-1"
    assert AttemptRecord.pending(folder) is None
    RECORD.keep(folder)
    assert AttemptRecord.pending(folder) == RECORD
    (folder / "result.json").write_text("{}")
    assert AttemptRecord.pending(folder) is None
    RECORD.keep(folder)
    assert AttemptRecord.pending(folder) == RECORD
    AttemptRecord.forget(folder)
    AttemptRecord.forget(folder)
    assert AttemptRecord.pending(folder) is None


def test_a_pending_attempt_goes_on_where_it_is() -> None:
    """It stays on its machine, in the conversation that it had taken up, whatever came before it."""
    assert Continuation.of(RECORD, result(Outcome.STOPPED)) == Continuation(machine="mini1", conversation="c1")


def test_a_stopped_one_takes_its_conversation_up_again() -> None:
    """Where the last attempt was stopped on request, the machine that has the conversation goes on with it."""
    assert Continuation.of(None, result(Outcome.STOPPED)) == Continuation(machine="mini2", conversation="c2")


def test_a_conversation_without_a_word_is_begun_anew() -> None:
    """A prompt that is a command is one only where it is the first word of a conversation."""
    silent = result(Outcome.STOPPED, turns=0)
    assert Continuation.of(None, silent) == Continuation(machine="mini2", conversation=None)


@pytest.mark.parametrize(
    "last", [None, result(Outcome.KILLED), result(Outcome.SKIPPED), result(Outcome.STOPPED, machine=None)]
)
def test_all_others_begin_anew(last: SessionResult | None) -> None:
    """Any other end binds the next attempt to no machine."""
    assert Continuation.of(None, last) is None


def test_no_folder_above_the_run_is_closed(tmp_path: Path) -> None:
    """A run's own folders are for their owner only; what lies above stays as it is, wherever a record is kept."""
    above = tmp_path / "above"
    above.mkdir(mode=0o755)
    for folder in (above / "r1/sessions/a/attempt-1", above / "attempt-1"):
        RECORD.keep(folder)
        assert folder.stat().st_mode & 0o777 == 0o700
    assert (above / "r1").stat().st_mode & 0o777 == 0o700
    assert above.stat().st_mode & 0o777 == 0o755
