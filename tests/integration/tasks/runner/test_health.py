"""Machines that are closed for a while or given up, and what becomes of the tasks that wait for them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import pytest
from prefect import task

from miyabi.errors import MachineError
from miyabi.machines import Machine
from miyabi.system import Backoff
from tasks.runner import FleetTaskRunner, current_slot, machine_state
from tests.support.prefect.in_flow import fleet, in_flow
from tests.support.prefect.server import prefect_database, prefect_server  # noqa: F401

pytestmark = pytest.mark.usefixtures("prefect_server")


@task
async def session(name: str, seconds: float = 0.0, machine: Machine | None = None) -> tuple[str, float]:
    """Where it ran, and when it began."""
    assert machine
    began = time.time()
    await asyncio.sleep(seconds)
    return machine.name, began


@task
async def give_up(machine: Machine | None = None) -> None:
    """Finds its machine sick."""
    assert machine
    current_slot().exclude(MachineError(f"{machine.name}: no login"))
    await asyncio.sleep(0.1)


def test_nothing_more_goes_to_a_machine_that_was_given_up() -> None:
    """Who waits goes to another machine."""
    sick, sound = fleet(1, 1)

    def body(_: FleetTaskRunner) -> set[str]:
        give_up.submit().wait()
        return {future.result()[0] for future in [session.submit(f"{number}") for number in range(4)]}

    assert in_flow(body, [sick, sound]) == {sound.name}


def test_who_has_no_other_machine_ends_with_the_reason() -> None:
    """Tasks do not wait all night for a machine that takes nothing more, whether they wait already or come later."""
    (machine,) = fleet(1)

    def body(_: FleetTaskRunner) -> list[Any]:
        futures = [give_up.submit(), session.submit("waits")]
        for future in futures:
            future.wait()
        later = session.submit("later")
        later.wait()
        return [futures[1].state, later.state]

    for state in in_flow(body, [machine]):
        assert (state.name, state.message) == ("Failed", f"{machine.name}: no login")


def test_a_limit_closes_the_machines_of_its_account() -> None:
    """Who waits goes to a machine of another account, and back when the first takes sessions again."""
    own, same, other = (
        machine.model_copy(update={"account": account})
        for machine, account in zip(fleet(1, 1, 1), ("a", "a", "b"), strict=True)
    )

    opens = time.time()

    @task
    async def limited(machine: Machine | None = None) -> str:
        nonlocal opens
        assert machine
        opens = time.time() + 3.0
        return machine.name

    def is_held(_: Mapping[str, Any], machine: Machine) -> bool:
        return machine.account == "a" and time.time() < opens

    def body(_: FleetTaskRunner) -> list[str]:
        futures = [limited.submit()]
        futures[0].wait()
        futures.append(session.submit("meanwhile", seconds=4.0))
        futures[1].wait()
        futures.append(session.submit("later"))
        return [futures[0].result(), *(future.result()[0] for future in futures[1:])]

    assert in_flow(body, [own, same, other], is_held=is_held) == [own.name, other.name, own.name]


def test_a_requeued_task_does_not_go_on_before_its_time() -> None:
    """It holds no slot meanwhile."""
    machines = fleet(1)

    @task
    async def parked(machine: Machine | None = None) -> float:
        assert machine
        until = time.time() + 1.0
        await current_slot().requeue(until, stay=True)
        return time.time() - until

    def body(_: FleetTaskRunner) -> tuple[float, float]:
        waits = parked.submit()
        between = session.submit("between")
        began = time.time()
        return waits.result(), between.result()[1] - began

    late, between = in_flow(body, machines)
    assert late >= 0
    assert between < 0.9


def test_what_a_task_requires_may_change_with_its_attempts() -> None:
    """A task that was bound to its machine, as one that goes on where it was, may leave it when that binds no more."""
    sick, sound = fleet(1, 1)
    machines = [m.model_copy(update={"labels": (m.name,)}) for m in (sick, sound)]
    bound = [sick.name]

    @task
    async def moves(machine: Machine | None = None) -> tuple[bool, str]:
        assert machine
        before, slot = current_slot().can_move, current_slot()
        bound.clear()
        assert slot.can_move
        return before, (await slot.move(avoid=frozenset({machine.name}))).name

    def body(_: FleetTaskRunner) -> tuple[bool, str]:
        return moves.submit().result()

    assert in_flow(body, machines, requires=lambda _: tuple(bound)) == (False, sound.name)


def test_a_sick_machine_is_tried_with_one_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each time later while that one fails; once it says a good result the machine has all of its slots again."""
    monkeypatch.setattr(machine_state, "TRIALS", Backoff(0.2, 5))
    sick, sound = fleet(2, 1)
    looks: list[tuple[bool, int]] = []
    there: list[str] = []

    @task
    async def work(name: str, machine: Machine | None = None) -> str:
        assert machine
        slot = current_slot()
        if machine != sick:
            await asyncio.sleep(0.3)
            return machine.name
        there.append(name)
        looks.append((slot.is_on_trial, len(there)))
        if len(looks) <= 3:
            slot.exclude(MachineError(f"{machine.name}: no login"), is_tried_again=True)
            there.remove(name)
            return (await slot.move(avoid=frozenset({machine.name}))).name
        slot.note_ending()
        await asyncio.sleep(0.5)
        there.remove(name)
        return machine.name

    def body(_: FleetTaskRunner) -> list[str]:
        return [future.result() for future in [work.submit(f"{number}") for number in range(24)]]

    in_flow(body, [sick, sound])
    trials = [each for each in looks if each[0]]
    assert [count for _, count in trials] == [1] * len(trials)
    assert len(trials) >= 2
    assert not looks[-1][0]
    assert max(count for _, count in looks) == 2


def test_how_long_a_sick_machine_is_left_alone() -> None:
    """30 s, then twice as long each time, at most 5 min; sessions that began before and fail too change nothing."""
    state, error, now, waits = machine_state.MachineState(machine=fleet(2)[0]), MachineError("x"), 1000.0, []
    for _ in range(6):
        state.note_sick(error, now=now, is_tried_again=True)
        state.note_sick(error, now=now + 5, is_tried_again=True)
        assert state.tried_at is not None
        waits.append(state.tried_at - now)
        state.begin_trial(state.tried_at - 1)
        assert state.load(now).closed_until is not None
        now = state.tried_at
        state.begin_trial(now)
        assert state.load(now).free == 1
    assert waits == [30, 60, 120, 240, 300, 300]
    state.note_sound()
    assert state.load(now).free == 2
    state.note_sick(error, now=now, is_tried_again=False)
    state.begin_trial(now + 1e6)
    assert state.broken is error


def test_a_machine_on_trial_is_asked_as_rarely_as_any_other() -> None:
    """While others, or sessions that began before, have every slot it has none for its trial either."""
    state, now = machine_state.MachineState(machine=fleet(2)[0]), 1000.0
    state.note_sick(MachineError("x"), now=0.0, is_tried_again=True)
    state.begin_trial(now)
    state.note_taken(now, retry_seconds=1)
    assert state.load(now).free == 0
    assert state.load(now + 60).free == 1
    state.held = 2
    assert state.load(now + 60).free == 0
