"""A usage limit closes the machines of its account until it is over: until when, and how its tasks come back."""

from __future__ import annotations

import time
from collections.abc import Callable

from miyabi.attempts import limit_is_over
from miyabi.errors import MiyabiError
from miyabi.settings import RunDefaults
from miyabi.system import jittered
from tasks.runner import Slot


class AccountLimit:
    """The limit of an account, as one task on a machine of it meets it. Times are seconds since 1970."""

    def __init__(
        self, slot: Slot, settings: RunDefaults, *, on_close: Callable[[str, float], None] = lambda _, __: None
    ) -> None:
        """Makes it; `on_close` is called with the account, empty where it has no name, and until when it is closed."""
        self._slot, self._settings, self._on_close = slot, settings, on_close
        self._times = 0

    def close_until_reset(self, resets_at: float) -> float:
        """Closes the account's machines until the limit is over, as the session said.

        Returns:
            When the task may start again. Tasks start one after the other within the margin, since all at once would
            meet the next limit.
        """
        self._times += 1
        margin, first = self._settings.limit_margin_seconds, self._settings.retry_delay_seconds
        until = limit_is_over(resets_at, now=time.time(), margin_seconds=margin, times=self._times, first=first)
        self.close(until)
        return until + jittered(margin, jitter=1)

    def close(self, until: float) -> None:
        """Starts nothing more on any machine whose sessions use this account before `until`; those that run go on."""
        for name in self._machines:
            self._slot.close_machine(until, machine=name)
        self._on_close(self._slot.machine.account or "", until)

    def exclude(self, error: MiyabiError) -> None:
        """Starts nothing more there at all; a task that has no other machine ends with the error."""
        for name in self._machines:
            self._slot.exclude(error, machine=name)

    @property
    def _machines(self) -> list[str]:
        account = self._slot.machine.account
        return [machine.name for machine in self._slot.machines if machine.account == account]
