"""How ready tasks and slots come together: order, fill-first, labels, and never more than the slots."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prefect import task

from miyabi.machines import Machine, Strategy
from tasks.runner import FleetTaskRunner, current_slot
from tests.support.machines.processes import eventually
from tests.support.prefect.in_flow import fleet, in_flow
from tests.support.prefect.server import prefect_database, prefect_server  # noqa: F401

pytestmark = pytest.mark.usefixtures("prefect_server")


class Watch:
    """Who works where, and how many did at most."""

    def __init__(self) -> None:
        self.live: Counter[str] = Counter()
        self.peak: Counter[str] = Counter()
        self.started: list[Any] = []
        self._lock = threading.Lock()

    @contextmanager
    def at(self, machine: Machine, name: object = None) -> Iterator[None]:
        """One session on the machine."""
        with self._lock:
            self.live[machine.name] += 1
            self.peak[machine.name] = max(self.peak[machine.name], self.live[machine.name])
            self.started.append(name)
        try:
            yield
        finally:
            with self._lock:
                self.live[machine.name] -= 1


@task
async def session(
    name: Any, watch: Watch, seconds: float = 0.05, together: int = 0, machine: Machine | None = None
) -> tuple[str, str]:
    """Works that long on its machine, at least until so many have begun; its machine's name and why it is there."""
    assert machine
    with watch.at(machine, name):
        await asyncio.sleep(seconds)
        while len(watch.started) < together:
            await asyncio.sleep(0.02)
    return machine.name, current_slot().reason


def test_ready_tasks_start_in_order() -> None:
    """With one slot, tasks start by the key that the flow gives, not as they were submitted."""
    watch = Watch()

    def body(_: FleetTaskRunner) -> None:
        first = session.submit(0, watch, seconds=0.3)
        futures = [session.submit(number, watch) for number in (5, 3, 9, 1)]
        for future in [first, *futures]:
            future.result()

    in_flow(body, fleet(1), order=lambda parameters: (parameters["name"],))
    assert watch.started == [0, 1, 3, 5, 9]


def test_fill_first_completes_one_machine_before_the_next() -> None:
    """Three sessions on machines with 3 and 2 slots all go to one machine, which says why."""
    machines = fleet(3, 3)
    watch = Watch()

    def body(_: FleetTaskRunner) -> list[tuple[str, str]]:
        return [f.result() for f in [session.submit(number, watch, together=3) for number in range(3)]]

    placed = in_flow(body, machines)
    assert {name for name, _ in placed} == {machines[0].name}
    assert placed[0][1] == f"{machines[0].name} is idle and has 3 of 3 slots free: fill-first"
    assert placed[2][1] == f"{machines[0].name} already works and has 1 of 3 slots free: fill-first"


def test_spread_uses_all_machines() -> None:
    """With the other strategy each machine gets one."""
    machines = fleet(3, 3, 3)
    watch = Watch()

    def body(_: FleetTaskRunner) -> list[tuple[str, str]]:
        return [f.result() for f in [session.submit(number, watch, together=3) for number in range(3)]]

    assert len({name for name, _ in in_flow(body, machines, strategy=Strategy.SPREAD)}) == 3


def test_labels() -> None:
    """A task goes only where its labels are; one that fits nowhere fails with a sentence, others go on."""
    plain, gpu = fleet(2, 1)
    gpu = gpu.model_copy(update={"labels": ("gpu",)})
    watch = Watch()

    def body(_: FleetTaskRunner) -> tuple[list[str], str]:
        futures = [session.submit(("gpu",), watch) for _ in range(3)]
        with pytest.raises(Exception, match="no machine has the label 'tpu'") as raised:
            session.submit(("tpu",), watch).result()
        return [future.result()[0] for future in futures], str(raised.value)

    names, error = in_flow(body, [plain, gpu], requires=lambda parameters: parameters["name"])
    assert names == [gpu.name] * 3
    assert error.startswith("This task cannot be placed: ")


