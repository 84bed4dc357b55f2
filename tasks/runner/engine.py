"""Prefect's task engine, on our loop: tags what the runner has decided, and has states for cancelled and skipped."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from prefect.client.schemas.objects import RunInput, State
from prefect.futures import PrefectFuture
from prefect.states import Cancelled
from prefect.task_engine import AsyncTaskRunEngine, SyncTaskRunEngine
from prefect.tasks import Task

from tasks.runner.state_names import SKIPPED

CANCELLED = "It was stopped before it ended."
_NOT_READY = "NotReady"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A task run to be: what Prefect's engine is given. `extra_tags` are seen only by people.

    A run that carries a tag from the start makes the engine ask the API for a limit of that name, so ours come later.
    """

    task: Task[Any, Any]
    task_run_id: uuid.UUID
    parameters: dict[str, Any]
    wait_for: Iterable[PrefectFuture[Any]] | None
    dependencies: dict[str, set[RunInput]] | None
    extra_tags: tuple[str, ...] = ()
    cancel_event: threading.Event = field(default_factory=threading.Event)

    @property
    def wants_machine(self) -> bool:
        """Whether the function has a parameter `machine` that the caller left for the runner to fill."""
        return self.parameters.get("machine", self) is None


@dataclass
class _AsyncEngine(AsyncTaskRunEngine[Any, Any]):
    extra_tags: tuple[str, ...] = ()

    async def begin_run(self) -> None:
        if self.task_run:
            self.task_run.tags.extend(self.extra_tags)
        await super().begin_run()

    async def set_state(self, state: State[Any], force: bool = False) -> State[Any]:  # noqa: FBT001, FBT002 - Prefect's
        return await super().set_state(_final(state), force=force)

    async def handle_retry(self, exc_or_state: Exception | State[Any]) -> bool:
        return not _is_said_by_its_state(self.task, exc_or_state) and await super().handle_retry(exc_or_state)

    async def handle_crash(self, exc: BaseException) -> None:
        if not isinstance(exc, asyncio.CancelledError):
            await super().handle_crash(exc)
            return
        await self.set_state(Cancelled(message=CANCELLED), force=True)
        self._raised = exc


@dataclass
class _SyncEngine(SyncTaskRunEngine[Any, Any]):
    extra_tags: tuple[str, ...] = ()

    def begin_run(self) -> None:
        if self.task_run:
            self.task_run.tags.extend(self.extra_tags)
        super().begin_run()

    def set_state(self, state: State[Any], force: bool = False) -> State[Any]:  # noqa: FBT001, FBT002 - Prefect's
        return super().set_state(_final(state), force=force)

    def handle_retry(self, exc_or_state: Exception | State[Any]) -> bool:
        return not _is_said_by_its_state(self.task, exc_or_state) and super().handle_retry(exc_or_state)


def _final(state: State[Any]) -> State[Any]:
    """Skipped where an upstream task did not succeed: Prefect would leave the task run pending for ever."""
    if state.is_pending() and state.name == _NOT_READY:
        return Cancelled(name=SKIPPED, message="Not started: a task that it depends on did not succeed.")
    return state


def _is_said_by_its_state(task: Task[Any, Any], end: Exception | State[Any]) -> bool:
    """Whether a task that is not retried returned a failed state: Prefect would log an empty traceback beside it."""
    return isinstance(end, State) and not task.retries


_current: ContextVar[_AsyncEngine] = ContextVar("engine")


async def show_state(state: State[Any]) -> None:
    """Sets the state, in Prefect, of the task run that calls; its function goes on. Only for async functions.

    Raises:
        LookupError: it is called outside of a task run of `FleetTaskRunner`.
    """
    await _current.get().set_state(state)


async def run(call: Call) -> State[Any]:
    """Runs an async task function and returns its last state, also where it was cancelled.

    Raises:
        CancelledError: it was cancelled before its task run could be put into that state.
    """
    engine = _AsyncEngine(
        task=call.task, parameters=call.parameters, wait_for=call.wait_for, extra_tags=call.extra_tags
    )
    _current.set(engine)
    try:
        async with engine.start(task_run_id=call.task_run_id, dependencies=call.dependencies):
            while engine.is_running():
                await engine.wait_until_ready()
                async with engine.asset_context(), engine.run_context(), engine.transaction_context() as transaction:
                    await engine.call_task_fn(transaction)
    except asyncio.CancelledError:
        if engine.task_run is None or not engine.state.is_cancelled():
            raise
    return engine.state


def run_sync(call: Call) -> State[Any]:
    """Runs a task function that blocks, in the calling thread, and returns its last state."""
    engine = _SyncEngine(
        task=call.task,
        parameters=call.parameters,
        wait_for=call.wait_for,
        extra_tags=call.extra_tags,
        context={"cancel_event": call.cancel_event},
    )
    with engine.start(task_run_id=call.task_run_id, dependencies=call.dependencies):
        while engine.is_running():
            engine.wait_until_ready()
            with engine.asset_context(), engine.run_context(), engine.transaction_context() as transaction:
                engine.call_task_fn(transaction)
    return engine.state
