from __future__ import annotations

import random

import pytest

from miyabi.reports import Report
from miyabi.sessions import Outcome
from tests.support.values.results import report, result, small_dag

CHAIN = {"a": [], "b": ["a"], "c": ["b"], "d": []}


def test_totals() -> None:
    """Every task is counted once: succeeded, failed or skipped, and the success rate is of all tasks."""
    r = report(small_dag(CHAIN), [result("a"), result("b", Outcome.CHECK_FAILED), result("d")])
    assert (r.total, r.succeeded, r.failed, r.skipped) == (4, 2, 1, 1)
    assert r.success_rate == 0.5
    assert not r.all_succeeded


def test_all_succeeded() -> None:
    """A run is good only when every task of its DAG succeeded."""
    assert report(small_dag({"a": [], "b": ["a"]}), [result("a"), result("b")]).all_succeeded
    assert not report(small_dag({"a": [], "b": ["a"]}), [result("a")]).all_succeeded


def test_tasks_stand_in_topological_order() -> None:
    """However the results come, the tasks stand in the DAG's order."""
    dag = small_dag({"z": [], "y": ["z"], "x": ["y"]})
    assert [t.task for t in report(dag, [result("x"), result("z"), result("y")]).tasks] == ["z", "y", "x"]


def test_skips_name_the_failure_behind_them() -> None:
    """A skipped task says which upstream failed, however far up that was."""
    r = report(small_dag(CHAIN), [result("a", Outcome.TIMED_OUT), result("d")])
    assert {s.task: s.reason for s in r.skips} == {
        "b": "upstream a (timed_out) failed",
        "c": "upstream a (timed_out) failed",
    }


def test_a_skip_without_a_failure_says_why() -> None:
    """A task that the run never came to says so, or what its result says."""
    r = report(small_dag(CHAIN), [result("a"), result("d", Outcome.SKIPPED, error_text="fail-fast: b failed")])
    assert {s.task: s.reason for s in r.skips} == {
        "b": "the run ended before it could start",
        "c": "the run ended before it could start",
        "d": "fail-fast: b failed",
    }


def test_many_failures_before_a_skip() -> None:
    """Of many failed upstreams three are named."""
    dag = small_dag({"a": [], "b": [], "c": [], "d": [], "z": ["a", "b", "c", "d"]})
    (skip,) = report(dag, [result(t, Outcome.KILLED) for t in "abcd"]).skips
    assert skip.reason == "upstream a (killed), b (killed), c (killed) failed"


def test_the_last_attempt_decides_and_all_count() -> None:
    """A task that needed two attempts has the second's outcome, and the time and cost of both."""
    attempts = [
        result("a", attempt=2, after=90, machine="macmini-2", cost_usd=0.5),
        result("a", Outcome.MACHINE_LOST, seconds=30),
    ]
    r = report(small_dag({"a": []}), attempts)
    (row,) = r.tasks
    assert (row.outcome, row.machine, row.attempts) == (Outcome.SUCCEEDED, "macmini-2", 2)
    assert (row.seconds, row.cost_usd, row.turns) == (90.0, 0.75, 8)
    assert [(s.machine, s.attempt) for s in r.stretches] == [("macmini-1", 1), ("macmini-2", 2)]
    assert r.troubles == ()


def test_machines() -> None:
    """Each machine has its sessions, its busy time and the share of its slot time; idle ones are there too."""
    r = report(small_dag({"a": [], "b": []}), [result("a", seconds=60), result("b", Outcome.NO_CHANGES, seconds=120)])
    one, two = r.machines
    assert (one.sessions, one.succeeded, one.busy_seconds, one.utilisation) == (2, 1, 180.0, 0.2)
    assert (two.machine, two.sessions, two.utilisation) == ("macmini-2", 0, 0.0)


def test_a_machine_that_left_the_fleet() -> None:
    """Sessions on a machine that is no longer configured are still counted."""
    r = report(small_dag({"a": []}), [result("a", machine="gone")])
    assert [(m.machine, m.slots, m.sessions) for m in r.machines if m.sessions] == [("gone", 0, 1)]


def test_speed_up() -> None:
    """The speed-up is the sum of all sessions against the time that passed; no time gives none."""
    results = [result("a", seconds=300), result("b", seconds=300)]
    r = report(small_dag({"a": [], "b": []}), results)
    assert (r.session_seconds, r.wall_seconds, r.speed_up) == (600.0, 300.0, 2.0)
    assert report(small_dag({"a": []}), [], wall_seconds=0).speed_up == 0.0