def test_never_more_than_the_slots_across_flow_runs() -> None:
    """Two flow runs at once on the same machines together never use more than their slots, and both end."""
    machines = fleet(2, 1)
    watch = Watch()

    def body(_: FleetTaskRunner) -> int:
        return len([f.result() for f in [session.submit(number, watch, seconds=0.1) for number in range(12)]])

    threads = [threading.Thread(target=lambda: in_flow(body, machines)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(watch.started) == 24
    assert watch.peak == Counter({machine.name: machine.slots for machine in machines})


def test_an_early_release_starts_the_next() -> None:
    """A slot given back in mid-task starts the next task at once, while the first one still works."""
    overlap: list[str] = []

    @task
    async def early(name: str, machine: Machine | None = None) -> None:
        overlap.append(f"{name} starts")
        current_slot().release()
        current_slot().release()
        await asyncio.sleep(0.3)
        overlap.append(f"{name} ends")

    def body(_: FleetTaskRunner) -> None:
        for future in [early.submit("one"), early.submit("two")]:
            future.result()

    in_flow(body, fleet(1))
    assert overlap == ["one starts", "two starts", "one ends", "two ends"]


def test_sync_tasks_have_slots_too() -> None:
    """A function that blocks holds a slot like any other and may release it from its thread."""
    watch = Watch()

    @task
    def blocking(machine: Machine | None = None) -> None:
        assert machine
        with watch.at(machine):
            time.sleep(0.1)
        current_slot().release()

    machines = fleet(2)
    in_flow(lambda _: [future.result() for future in [blocking.submit() for _ in range(6)]], machines)
    assert watch.peak[machines[0].name] == 2


def test_a_machine_that_was_named_is_not_placed() -> None:
    """A task that is given its machine runs at once and holds no slot."""
    machine, other = fleet(1, 1)

    @task
    async def look(machine: Machine) -> str:
        with pytest.raises(RuntimeError, match="holds no slot"):
            current_slot()
        return machine.name

    def body(_: FleetTaskRunner) -> str:
        return look.submit(machine).result()

    assert in_flow(body, [other]) == machine.name


def test_a_dependant_of_a_failure_takes_no_slot() -> None:
    """A task that will not run because its upstream failed does not wait for a slot first."""

    @task
    async def fail() -> None:
        message = "as planned"
        raise ValueError(message)

    watch = Watch()

    def body(_: FleetTaskRunner) -> str:
        long = session.submit("long", watch, seconds=1.0)
        skipped = session.submit("never", watch, wait_for=[fail.submit()])
        skipped.wait()
        assert not long.state.is_final()
        return skipped.state.name

    assert in_flow(body, fleet(1)) == "Skipped"
    assert watch.started == ["long"]


def test_what_is_not_to_start_is_asked_before_each_start() -> None:
    """What is refused ends as not started with the reason, takes no slot, and what waits behind it has its turn."""
    watch, refused = Watch(), set[int]()

    def why_not(parameters: Mapping[str, Any]) -> str | None:
        return f"{parameters['name']} is too late" if parameters["name"] in refused else None

    def body(runner: FleetTaskRunner) -> list[tuple[str, str | None]]:
        first = session.submit(0, watch, together=2)
        late, good, later = (session.submit(number, watch) for number in (1, 2, 3))
        below = session.submit(4, watch, wait_for=[late])
        eventually(lambda: watch.started == [0])
        refused.update((1, 3))
        runner.ask_again()
        for future in (late, later, below):
            future.wait()
        watch.started.append("asked")  # lets the first one go, which holds the slot
        good.wait()
        return [(future.state.name, future.state.message) for future in (first, late, good, later, below)]

    first, late, good, later, below = in_flow(body, fleet(1), order=lambda given: (given["name"],), why_not=why_not)
    assert (late, later) == (("NotStarted", "1 is too late"), ("NotStarted", "3 is too late"))
    assert (first[0], good[0], below[0]) == ("Completed", "Completed", "Skipped")
    assert watch.started == [0, "asked", 2]


def test_a_machine_takes_what_ends_within_its_hours() -> None:
    """The machine that is preferred is passed over out of its hours, and where they end before the task would."""
    now, hour = datetime.now(UTC), timedelta(hours=1)
    closed, brief = (
        f"{a:%H:%M}-{b:%H:%M}, UTC" for a, b in ((now + hour, now + 2 * hour), (now - 5 * hour, now + hour))
    )
    chosen = {}
    for hours, seconds in ((closed, 60), (brief, 2 * 3600), (brief, 60)):
        other, preferred = fleet(2, 1)
        machines = [other, preferred.model_copy(update={"active_hours": hours})]
        name, _ = in_flow(lambda _: session.submit(0, Watch()).result(), machines, seconds=lambda _, s=seconds: s)
        chosen[hours, seconds] = name == preferred.name
    assert chosen == {(closed, 60): False, (brief, 2 * 3600): False, (brief, 60): True}


def test_a_task_without_time_keeps_none_from_a_machine_that_has_time_for_it() -> None:
    """Where hours end before the best task would, a shorter one behind it begins; what lives is joined out of hours."""
    now, hour = datetime.now(UTC), timedelta(hours=1)
    brief, closed = fleet(1, 1)
    brief = brief.model_copy(update={"active_hours": f"{now - 5 * hour:%H:%M}-{now + hour:%H:%M}, UTC"})
    closed = closed.model_copy(update={"active_hours": f"{now + hour:%H:%M}-{now + 2 * hour:%H:%M}, UTC"})
    watch, refused, expected = Watch(), set[str](), {"long": 2 * 3600, "short": 60, "joined": None}

    def body(runner: FleetTaskRunner) -> tuple[str, str, str]:
        long, short, joined = (session.submit(name, watch) for name in expected)
        names = short.result()[0], joined.result()[0]
        refused.add("long")
        runner.ask_again()
        long.wait()
        return (*names, long.state.name)

    ended = in_flow(
        body,
        [brief, closed],
        order=lambda given: (list(expected).index(given["name"]),),
        requires=lambda given: (f"machine:{closed.name}",) if given["name"] == "joined" else (),
        seconds=lambda given: expected[given["name"]],
        why_not=lambda given: "too late" if given["name"] in refused else None,
    )
    assert ended == (brief.name, closed.name, "NotStarted")
