"""What is known of an attempt that its orchestrator did not see to the end."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from miyabi.errors import MachineError
from miyabi.machines import Machine
from miyabi.runs import AttemptRecord
from miyabi.sessions import Outcome
from tests.support.values.damage import damage_file
from tests.support.values.results import result
from tests.support.values.specs import session_spec

RECORD = AttemptRecord(machine="mini1", start=datetime(2026, 1, 1, tzinfo=UTC), base="abc", resumes="c1")


def test_pending_until_there_is_a_result(tmp_path: Path) -> None:
    """A record is pending from when it is kept until there is a result; a new one overrules an old result."""
    folder = tmp_path / "attempt-1"
    assert AttemptRecord.pending(folder) is None
    RECORD.keep(folder)
    assert AttemptRecord.pending(folder) == RECORD
    (folder / "result.json").write_text(result("a").model_dump_json())
    assert AttemptRecord.pending(folder) is None
    RECORD.keep(folder)
    assert AttemptRecord.pending(folder) == RECORD
    AttemptRecord.forget(folder)
    AttemptRecord.forget(folder)
    assert AttemptRecord.pending(folder) is None


@pytest.mark.parametrize("damage", ["no JSON", "a folder"])
def test_what_is_not_known_is_not_collected(tmp_path: Path, damage: str) -> None:
    """An attempt whose result or record cannot be read may have work on its machine, and the file is named."""
    folder, other = tmp_path / "attempt-1", tmp_path / "attempt-2"
    for each in (folder, other):
        RECORD.keep(each)
        assert AttemptRecord.unreadable(each) is None
    damage_file(folder / "result.json", is_folder=damage == "a folder")
    assert AttemptRecord.pending(folder) == RECORD
    assert AttemptRecord.unreadable(folder) == folder / "result.json"
    damage_file(other / "attempt.json", is_folder=damage == "a folder")
    assert AttemptRecord.unreadable(other) == other / "attempt.json"
    (other / "result.json").write_text(result("a").model_dump_json())
    assert AttemptRecord.unreadable(other) is None


def test_no_folder_above_the_run_is_closed(tmp_path: Path) -> None:
    """A run's own folders are for their owner only; what lies above stays as it is, wherever a record is kept."""
    above = tmp_path / "above"
    above.mkdir(mode=0o755)
    for folder in (above / "r1/sessions/a/attempt-1", above / "attempt-1"):
        RECORD.keep(folder)
        assert folder.stat().st_mode & 0o777 == 0o700
    assert (above / "r1").stat().st_mode & 0o777 == 0o700
    assert above.stat().st_mode & 0o777 == 0o755


def test_what_a_person_did_is_gone_on_with() -> None:
    """An attempt by hand counts as stopped, however it ended, in its conversation; any other is as its result says."""
    failed = result("a", Outcome.KILLED, turns=0, run="r1")
    assert RECORD.completed(failed) == failed
    by_hand = RECORD.model_copy(update={"by_hand": True}).completed(failed)
    assert (by_hand.outcome, by_hand.by_hand, by_hand.conversation) == (Outcome.STOPPED, True, "c1")
    assert str(by_hand.error_text).endswith("miyabi retry r1 a goes on from there")


def test_the_machine_that_has_it() -> None:
    """It is found among those of the run where it is where it was; else what to do is said."""
    machine = Machine(name="mini1", host="mini1.local")
    record = AttemptRecord.of(machine, session_spec(), start=RECORD.start)
    assert record.machine_among({"mini1": machine}, run="r1") == machine
    with pytest.raises(MachineError, match=r"begun on mini1, which takes no part now.* miyabi orchestrate --run r1"):
        record.machine_among({}, run="r1")
    with pytest.raises(MachineError, match=r"on mini1\.local and may still run there; the configuration now says"):
        record.machine_among({"mini1": machine.model_copy(update={"host": "other"})}, run="r1")
