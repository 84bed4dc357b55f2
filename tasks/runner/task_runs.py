"""Task runs on the loop: each waits for its upstreams, then for its slot, then runs, and always ends in a state."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Failed

from miyabi.machines import Machine
from miyabi.runs import SortKey
from tasks.runner import engine
from tasks.runner.dispatcher import Dispatcher, NotStarted, Refused
from tasks.runner.engine import Call
from tasks.runner.futures import all_succeeded, upstreams
from tasks.runner.slot import Slot, machine_tag, use_slot
from tasks.runner.slot_request import SlotRequest
from tasks.runner.state_names import NOT_STARTED

GRACE_SECONDS = 25.0
_THREADS = 64

Order = Callable[[Mapping[str, Any]], SortKey]
"""From a task's parameters to its place among the ready ones, smallest first."""

Requires = Callable[[Mapping[str, Any]], Sequence[str]]
"""From a task's parameters to the labels that its machine must have."""

WhyNot = Callable[[Mapping[str, Any]], str | None]
"""From a task's parameters to why no session of it is to start now; None where one may."""

Seconds = Callable[[Mapping[str, Any]], float | None]
"""From a task's parameters to how long its session is likely to take; None where one has begun and is to be joined."""


IsHeld = Callable[[Mapping[str, Any], Machine], bool]
"""From a task's parameters and a machine to whether that machine's account takes no session of it for now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placing:
    """The machines of a run and how its tasks are brought to them. `close` gives back every slot."""

    dispatcher: Dispatcher
    order: Order
    requires: Requires
    why_not: WhyNot
    seconds: Seconds
    is_held: IsHeld
    close: Callable[[], Awaitable[None]]

    def request(self, call: Call) -> SlotRequest:
        """Makes the request for what the task run needs."""
        return SlotRequest(
            task=call.task_run_id,
            parameters=call.parameters,
            key=self.order(call.parameters),
            requires=tuple(self.requires(call.parameters)),
            required=partial(self.requires, call.parameters),
            why_not=partial(self.why_not, call.parameters),
            seconds=self.seconds(call.parameters),
            is_held=partial(self.is_held, call.parameters),
        )


class TaskRuns:
    """The task runs of one flow run. Lives on one event loop."""

    def __init__(self) -> None:
        self.placing: Placing | None = None
        self.cancelled: str | None = None
        self._running: set[asyncio.Task[Any]] = set()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="fleet-task")

    async def run(self, call: Call) -> State[Any]:
        """Runs it and returns its last state: cancelled, where it was stopped or never started."""
        me = asyncio.current_task()
        assert me  # noqa: S101 - we are in a coroutine
        self._running.add(me)
        try:
            state = await self._run(call)
        except asyncio.CancelledError:
            state = Cancelled(message=engine.CANCELLED)
        except Refused as reason:
            state = Cancelled(name=NOT_STARTED, message=str(reason))
        except NotStarted as reason:
            state = Cancelled(message=str(reason))
        except Exception as error:  # noqa: BLE001 - every task run ends in a state
            state = Failed(message=str(error), data=error)
        finally:
            self._running.discard(me)
        state.state_details.task_run_id = call.task_run_id
        return state

    def stop_starting(self, reason: str) -> None:
        """Places no further task on a machine."""
        if self.placing:
            self.placing.dispatcher.stop(reason)

    def ask_again(self) -> None:
        """Asks each task that waits for a machine whether it may start still."""
        if self.placing:
            self.placing.dispatcher.ask_again()

    def cancel(self, reason: str) -> None:
        """Starts nothing further and cancels what runs; the handlers of each task still run.

        Only the first call does: what is cancelled a second time would not finish its handlers.
        """
        if not self.cancelled:
            self.cancelled = reason
            self._cancel(reason)

    def _cancel(self, reason: str) -> None:
        self.stop_starting(reason)
        for running in tuple(self._running):
            running.cancel(reason)

    async def close(self, *, grace_seconds: float) -> None:
        """Cancels what runs, gives it `grace_seconds` to end, and gives back every slot."""
        self._cancel("The flow run has ended.")
        if self._running:
            await asyncio.wait(tuple(self._running), timeout=grace_seconds)
        if self.placing:
            await self.placing.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, call: Call) -> State[Any]:
        use_slot(None)
        succeeded = await all_succeeded(upstreams(call.wait_for, call.parameters))
        if call.wants_machine and succeeded:
            return await self._run_on_machine(call)
        return await self._execute(call)

    async def _run_on_machine(self, call: Call) -> State[Any]:
        assert self.placing  # noqa: S101 - `submit` refuses it before
        dispatcher, request = self.placing.dispatcher, partial(self.placing.request, call)
        first = request()
        slot = Slot(dispatcher, request, await dispatcher.acquire(first))
        use_slot(slot)
        parameters = call.parameters | {"machine": slot.machine}
        try:
            return await self._execute(replace(call, parameters=parameters, extra_tags=(machine_tag(slot.machine),)))
        finally:
            slot.release()
            dispatcher.prefetch.forget(first)

    async def _execute(self, call: Call) -> State[Any]:
        if call.task.isasync:
            return await engine.run(call)
        context = contextvars.copy_context()
        thread = asyncio.get_running_loop().run_in_executor(self._threads, context.run, engine.run_sync, call)
        try:
            return await asyncio.shield(thread)
        except asyncio.CancelledError:
            call.cancel_event.set()
            return await thread  # a thread cannot be stopped, only waited for
