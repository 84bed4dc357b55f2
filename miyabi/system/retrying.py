"""Repeating what may go well a moment later, for as long as patience lasts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from miyabi.errors import DiskFull, MachineDiskFull, MachineError, MiyabiError
from miyabi.system.backoff import Backoff
from miyabi.system.full_disk import disk_full, is_full

T = TypeVar("T")

_BACKOFF = Backoff(0.2, 5, jitter=0.33)


def may_pass(error: MiyabiError) -> bool:
    """Returns whether a machine may take the call later: it is away, its disk is full, or a command took too long."""
    passes = error.transient or type(error) is MachineError or isinstance(error, MachineDiskFull)
    return isinstance(error, MachineError) and passes


def is_our_disk(error: MiyabiError) -> bool:
    """Returns whether it is the disk of this computer that is full."""
    return isinstance(error, DiskFull)


class Retry:
    """When a call that failed is made again: after ever longer pauses, while something worked in `patience_seconds`."""

    def __init__(self, *, patience_seconds: float, passes: Callable[[MiyabiError], bool] = may_pass) -> None:
        self._patience_seconds = patience_seconds
        self._passes = passes
        self._pauses = iter(_BACKOFF)
        self._since: float | None = None

    def worked(self) -> None:
        """Notes a success: patience and pauses begin anew, patience now."""
        self._since, self._pauses = _clock(), iter(_BACKOFF)

    def forget(self) -> None:
        """Notes a success: patience begins anew with the next failure, however late that comes."""
        self._since, self._pauses = None, iter(_BACKOFF)

    @property
    def failing_seconds(self) -> float:
        """How long nothing has worked: since `worked`, or since the first failure. Asking starts that clock."""
        self._since = _clock() if self._since is None else self._since
        return _clock() - self._since

    def allows(self, error: MiyabiError) -> bool:
        """Returns whether the call may be repeated after that error."""
        return self._passes(error) and self.failing_seconds < self._patience_seconds

    async def pause(self) -> None:
        """Waits until the call is due again: 0.2 s at first, doubled each time up to 5 s."""
        await asyncio.sleep(next(self._pauses))


async def retried(
    call: Callable[[], Awaitable[T]],
    *,
    patience_seconds: float,
    passes: Callable[[MiyabiError], bool] = may_pass,
    on_wait: Callable[[MiyabiError], None] = lambda _: None,
) -> T:
    """Returns what the call returns, repeated while it fails with what `passes`; `on_wait` gets each such error.

    Patience begins with the first failure, so that a call which fails after an hour is repeated too.

    Raises:
        MiyabiError: the call's last error, when patience is over, or one that does not pass.
        DiskFull: in place of an OSError of the call that says so; the same rules hold for it.
        OSError: any other of the call.
    """
    retry = Retry(patience_seconds=patience_seconds, passes=passes)
    while True:
        try:
            return await _with_full_disk(call)
        except MiyabiError as error:
            if not retry.allows(error):
                raise
            on_wait(error)
        await retry.pause()


async def _with_full_disk(call: Callable[[], Awaitable[T]]) -> T:
    try:
        return await call()
    except OSError as error:
        if isinstance(error, DiskFull) or not is_full(error):
            raise
        raise disk_full(error) from error


def retried_blocking(
    call: Callable[[], T], *, patience_seconds: float, on_wait: Callable[[DiskFull], None] = lambda _: None
) -> T:
    """Returns what the call returns, repeated while the disk of this computer is full; blocks its thread meanwhile.

    Raises:
        DiskFull: it is so still when patience is over.
    """
    give_up = time.monotonic() + patience_seconds
    while True:
        try:
            return call()
        except DiskFull as error:
            if time.monotonic() >= give_up:
                raise
            on_wait(error)
        time.sleep(_BACKOFF.first_seconds)


def _clock() -> float:
    return asyncio.get_running_loop().time()
