"""Task runs on the fleet's runner, with a real Prefect server."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import time
from typing import Any

import cloudpickle
import pytest
from prefect import Task, flow, task, unmapped
from prefect.runtime import flow_run
from prefect.states import Failed, State

from tasks.runner import FleetTaskRunner, current_runner, current_slot
from tests.support.prefect.in_flow import fleet, in_flow, task_runs
from tests.support.prefect.server import prefect_database, prefect_server  # noqa: F401

pytestmark = pytest.mark.usefixtures("prefect_server")


@task
async def double(number: int) -> int:
    """Twice the number."""
    await asyncio.sleep(0)
    return 2 * number


@task
def thread_of_sync() -> int:
    """The thread it runs in."""
    time.sleep(0.05)
    return threading.get_ident()


@task
async def thread_of_async() -> int:
    """The thread it runs in."""
    return threading.get_ident()


@task
async def fail() -> None:
    """Fails."""
    message = "as planned"
    raise ValueError(message)


@task
async def give_up() -> State[Any]:
    """Ends failed, without an exception."""
    return Failed(message="not today")


@task
def give_up_in_a_thread() -> State[Any]:
    """Ends failed, without an exception."""
    return Failed(message="not today")


@pytest.mark.parametrize("failing", [give_up, give_up_in_a_thread])
def test_a_failed_state_is_reported_in_one_line(failing: Task[[], Any], caplog: pytest.LogCaptureFixture) -> None:
    """Its message is in the logs, and no empty traceback beside it."""
    assert in_flow(lambda _: failing.submit(return_state=True)).is_failed()
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert {record.getMessage() for record in errors} == {"Finished in state Failed('not today')"}
    assert not any(record.exc_info for record in errors)


def test_async_tasks_share_one_thread_and_sync_ones_have_their_own() -> None:
    """Async functions run on one loop, sync ones beside it."""

    def body(_: FleetTaskRunner) -> tuple[set[int], set[int]]:
        on_loop = [thread_of_async.submit() for _ in range(5)]
        beside = [thread_of_sync.submit() for _ in range(5)]
        return {f.result() for f in on_loop}, {f.result() for f in beside}

    on_loop, beside = in_flow(body)
    assert len(on_loop) == 1
    assert not beside & (on_loop | {threading.get_ident()})


def test_results_flow_from_task_to_task() -> None:
    """A future as a parameter is replaced by its result, also within a list."""

    @task
    async def total(numbers: list[int]) -> int:
        return sum(numbers)

    def body(_: FleetTaskRunner) -> int:
        return total.submit([double.submit(double.submit(1)), double.submit(3), 5]).result()

    assert in_flow(body) == 4 + 6 + 5


def test_map() -> None:
    """Mapped calls run like submitted ones."""

    @task
    async def add(left: int, right: int) -> int:
        return left + right

    assert in_flow(lambda _: add.map([1, 2, 3], unmapped(10)).result()) == [11, 12, 13]


def test_what_a_task_raises_is_in_its_future() -> None:
    """A failed task ends in a failed state, and its result raises what the function raised."""

    def body(_: FleetTaskRunner) -> tuple[State, BaseException]:
        future = fail.submit()
        with pytest.raises(ValueError, match="as planned") as raised:
            future.result()
        return future.state, raised.value

    state, _ = in_flow(body)
    assert state.is_failed()


def test_only_dependants_of_a_failure_are_left_out() -> None:
    """Who waits for a failed task is not started, who waits for that one neither; all others go on."""

    def body(_: FleetTaskRunner) -> list[State]:
        failed = fail.submit()
        skipped = double.submit(1, wait_for=[failed])
        futures = [failed, skipped, double.submit(skipped), double.submit(2)]
        for future in futures:
            future.wait()
        return [future.state for future in futures]

    failed, skipped, below, independent = in_flow(body)
    assert failed.is_failed()
    assert [skipped.name, below.name] == ["Skipped", "Skipped"]
    assert independent.is_completed()


def test_a_task_run_that_is_skipped_has_ended() -> None:
    """On the loop, in a thread and on a machine: the API has it as Skipped, under its own name, and ended for good."""

    @task(task_run_name="in-thread-{number}")
    def in_thread(number: int) -> int:
        return number

    @task(task_run_name="on-loop-{number}")
    async def on_loop(number: int) -> int:
        return number

    @task(task_run_name="placed-{number}")
    async def placed(number: int, machine: object = None) -> int:
        return number

    def body(_: FleetTaskRunner) -> str:
        failed = give_up.submit()
        futures = [each.submit(1, wait_for=[failed]) for each in (in_thread, on_loop, placed)]
        futures += [in_thread.submit(2, wait_for=futures[:1]), placed.submit(2, wait_for=[double.submit(1), *futures])]
        for future in futures:
            future.wait()
        return str(flow_run.id)

    runs = {run.name: run.state for run in task_runs(in_flow(body, fleet(1)), count=7)}
    skipped = {name: state for name, state in runs.items() if state and state.name == "Skipped"}
    assert skipped.keys() == {"in-thread-1", "on-loop-1", "placed-1", "in-thread-2", "placed-2"}
    assert {state.message for state in skipped.values()} == {"Not started: a task that it depends on did not succeed."}
    assert {state.is_cancelled() for state in skipped.values()} == {True}


def test_waiting_has_an_end() -> None:
    """`wait` returns and `result` raises TimeoutError when the time is up."""

    @task
    async def sleep() -> str:
        await asyncio.sleep(1)
        return "slept"

    def body(_: FleetTaskRunner) -> str:
        future = sleep.submit()
        future.wait(0.05)
        with pytest.raises(TimeoutError):
            future.result(0.05)
        return future.result()

    assert in_flow(body) == "slept"


def test_a_task_may_submit_and_await_another() -> None:
    """On the loop a future is awaited; blocking there is refused, for it would never end."""

    @task
    async def parent() -> list[int]:
        blocked = thread_of_sync.submit()
        with pytest.raises(RuntimeError, match="await future"):
            blocked.result()
        return [await double.submit(21), await blocked > 0]

    assert in_flow(lambda _: parent.submit().result()) == [42, True]


def test_task_runs_are_named_and_tagged() -> None:
    """In the API a placed task run has its own name and the tag of its machine, and no slot of Prefect's own."""
    machines = fleet(1)

    @task(task_run_name="{name}")
    async def session(name: str, machine: object = None) -> str:
        return current_slot().machine.name

    def body(_: FleetTaskRunner) -> tuple[str, str]:
        return session.submit("node-7").result(), flow_run.id

    name, run = in_flow(body, machines)
    (task_run,) = task_runs(run, count=1)
    assert name == machines[0].name
    assert task_run.name == "node-7"
    assert task_run.tags == [f"machine:{name}"]


