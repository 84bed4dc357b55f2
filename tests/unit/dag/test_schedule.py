"""The run in thought: no slot used twice, nothing before its time, no shorter than it can be."""

from __future__ import annotations

from pathlib import Path

import pytest

from miyabi.dag import Dag, Plan, simulate
from miyabi.machines import Machine, Strategy
from tests.support.values.dags import dag, node, random_dag

FLEET = (
    Machine(name="m1", slots=3, labels=("xcode",)),
    Machine(name="m2", slots=2, labels=("xcode", "gpu")),
    Machine(name="m3", slots=1),
)
EXAMPLE = Path(__file__).parents[3] / "examples" / "tasks.json"


def most_at_once(plan: Plan, machine: str | None = None) -> int:
    """The most sessions that run at one time, on one machine or on all."""
    rows = [row for row in plan.rows if machine in {None, row.machine}]
    return max((sum(r.start_minutes <= at.start_minutes < r.end_minutes for r in rows) for at in rows), default=0)


def starts(plan: Plan) -> dict[str, tuple[str, float]]:
    """Machine and start of each task."""
    return {row.task: (row.machine, row.start_minutes) for row in plan.rows}


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("seed", range(10))
def test_a_plan_keeps_every_rule(seed: int, strategy: Strategy) -> None:
    """Slots, labels and dependencies hold, every task has one row, and the bound is not beaten."""
    given = random_dag(seed)
    plan = simulate(given, FLEET, strategy=strategy)
    rows = {row.task: row for row in plan.rows}
    labels = {machine.name: set(machine.labels) for machine in FLEET}
    assert set(rows) == set(given.by_id)
    assert len(plan.rows) == len(rows)
    assert not plan.unplaceable
    assert all(most_at_once(plan, machine.name) <= machine.slots for machine in FLEET)
    assert all(labels[row.machine] >= set(given.by_id[task].requires) for task, row in rows.items())
    assert all(
        rows[other].end_minutes <= rows[task].start_minutes for task in rows for other in given.dependencies(task)
    )
    assert plan.makespan_minutes == max(row.end_minutes for row in plan.rows) >= plan.bound_minutes


@pytest.mark.parametrize("seed", range(10))
def test_no_slot_is_idle_while_a_task_could_use_it(seed: int) -> None:
    """List scheduling: without labels, the length stays within work over slots plus the critical path."""
    given = random_dag(seed)
    free = Dag(nodes=tuple(each.model_copy(update={"requires": ()}) for each in given.nodes))
    plan = simulate(free, FLEET)
    work = sum(each.estimated_duration for each in free.nodes)
    assert plan.makespan_minutes <= work / 6 + max(free.remaining_minutes.values()) + 1e-6


def test_the_longest_path_starts_first_and_fills_one_machine() -> None:
    """The task with most behind it goes first, and a second machine works only when the first is full."""
    given = dag(
        node("late", minutes=1), node("long", minutes=3), node("after", "long", minutes=3), node("b", minutes=2)
    )
    plan = simulate(given, [Machine(name="one", slots=2), Machine(name="two", slots=2)])
    assert starts(plan) == {"long": ("one", 0), "b": ("one", 0), "late": ("two", 0), "after": ("one", 3)}
    assert [row.task for row in plan.rows] == ["long", "b", "late", "after"]
    assert plan.rows[1].reason == "one already works and has 1 of 2 slots free: fill-first"


def test_a_slot_is_used_the_moment_it_is_free() -> None:
    """Three tasks in one slot run one after the other."""
    plan = simulate(dag(node("a", minutes=1), node("b", minutes=2), node("c", minutes=3)), [Machine(name="m", slots=1)])
    assert [(row.start_minutes, row.end_minutes) for row in plan.rows] == [(0, 3), (3, 5), (5, 6)]
    assert plan.makespan_minutes == plan.bound_minutes == 6


def test_a_task_that_waits_for_its_label_does_not_hold_up_the_others() -> None:
    """The first in the queue waits for its machine while the next, which can go, goes."""
    given = dag(node("x1", minutes=9, requires=("gpu",)), node("x2", minutes=8, requires=("gpu",)), node("any"))
    plan = simulate(given, [Machine(name="gpu", slots=1, labels=("gpu",)), Machine(name="plain", slots=1)])
    assert starts(plan) == {"x1": ("gpu", 0), "any": ("plain", 0), "x2": ("gpu", 9)}
    assert plan.bound_minutes == 17


def test_what_no_machine_can_take_is_said_with_all_that_wait_for_it() -> None:
    """The rest is planned, and the bound is that of the rest."""
    given = dag(node("w", requires=("win",)), node("x", "w", minutes=99), node("y", "x"), node("z", minutes=2))
    plan = simulate(given, FLEET)
    assert [row.task for row in plan.rows] == ["z"]
    assert plan.unplaceable == (
        "'w': no machine has the label 'win'; known are gpu, xcode",
        "'x': waits for 'w', which no machine can take",
        "'y': waits for 'x', which no machine can take",
    )
    assert plan.makespan_minutes == plan.bound_minutes == 2


def test_without_machines_nothing_is_planned() -> None:
    """Every task says so."""
    plan = simulate(dag(node("a")), [])
    assert (plan.rows, plan.makespan_minutes, plan.bound_minutes) == ((), 0, 0)
    assert plan.unplaceable == ("'a': there is no machine",)


def test_tasks_of_no_length_take_no_time() -> None:
    """A chain of zeros ends where it began."""
    plan = simulate(dag(node("a", minutes=0), node("b", "a", minutes=0)), [Machine(name="m", slots=1)])
    assert plan.makespan_minutes == 0
    assert [row.task for row in plan.rows] == ["a", "b"]


def test_the_example_uses_all_five_slots_at_once() -> None:
    """The demo shows a busy fleet, and its plan is as short as can be."""
    plan = simulate(Dag.load(EXAMPLE), [Machine(name="mac1", slots=3), Machine(name="mac2", slots=2)])
    assert most_at_once(plan) == 5
    assert plan.makespan_minutes == plan.bound_minutes == 16
