"""One event loop in one thread, with one Prefect client on it that everything there shares."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import threading
from collections.abc import Callable, Collection, Coroutine
from typing import Any, TypeVar

from prefect.context import AsyncClientContext

from tasks.concurrency import retry_fast

T = TypeVar("T")

_JOIN_SECONDS = 5.0
_CANCEL_SECONDS = 2.0


async def cancel(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancels tasks and waits for their ends, for 2 s at most, so that nothing is torn from under a request."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tuple(tasks), timeout=_CANCEL_SECONDS)


class LoopThread:
    """Runs coroutines for other threads. `start` before anything else, `stop` at the end."""

    def __init__(self, *, name: str) -> None:
        self._thread = threading.Thread(
            target=contextvars.copy_context().run, args=(self._run,), name=name, daemon=True
        )
        self._ready: concurrent.futures.Future[asyncio.AbstractEventLoop] = concurrent.futures.Future()
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self) -> None:
        """Starts the thread, and returns when the loop runs.

        Raises:
            BaseException: what kept it from that, as Prefect raises it.
        """
        self._thread.start()
        self.loop = self._ready.result()

    @property
    def ident(self) -> int:
        """Number of the thread."""
        return self._thread.ident or 0

    def call_soon(self, function: Callable[[], object]) -> None:
        """Calls `function` on the loop: soon, or now where that is the caller's; after `stop` it is not called."""
        if threading.get_ident() == self.ident:
            function()
        elif not self.loop.is_closed():
            self.loop.call_soon_threadsafe(function)

    def spawn(
        self, work: Coroutine[Any, Any, T], *, context: contextvars.Context | None = None
    ) -> concurrent.futures.Future[T]:
        """Runs `work` on the loop, in `context` or a copy of the caller's; it is cancelled when the loop stops.

        Raises:
            RuntimeError: the loop has stopped.
        """
        if self.loop.is_closed():
            work.close()
            message = "The task runner has stopped."
            raise RuntimeError(message)
        context = context or contextvars.copy_context()
        outcome: concurrent.futures.Future[T] = concurrent.futures.Future()
        outcome.set_running_or_notify_cancel()
        self.call_soon(lambda: self._begin(work, context, outcome))
        return outcome

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs `work` on the loop, blocks until it has ended, and returns what it returns.

        Raises:
            RuntimeError: called from the loop itself, or the loop has stopped.
            CancelledError: that of `concurrent.futures`: the work was cancelled.
            Exception: what the work raises.
        """
        if threading.get_ident() == self.ident:
            work.close()
            message = "This blocks, and would block the loop for ever: await it."
            raise RuntimeError(message)
        return self.spawn(work).result()

    def stop(self) -> None:
        """Ends the loop and what still runs on it; blocks until then, for 5 s at most."""
        self.call_soon(self._closing.set)
        self._thread.join(_JOIN_SECONDS)

    def _begin(
        self, work: Coroutine[Any, Any, T], context: contextvars.Context, outcome: concurrent.futures.Future[T]
    ) -> None:
        # every engine and client call in this context finds our client in place of making its own
        context.run(AsyncClientContext.__var__.set, self._client_context)
        task = self.loop.create_task(work, context=context)
        self._tasks.add(task)

        def done(task: asyncio.Task[T]) -> None:
            self._tasks.discard(task)
            if task.cancelled():
                outcome.set_exception(concurrent.futures.CancelledError())
            elif error := task.exception():
                outcome.set_exception(error)
            else:
                outcome.set_result(task.result())

        task.add_done_callback(done)

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:
            if self._ready.done():
                raise
            self._ready.set_exception(error)

    async def _main(self) -> None:
        self._closing = asyncio.Event()
        async with AsyncClientContext() as self._client_context:
            retry_fast(self._client_context.client)
            self._ready.set_result(asyncio.get_running_loop())
            await self._closing.wait()
            await cancel(self._tasks)  # before the client that they use is closed
