"""Repeating what may go well a moment later, for as long as patience lasts."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from miyabi.errors import MachineDiskFull, MachineError, MiyabiError

T = TypeVar("T")

_FIRST_SECONDS = 0.2
_LONGEST_SECONDS = 5.0


def may_pass(error: MiyabiError) -> bool:
    """Whether the same call may go well later: the machine is away, its disk is full, or a command took too long."""
    return error.transient or type(error) is MachineError or isinstance(error, MachineDiskFull)


class Retry:
    """When a call that failed is made again: after ever longer pauses, while something worked in `patience_seconds`."""

    def __init__(self, *, patience_seconds: float) -> None:
        self._patience_seconds = patience_seconds
        self._pause = _FIRST_SECONDS
        self._since: float | None = None

    def worked(self) -> None:
        """It works: patience and pauses begin anew."""
        self._since, self._pause = _clock(), _FIRST_SECONDS

    @property
    def failing_seconds(self) -> float:
        """For how long nothing has worked: since `worked`, or since the first failure."""
        self._since = _clock() if self._since is None else self._since
        return _clock() - self._since

    def allows(self, error: MiyabiError) -> bool:
        """Whether the call may be repeated after that error."""
        return may_pass(error) and self.failing_seconds < self._patience_seconds

    async def pause(self) -> None:
        """Waits until the call is due again."""
        await asyncio.sleep(self._pause * random.uniform(0.8, 1.2))  # noqa: S311 - spreads reconnects, guards nothing
        self._pause = min(2 * self._pause, _LONGEST_SECONDS)


async def retried(
    call: Callable[[], Awaitable[T]],
    *,
    patience_seconds: float,
    on_wait: Callable[[MiyabiError], None] = lambda _: None,
) -> T:
    """What the call returns, repeated while it fails with what may pass; `on_wait` is told each such error.

    Patience begins with the first failure, so that a call which fails after an hour is repeated too.

    Raises:
        MiyabiError: the call's last error, when patience is over, or one that does not pass.
    """
    retry = Retry(patience_seconds=patience_seconds)
    while True:
        try:
            return await call()
        except MiyabiError as error:
            if not retry.allows(error):
                raise
            on_wait(error)
        await retry.pause()


def _clock() -> float:
    return asyncio.get_running_loop().time()
