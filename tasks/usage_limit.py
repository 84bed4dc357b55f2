"""A usage limit closes the machines of its account, for everybody, until it is over: when its tasks come back."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from miyabi.attempts import limit_is_over
from miyabi.errors import MiyabiError
from miyabi.runs import Run, models_of
from tasks.runner import Slot


class AccountLimit:
    """The limit of an account, as one task on a machine of it meets it. Times are seconds since 1970."""

    def __init__(
        self, live: Run, task: str, slot: Slot, *, on_close: Callable[[str, float], None] = lambda _, __: None
    ) -> None:
        """Makes it; `on_close` is called with the account, empty where it has no name, and until when it is closed."""
        self._live, self._task, self._slot, self._on_close = live, task, slot, on_close
        self._times = 0

    @property
    def account(self) -> str:
        """The account with which the task has met it."""
        last = self._live.results.get(self._task)
        return last.account if last and last.account is not None else self._slot.machine.logins[0]

    def close_until_reset(self, resets_at: datetime, *, stays: bool) -> float:
        """Closes the account, or its window of the task's model, until the limit is over, as the session said.

        Args:
            resets_at: when that is.
            stays: whether the task goes on in its conversation, which is that account's.

        Returns:
            When the task may start again, which is now where it may with another model or account.
        """
        self._times += 1
        runs, ends = self._live.settings.runs, resets_at.timestamp()
        margin, first = runs.limit_margin_seconds, runs.retry_delay_seconds
        until = limit_is_over(ends, now=time.time(), margin_seconds=margin, times=self._times, first=first)
        return self.close(until, resets_at=resets_at, stays=stays)

    def close(self, until: float, *, resets_at: datetime | None = None, stays: bool = True) -> float:
        """Begins nothing more on the account before `until`; those that run go on. Returns as `close_until_reset`."""
        quota, machine, models, account = self._live.quota, self._slot.machine, self._models, self.account
        quota.note_limit(machine, account=account, model=models[0], until=until, resets_at=resets_at)
        self._on_close(account, until)
        hold = quota.hold_unless_instead(machine, *models, account=account if stays else None)
        return max(hold.until, until) if hold else time.time()

    @property
    def _models(self) -> tuple[str | None, str | None]:
        return models_of(self._live.dag.by_id[self._task], self._live.settings.sessions)

    def exclude(self, error: MiyabiError) -> None:
        """Starts nothing more there at all; a task that has no other machine ends with the error.

        Where it is the limit of one model, tasks of others go on.
        """
        quota, account = self._live.quota, self.account
        hold = quota.hold(self._slot.machine, model=self._models[0], account=account)
        if hold is None or not hold.is_of_a_model:
            for machine in quota.give_up(account, self._slot.machines):
                self._slot.exclude(error, machine=machine.name)
