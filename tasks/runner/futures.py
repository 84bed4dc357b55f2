"""The future of a task run: for code that blocks, for code on a loop, and for the engine."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import uuid
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from prefect.client.schemas.objects import State
from prefect.futures import PrefectConcurrentFuture, PrefectFuture
from prefect.utilities.annotations import allow_failure, quote
from prefect.utilities.collections import StopVisiting, visit_collection

R = TypeVar("R")


class FleetFuture(PrefectConcurrentFuture[R]):
    """A task run that will end in a state. `await` it for what the task returns; `wait` and `result` block."""

    def __init__(self, task_run_id: uuid.UUID, wrapped_future: concurrent.futures.Future[Any], *, thread: int) -> None:
        super().__init__(task_run_id, wrapped_future)
        self._thread = thread

    def wait(self, timeout: float | None = None) -> None:
        """Blocks until the task run has ended, at most `timeout` seconds.

        Raises:
            RuntimeError: it is called on the runner's loop, which it would block.
        """
        self._refuse_to_block()
        super().wait(timeout)

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> R:  # noqa: FBT001, FBT002 - Prefect's
        """Returns what the task returned; blocks at most `timeout` seconds.

        Raises:
            TimeoutError: it has not ended by then.
            RuntimeError: it is called on the runner's loop, which it would block.
            Exception: what the task run failed with; without `raise_on_failure` that is returned.
        """
        self._refuse_to_block()
        return super().result(timeout, raise_on_failure)

    @property
    def state(self) -> State[Any]:
        """The state it ended in; while it runs, what the API knows of it."""
        if self._final_state is None and self.wrapped_future.done():
            super().wait(0)
        return super().state

    def __await__(self) -> Generator[Any, None, R]:
        yield from settled(self).__await__()
        return (yield from self.state.aresult().__await__())  # type: ignore[no-any-return]

    def _refuse_to_block(self) -> None:
        if not self.wrapped_future.done() and threading.get_ident() == self._thread:
            message = "A task on the runner's loop would wait for ever for another one: use `await future` there."
            raise RuntimeError(message)


async def settled(future: PrefectFuture[Any]) -> None:
    """Waits until `future` has ended, however it ended."""
    loop = asyncio.get_running_loop()
    ended = loop.create_future()

    def wake() -> None:
        if not ended.done():
            ended.set_result(None)

    def on_done(_: PrefectFuture[Any]) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(wake)

    future.add_done_callback(on_done)
    await ended


def ended(future: PrefectFuture[R]) -> State[R] | None:
    """Returns the state that a future of ours ended in, None while it runs; asks no server."""
    if isinstance(future, FleetFuture) and not future.wrapped_future.done():
        return None
    return future.state


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """Something a task run depends on. `may_fail` where the caller wrapped it in `allow_failure`."""

    source: PrefectFuture[Any] | State[Any]
    may_fail: bool

    async def succeeded(self) -> bool:
        """Waits until it has ended, and returns whether a dependant may run."""
        if isinstance(self.source, PrefectFuture):
            await settled(self.source)
        state = self.source if isinstance(self.source, State) else self.source.state
        return self.may_fail or state.is_completed()


def upstreams(*expressions: Any) -> list[Upstream]:
    """Finds every future and state within the expressions, as Prefect's engine will look for them."""
    found: list[Upstream] = []

    def visit(expression: Any, context: dict[str, Any]) -> None:
        if isinstance(context.get("annotation"), quote):
            raise StopVisiting
        if isinstance(expression, (PrefectFuture, State)):
            found.append(Upstream(source=expression, may_fail=isinstance(context.get("annotation"), allow_failure)))

    for expression in expressions:
        visit_collection(expression, visit, context={}, remove_annotations=True)
    return found


async def all_succeeded(found: Iterable[Upstream]) -> bool:
    """Waits for every one of them, and returns whether each lets its dependants run."""
    outcomes = [await upstream.succeeded() for upstream in found]
    return all(outcomes)