def test_sessions_that_resolved_conflicts_count_without_being_tasks() -> None:
    """What they took and cost is in the totals, the time after the run too; they stand in a table of their own."""
    resolving = [
        result("_resolve-b-0a1b2c3d", Outcome.MACHINE_LOST, after=1000, seconds=30, title="Resolve b"),
        result("_resolve-b-0a1b2c3d", after=1100, seconds=60, attempt=2, machine="macmini-2", title="Resolve b"),
        result("_resolve-a-99999999", Outcome.CHECK_FAILED, after=100_000, seconds=10),
    ]
    r = report(small_dag({"a": [], "b": []}), [result("a"), result("b"), *resolving], wall_seconds=200)
    assert (r.total, r.succeeded, r.warnings, r.troubles) == (2, 2, (), ())
    assert (r.session_seconds, r.wall_seconds, r.cost_usd) == (220.0, 300.0, 1.25)
    assert [(m.sessions, m.utilisation) for m in r.machines] == [(4, 0.1778), (1, 0.1)]
    first, second = r.resolutions
    assert (first.session, first.title, first.machine) == ("_resolve-b-0a1b2c3d", "Resolve b", "macmini-2")
    assert (first.outcome, first.attempts, first.turns, first.seconds) == (Outcome.SUCCEEDED, 2, 8, 90.0)
    assert (second.session, second.outcome) == ("_resolve-a-99999999", Outcome.CHECK_FAILED)


def test_failure_say_where_to_look() -> None:
    """What did not succeed has its kind, its text and the folder of its last attempt."""
    lost = result("a", Outcome.API_UNAVAILABLE, attempt=3, error_kind="overloaded", error_text="API Error: 529")
    (trouble,) = report(small_dag({"a": []}), [lost]).troubles
    assert (trouble.kind, trouble.text, trouble.where) == ("overloaded", "API Error: 529", "sessions/a/attempt-3")


def test_a_failure_that_never_started_has_no_folder() -> None:
    """A merge conflict has no session, so it names no folder and takes no machine's time."""
    r = report(small_dag({"a": []}), [result("a", Outcome.MERGE_CONFLICT, error_text="x.py")])
    assert [(t.kind, t.text, t.where) for t in r.troubles] == [("merge_conflict", "x.py", "")]
    assert r.stretches == ()


def test_changed_files_are_sorted_with_their_tasks() -> None:
    """Each changed file stands once, by path, with the tasks that changed it."""
    results = [result("b", files=["z.py", "a.py"]), result("a", files=["a.py"])]
    r = report(small_dag({"a": [], "b": []}), results)
    assert [(f.path, f.tasks) for f in r.files] == [("a.py", ("a", "b")), ("z.py", ("b",))]


def test_secrets_stay_out() -> None:
    """Whatever looks like a key is not in the report, wherever it was said."""
    key = "sk-ant-" + "a1b2" * 8
    failed = result("a", Outcome.AGENT_ERROR, error_kind=key, error_text=f"key {key}", placement_reason=key)
    skipped = result("b", Outcome.SKIPPED, error_text=key)
    dag = small_dag({"a": [], "b": []}, titles={"a": key, "b": key})
    assert key not in report(dag, [failed, skipped], warnings=[key]).model_dump_json()


def test_rehearsal_is_marked() -> None:
    """A report says that it is of a rehearsal where a result or the caller says so."""
    dag = small_dag({"a": []})
    assert report(dag, [result("a", rehearsal=True)]).rehearsal
    assert report(dag, [], rehearsal=True).rehearsal
    assert not report(dag, [result("a")]).rehearsal


def test_warnings() -> None:
    """Warnings of the DAG and of the caller are there, and results that belong to no task are told of."""
    r = report(small_dag({"a": []}), [result("a"), result("b")], warnings=["macmini-3 was not reached"])
    assert r.warnings == ("macmini-3 was not reached", "results of tasks that the DAG does not have: b")


@pytest.mark.parametrize("seed", range(3))
def test_json_is_deterministic_and_round_trips(seed: int) -> None:
    """The order in which results come changes no byte of the JSON, and reading it gives an equal report."""
    dag = small_dag({f"t{n}": [] for n in range(20)})
    results = [result(f"t{n}", after=n, files=[f"f{n % 3}.py", "common.py"]) for n in range(20)]
    text = report(dag, results).model_dump_json()
    random.Random(seed).shuffle(results)  # noqa: S311 - an order, not a secret
    assert report(dag, results).model_dump_json() == text
    assert Report.model_validate_json(text) == report(dag, results)