def test_it_travels_and_is_equal_to_its_like() -> None:
    """A runner can be pickled with its flow, duplicated and compared."""
    runner = FleetTaskRunner()
    assert cloudpickle.loads(cloudpickle.dumps(runner)) == runner == runner.duplicate()
    assert runner.duplicate() is not runner
    assert runner != object()


def test_wrong_uses_are_named() -> None:
    """Where there is no runner, no machine or no slot, the error says what to do."""
    with pytest.raises(RuntimeError, match=r"task_runner=FleetTaskRunner\(\)"):
        current_runner()
    with pytest.raises(RuntimeError, match="a parameter named `machine`"):
        current_slot()

    @task
    async def session(machine: object = None) -> None:
        """Wants a machine."""

    def body(runner: FleetTaskRunner) -> None:
        with pytest.raises(RuntimeError, match=r"equip\(...\)"):
            session.submit()
        runner.equip(fleet(1))
        with pytest.raises(RuntimeError, match="has its machines already"):
            runner.equip(fleet(1))

    in_flow(body)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_async_flows() -> None:
    """The flow itself may be a coroutine."""

    @flow(task_runner=FleetTaskRunner())
    async def async_flow() -> int:
        return await double.submit(4)

    assert asyncio.run(async_flow()) == 8
    gc.collect()  # Prefect's engine for async flows leaves a client open, which is a warning
