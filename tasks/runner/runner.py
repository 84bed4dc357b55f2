"""FleetTaskRunner: runs a flow's tasks on one event loop and gives each session its machine and slot."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar

from prefect.client.schemas.objects import RunInput, State
from prefect.context import FlowRunContext, SyncClientContext
from prefect.futures import PrefectFuture
from prefect.logging.loggers import get_run_logger
from prefect.task_runners import TaskRunner
from prefect.tasks import Task

from miyabi.errors import MachineError, MiyabiError, ServerAway
from miyabi.machines import Cordon, Machine, Strategy
from miyabi.runs import SortKey
from miyabi.system import retried
from tasks.concurrency import (
    CordonStore,
    LeaseFile,
    Leases,
    Sessions,
    SlotLimits,
    fast_retrying_client,
    keep_cordons,
    keep_reconciled,
    keep_taken_out,
    retry_fast,
    without_retries,
)
from tasks.runner.dispatcher import Dispatcher
from tasks.runner.engine import CANCELLED, Call
from tasks.runner.event_loop import LoopThread, cancel
from tasks.runner.futures import FleetFuture, settled
from tasks.runner.prefetch import Hook, Prefetch
from tasks.runner.task_runs import GRACE_SECONDS, IsHeld, Order, Placing, Requires, Seconds, TaskRuns, WhyNot

T = TypeVar("T")

Note = Callable[[Mapping[str, Cordon]], None]


def current_runner() -> FleetTaskRunner:
    """Returns the runner of the flow run that calls.

    Raises:
        RuntimeError: there is no flow run, or its runner is not one of ours.
    """
    context = FlowRunContext.get()
    if context and isinstance(context.task_runner, FleetTaskRunner):
        return context.task_runner
    message = "Call this in a flow with task_runner=FleetTaskRunner()."
    raise RuntimeError(message)


async def _when_it_answers(
    call: Callable[[], Awaitable[T]], *, patience_seconds: float, warn: Callable[[str], None]
) -> T:
    """Returns what the server answers, and waits for one that is away; the first time it warns."""
    warned: list[MiyabiError] = []

    def tell(error: MiyabiError) -> None:
        if not warned:
            warn(f"{error} The run begins when it is back.")
        warned.append(error)

    return await retried(
        call,
        patience_seconds=patience_seconds,
        passes=lambda error: isinstance(error, ServerAway),
        on_wait=tell,
    )


def _no_order(_: Mapping[str, Any]) -> SortKey:
    return ()


def _no_labels(_: Mapping[str, Any]) -> Sequence[str]:
    return ()


def _no_time(_: Mapping[str, Any]) -> float:
    return 0.0


def _note_nothing(_: Mapping[str, Cordon]) -> None:
    pass


async def _noted(store: CordonStore, machines: Sequence[Machine], *notes: Note) -> Note:
    """Notes the cordons as they are now, and returns what notes later ones."""

    def note(found: Mapping[str, Cordon]) -> None:
        for each in notes:
            each(found)

    note(await store.read([machine.name for machine in machines]))
    return note


def _not_held(_: Mapping[str, Any], __: Machine) -> bool:
    return False


def _no_reason(_: Mapping[str, Any]) -> None:
    return None


class FleetTaskRunner(TaskRunner[PrefectFuture[Any]]):
    """Runs tasks side by side on one event loop, in the slots of a fleet.

    A task whose function has a parameter `machine`, submitted with None for it, is placed: it waits for its upstreams,
    then for a slot, then runs with the machine filled in and one slot held (`tasks.runner.slot.current_slot`). Any
    other task runs as soon as its upstreams have ended. Async functions share the loop, sync ones get a thread each.

    Make it empty, `@flow(task_runner=FleetTaskRunner())`, and give it its machines in the flow with `equip`.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._thread: LoopThread | None = None
        self._task_runs: TaskRuns | None = None

    def duplicate(self) -> Self:
        """Makes a new one, not started."""
        return type(self)()

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_thread": None, "_task_runs": None, "_started": False}

    def __enter__(self) -> Self:
        super().__enter__()
        self._thread = LoopThread(name="fleet-task-runner")
        self._thread.start()
        if flow_client := SyncClientContext.get():
            retry_fast(flow_client.client)
        self._task_runs = TaskRuns()
        return self

    def __exit__(self, *exception: object) -> None:
        thread = self._running()
        try:
            thread.call(self._running_task_runs().close(grace_seconds=GRACE_SECONDS))
        finally:
            thread.stop()
            self._thread = None
            super().__exit__(*exception)

    def equip(
        self,
        machines: Sequence[Machine],
        *,
        strategy: Strategy = Strategy.FILL_FIRST,
        order: Order = _no_order,
        requires: Requires = _no_labels,
        why_not: WhyNot = _no_reason,
        seconds: Seconds = _no_time,
        is_held: IsHeld = _not_held,
        prepare: Hook | None = None,
        set_up: Hook | None = None,
        abandon: Hook | None = None,
        sessions: Sessions | None = None,
        cordons: Note = _note_nothing,
        lease_file: Path | None = None,
        patience_seconds: float = 0,
    ) -> tuple[MachineError, ...]:
        """Takes the machines, once, before the first placed task is submitted. Makes their limits in Prefect.

        Args:
            machines: The fleet, in the order of its configuration.
            strategy: How tasks are laid out on it.
            order: Place of a task among the ready ones, out of its parameters: smallest first, then first submitted.
            requires: Labels that a task's machine must have, out of its parameters.
            why_not: Why no session of a task is to start, out of its parameters, asked just before one would.
            seconds: How long a session of a task is likely to take, for machines that take some at certain hours alone;
                None where one has begun and is to be joined, which it may be at any hour.
            is_held: Whether the account of a machine takes no session of a task for now.
            prepare: Called ahead of time with a full machine and the parameters of a task that is likely next there.
            set_up: Called with the same, after that and once a task, when a slot of the machine is about to be free.
            abandon: Called where a task was prepared, when it runs elsewhere, and when it is over, which may be before
                it ran at all.
            sessions: How many sessions run on a machine; with it, slots that Prefect lost count of are freed.
            cordons: Called with the machines that somebody has taken out for a while, by name: before anything is
                placed, and every 2 s. Nothing begins on them; what has begun may be joined.
            lease_file: File of the slots that are held; those that a killed process left in it are given back first.
            patience_seconds: How long a Prefect server that does not answer is waited for.

        Returns:
            Why some of them take nothing in this run: an error for each that an operator has taken out in Prefect.

        Raises:
            ServerError: the Prefect server refuses to make the limits, or does not answer (ServerAway).
            RuntimeError: the runner has its machines already, or is not started.
        """
        self._require_bare()
        log = get_run_logger()
        prefetch = Prefetch(prepare=prepare, set_up=set_up, abandon=abandon)
        placing = partial(Placing, order=order, requires=requires, why_not=why_not, seconds=seconds, is_held=is_held)

        async def on_loop() -> tuple[MachineError, ...]:
            stack = AsyncExitStack()
            limits = SlotLimits(await stack.enter_async_context(fast_retrying_client()))
            when_it_answers = partial(_when_it_answers, patience_seconds=patience_seconds, warn=log.warning)
            out = await when_it_answers(lambda: limits.ensure(machines))
            leases = Leases(limits, warn=log.warning, lease_file=LeaseFile(lease_file))
            await leases.take_over()
            dispatcher = Dispatcher(machines, leases=leases, strategy=strategy, prefetch=prefetch, warn=log.error)
            for error in out:
                dispatcher.exclude(error.machine, error)
            store, notes = CordonStore(limits.client), (cordons, dispatcher.note_cordons)
            note = await when_it_answers(lambda: _noted(store, machines, *notes))
            stack.push_async_callback(leases.close)
            stack.push_async_callback(prefetch.close)
            keepers = self._keepers(limits, leases, dispatcher, note=note, sessions=sessions)
            stack.push_async_callback(cancel, [asyncio.ensure_future(keeper) for keeper in keepers])
            self._running_task_runs().placing = placing(dispatcher=dispatcher, close=stack.aclose)
            return out

        return self._running().spawn(on_loop(), context=without_retries()).result()

    def _keepers(
        self,
        limits: SlotLimits,
        leases: Leases,
        dispatcher: Dispatcher,
        *,
        note: Note,
        sessions: Sessions | None,
    ) -> tuple[Coroutine[Any, Any, None], ...]:
        """Makes the coroutines that keep leases and limits right for as long as the run lasts."""
        machines, store = dispatcher.machines, CordonStore(limits.client)
        return (
            leases.keep(),
            keep_cordons(store, machines, note=note, logger=self.logger),
            keep_reconciled(limits, machines, sessions=sessions, logger=self.logger),
            keep_taken_out(limits, lambda: dispatcher.machines, note=dispatcher.note_taken_out, logger=self.logger),
        )

    def submit(
        self,
        task: Task[Any, Any],
        parameters: dict[str, Any],
        wait_for: Iterable[PrefectFuture[Any]] | None = None,
        dependencies: dict[str, set[RunInput]] | None = None,
    ) -> FleetFuture[Any]:
        """Runs the task when its turn has come. Returns at once.

        Raises:
            RuntimeError: it is called outside of a flow run, or for a task that wants a machine before `equip`.
        """
        call = Call(
            task=task,
            task_run_id=uuid.uuid4(),
            parameters=parameters,
            wait_for=list(wait_for) if wait_for else None,
            dependencies=dependencies,
        )
        if call.wants_machine and not self._running_task_runs().placing:
            message = "The task runner has no machines: call equip(...) before submitting tasks that want one."
            raise RuntimeError(message)
        thread = self._running()
        return FleetFuture(call.task_run_id, thread.spawn(self._running_task_runs().run(call)), thread=thread.ident)

    def spawn(self, work: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Runs a coroutine of ours beside the tasks, on their loop; cancelled when the flow run ends.

        Raises:
            RuntimeError: the runner is not started.
        """
        return self._running().spawn(work)

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine on the tasks' loop, blocks until it has ended, and returns what it returns.

        Raises:
            RuntimeError: it is called on that loop, or the runner is not started.
            concurrent.futures.CancelledError: it was cancelled.
            Exception: any of the coroutine.
        """
        return self._running().call(work)

    def stop_starting(self, reason: str) -> None:
        """Places no further task: what waits for a slot ends cancelled with this reason. What runs goes on.

        Raises:
            RuntimeError: the runner is not started.
        """
        self._running().call_soon(lambda: self._running_task_runs().stop_starting(reason))

    def ask_again(self) -> None:
        """Asks each task that waits for a slot whether it may start still; what may not ends cancelled, NotStarted.

        Raises:
            RuntimeError: the runner is not started.
        """
        self._running().call_soon(self._running_task_runs().ask_again)

    def cancel_all(self, reason: str = CANCELLED) -> None:
        """Starts nothing further and cancels every task. Does not wait; harmless where nothing runs."""
        if self._thread and self._task_runs:
            task_runs = self._task_runs
            self._thread.call_soon(lambda: task_runs.cancel(reason))

    @property
    def cancelled(self) -> str | None:
        """Why every task was cancelled; None where none was."""
        return self._running_task_runs().cancelled

    def _running(self) -> LoopThread:
        if self._thread is None:
            message = "The task runner is not started."
            raise RuntimeError(message)
        return self._thread

    def _require_bare(self) -> None:
        if self._running_task_runs().placing:
            message = "The task runner has its machines already."
            raise RuntimeError(message)

    def _running_task_runs(self) -> TaskRuns:
        self._running()
        assert self._task_runs  # noqa: S101 - both are made in __enter__
        return self._task_runs


async def await_state(future: PrefectFuture[Any]) -> State[Any]:
    """Waits for a task run and returns the state that it ended in.

    Where the caller is cancelled, everything of the runner is too, and the task run gets 25 s to end before this does.

    Raises:
        CancelledError: the caller was cancelled.
    """
    try:
        await settled(future)
    except asyncio.CancelledError:
        current_runner().cancel_all()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(settled(future), GRACE_SECONDS)
        raise
    return future.state
