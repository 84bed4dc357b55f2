"""What an earlier orchestrator left, and what is to be done of it on the machines that there are now."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from miyabi.dag import Dag
from miyabi.machines import Cordon, Machine
from miyabi.runs import AttemptRecord, Continuation, RunFolder
from miyabi.runs.deadline import ACTIVE_HOURS
from miyabi.runs.resume import Resume
from miyabi.sessions import Outcome, Review, SessionResult, Verdict, reviewing
from tests.support.values.results import small_dag

RECORD = AttemptRecord(machine="mini1", start=datetime(2026, 1, 1, tzinfo=UTC), base="abc", resumes="c1")
DAG = small_dag({"t1": [], "t2": ["t1"], "t3": []})


def result(outcome: Outcome, *, machine: str | None = "mini2", turns: int = 1, attempt: int = 1) -> SessionResult:
    """The result of an attempt of t1 with the conversation c2."""
    fields = {"machine": machine, "session_id": "c2", "turns": turns, "attempt": attempt}
    return SessionResult.model_validate({"run": "r1", "task": "t1", "outcome": outcome, **fields})


def reviewed(verdict: Verdict, *, machine: str = "mini2") -> SessionResult:
    """The result of t1 that succeeded, with such a review."""
    return result(Outcome.SUCCEEDED, machine=machine).model_copy(update={"review": Review(verdict=verdict)})


def resume(folder: Path, last: SessionResult | None = None, *machines: str, is_due: bool = False) -> Resume:
    """What a run goes on with whose task t1 has that last result."""
    return Resume(
        dag=DAG,
        folder=RunFolder(folder, "r1"),
        machines={name: Machine(name=name) for name in machines or ("mini1", "mini2")},
        results={"t1": last} if last else {},
        ended=set(),
        is_due=lambda _: is_due,
    )


def test_a_pending_attempt_goes_on_where_it_is() -> None:
    """It stays on its machine, in the conversation that it had taken up, whatever came before it."""
    assert Continuation.of(RECORD, result(Outcome.STOPPED)) == Continuation(machine="mini1", conversation="c1")


def test_a_stopped_one_takes_its_conversation_up_again() -> None:
    """Where the last attempt was stopped on request, the machine that has the conversation goes on with it."""
    assert Continuation.of(None, result(Outcome.STOPPED)) == Continuation(machine="mini2", conversation="c2")


def test_a_fix_up_that_was_due_is_made_where_its_conversation_is() -> None:
    """An orchestrator that died between two rounds leaves the failure, and the next one goes on with it."""
    assert Continuation.of(None, result(Outcome.CHECK_FAILED)) is None
    due = Continuation.of(None, result(Outcome.CHECK_FAILED), is_due=True)
    assert due == Continuation(machine="mini2", conversation="c2")


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


def test_nothing_was_left(tmp_path: Path) -> None:
    """A run that nobody has begun has all of its tasks to do, anywhere."""
    fresh = resume(tmp_path)
    assert (fresh.attempts("t1"), fresh.pending("t1"), fresh.requires("t1")) == (0, None, ())
    assert fresh.startable() == (("t1", "t2", "t3"), ())


@pytest.mark.parametrize(
    ("outcome", "over"), [(Outcome.KILLED, 2), (Outcome.SKIPPED, 1), (Outcome.NOT_COLLECTED, 1), (Outcome.SUCCEEDED, 2)]
)
def test_how_many_attempts_are_over(tmp_path: Path, outcome: Outcome, over: int) -> None:
    """One that was skipped, or whose work may be collected yet, is not over: its number is that of the next attempt."""
    assert resume(tmp_path, result(outcome, attempt=2)).attempts("t1") == over


def test_a_first_attempt_goes_on_where_it_is_to(tmp_path: Path) -> None:
    """It has a conversation to go on with, on a machine that takes part; what was begun goes on where it is."""
    origin = Continuation(machine="mini1", conversation="c9")
    fresh = replace(resume(tmp_path), origins={"t1": origin})
    assert (fresh.continuation("t1"), fresh.requires("t1"), fresh.continuation("t2")) == (
        origin,
        ("machine:mini1",),
        None,
    )
    assert replace(resume(tmp_path, None, "mini2"), origins={"t1": origin}).continuation("t1") is None
    begun = replace(resume(tmp_path, result(Outcome.STOPPED)), origins={"t1": origin})
    assert begun.continuation("t1") == Continuation(machine="mini2", conversation="c2")


def test_what_was_begun_goes_on_there(tmp_path: Path) -> None:
    """A task whose session may live is to be done on the machine that has it."""
    left = resume(tmp_path)
    RECORD.keep(left.folder.attempt("t1"))
    assert (left.pending("t1"), left.requires("t1")) == (RECORD, ("machine:mini1",))
    assert left.startable() == (("t1", "t2", "t3"), ())


def test_what_was_begun_on_a_machine_that_is_left_out_meanwhile(tmp_path: Path) -> None:
    """It cannot be gone on with, so neither can what depends on it; the rest can."""
    machines = {name: Machine(name=name) for name in ("mini1", "mini2")}
    left = Resume(dag=DAG, folder=RunFolder(tmp_path, "r1"), machines=machines, results={})
    RECORD.keep(left.folder.attempt("t1"))
    del machines["mini1"]
    startable, (unplaced,) = left.startable()
    assert startable == ("t3",)
    assert (unplaced.task, unplaced.outcome, unplaced.machine) == ("t1", Outcome.NOT_COLLECTED, "mini1")
    assert "mini1, which takes no part now" in str(unplaced.error)


def test_a_lost_machine_is_asked_where_it_takes_part_again(tmp_path: Path) -> None:
    """What an earlier orchestrator lost is joined; what this one lost, or on a machine that is not there, is over."""
    lost = result(Outcome.MACHINE_LOST, machine="mini1")
    for machines, ended, over in (((), (), 0), (("mini2",), (), 1), ((), ("t1",), 1)):
        left = resume(tmp_path, lost, *machines)
        RECORD.keep(left.folder.attempt("t1"))
        left.folder.write_result(lost)
        again = Resume(dag=DAG, folder=left.folder, machines=left.machines, results=left.results, ended=ended)
        assert again.attempts("t1") == over


def test_only_what_is_asked_for_is_tried_again(tmp_path: Path) -> None:
    """Of what did not succeed the tasks that are named are to be done, and what waits for them; the rest is left."""
    failed = {"t1": result(Outcome.CHECK_FAILED), "t3": result(Outcome.CHECK_FAILED).model_copy(update={"task": "t3"})}
    asked = replace(resume(tmp_path), results=failed, retry=frozenset({"t1"}))
    assert (asked.startable(), asked.left_alone()) == ((("t1", "t2"), ()), {"t3"})
    below = replace(asked, retry=frozenset({"t3"}))
    assert (below.startable(), below.left_alone()) == ((("t3",), ()), {"t1", "t2"})
    assert replace(asked, retry=frozenset()).startable() == (("t1", "t2", "t3"), ())


def test_what_a_person_stopped_stays_so(tmp_path: Path) -> None:
    """Whoever joined a session that a person stopped does not go on with it, unless that task is asked for."""
    joined, stopped = resume(tmp_path), result(Outcome.STOPPED)
    folder = joined.folder.attempt("t1")
    RECORD.keep(folder)
    assert not joined.is_to_stay(stopped)
    AttemptRecord.note_stop(folder)
    assert joined.is_to_stay(stopped)
    retried = replace(joined, retry=frozenset({"t1"}))
    assert (retried.is_to_stay(stopped), retried.is_to_stay(stopped, is_own=True)) == (False, True)


@pytest.mark.parametrize(
    ("last", "is_due", "is_done"),
    [
        (None, False, False),
        (result(Outcome.CHECK_FAILED), False, False),
        (result(Outcome.SUCCEEDED), True, True),
        (reviewed(Verdict.PENDING), False, False),
        (reviewed(Verdict.CHANGES_ASKED), True, False),
        (reviewed(Verdict.CHANGES_ASKED), False, True),
        (reviewed(Verdict.APPROVED), True, True),
        (reviewed(Verdict.UNREVIEWED), True, True),
    ],
)
def test_a_task_is_done_when_its_review_is_over(
    tmp_path: Path, last: SessionResult | None, *, is_due: bool, is_done: bool
) -> None:
    """One whose review, or what that asks for, was cut short goes on; on the machine that has its conversation."""
    left = resume(tmp_path, last, is_due=is_due)
    assert left.is_done("t1") is is_done
    assert ("t1" in left.startable()[0]) is not is_done
    if last and last.succeeded and not is_done:
        assert left.continuation("t1") == Continuation(machine="mini2", conversation="c2")


def test_a_review_that_went_elsewhere_goes_on_there(tmp_path: Path) -> None:
    """One that was begun anew on another machine than that of the work is joined, and not given up, after a kill."""
    last = reviewed(Verdict.PENDING)
    left = resume(tmp_path, last)
    assert left.requires("t1") == ("machine:mini2",)
    name = reviewing("t1", head=last.head or "")
    left.folder.write_result(result(Outcome.LAUNCH_FAILED).model_copy(update={"task": name}))
    RECORD.keep(left.folder.attempt(name, 2))
    assert left.requires("t1") == ("machine:mini1",)
    assert resume(tmp_path, last, "mini2").requires("t1") == ("machine:mini2",)


def test_a_review_that_no_machine_can_make_blocks_nobody(tmp_path: Path) -> None:
    """The task succeeded all the same, so that what builds on it is started."""
    left = resume(tmp_path, reviewed(Verdict.PENDING, machine="mini3"), "mini1")
    needs = {**DAG.by_id, "t1": DAG.by_id["t1"].model_copy(update={"requires": ("gpu",)})}
    startable, unplaced = replace(left, dag=Dag(nodes=tuple(needs.values()), name="")).startable()
    assert [each.task for each in unplaced] == ["t1"]
    assert startable == ("t2", "t3")


def test_what_ended_with_its_machines_hours_is_bound_to_no_machine(tmp_path: Path) -> None:
    """Another one may go on at once; a later orchestrator takes the conversation up where it is."""
    ended = result(Outcome.STOPPED).model_copy(update={"error_kind": ACTIVE_HOURS})
    later = resume(tmp_path, ended)
    assert later.continuation("t1") == Continuation(machine="mini2", conversation="c2")
    assert replace(later, ended={"t1"}).requires("t1") == ()
    assert replace(resume(tmp_path, result(Outcome.STOPPED)), ended={"t1"}).requires("t1") == ("machine:mini2",)


def test_what_was_stopped_on_a_cordoned_machine_goes_on_elsewhere(tmp_path: Path) -> None:
    """Where another may take it; a session that lives there still is joined."""
    left = resume(tmp_path, result(Outcome.STOPPED))
    left.cordons.note({"mini2": Cordon(machine="mini2", since=0)})
    assert left.requires("t1") == ()
    alone = replace(left, machines={"mini2": left.machines["mini2"]})
    assert alone.requires("t1") == ("machine:mini2",)
    RECORD.keep(left.folder.attempt("t1", left.attempts("t1") + 1))
    left.cordons.note({"mini1": Cordon(machine="mini1", since=0)})
    assert left.requires("t1") == ("machine:mini1",)
