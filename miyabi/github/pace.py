"""One write at a time, and a pause after it. GitHub counts by account, so all clients of the process share it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

_LOOK_AGAIN_SECONDS = 0.02


@dataclass(slots=True)
class Turn:
    """The turn to write. `has_waited` until it came; `is_used` once something was sent."""

    has_waited: bool = False
    is_used: bool = False


class Pace:
    """Gives turns to write, also to event loops of other threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_taken = False
        self._free_at = 0.0

    @asynccontextmanager
    async def turn(self, *, interval_seconds: float) -> AsyncIterator[Turn]:
        """Our turn, until the end of the `async with`; if used, the next one comes that much later."""
        turn = Turn()
        while (delay := self._delay()) > 0:
            turn.has_waited = True
            await asyncio.sleep(delay)
        try:
            yield turn
        finally:
            self._give_back(interval_seconds if turn.is_used else 0)

    def _delay(self) -> float:
        """How long to wait before asking again; 0 where the turn is ours now."""
        with self._lock:
            delay = self._free_at - time.monotonic()
            if self._is_taken or delay > 0:
                return max(delay, _LOOK_AGAIN_SECONDS)
            self._is_taken = True
            return 0

    def _give_back(self, interval_seconds: float) -> None:
        with self._lock:
            self._is_taken = False
            self._free_at = max(self._free_at, time.monotonic() + interval_seconds)


_paces: dict[str, Pace] = {}


def pace_of(account: str) -> Pace:
    """The one pace of an account."""
    return _paces.setdefault(account, Pace())
