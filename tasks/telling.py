"""What happens to one task's sessions, as it is told: to Prefect as events, to people as messages."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from prefect.logging import get_run_logger
from prefect.states import Running, Scheduled

from miyabi.attempts import Attempt
from miyabi.errors import MachineError
from miyabi.notify import Message, login_refused, machine_gone, quota_closed
from miyabi.runs import Run, TaskState
from miyabi.sessions import Outcome, SessionResult
from miyabi.text import time_of_day
from tasks.events import events_of
from tasks.notifications import tell
from tasks.runner import Slot, show_state


class Telling:
    """Of one task of a run, in its slot."""

    def __init__(self, live: Run, task: str, slot: Slot) -> None:
        self._live, self._task, self._slot = live, task, slot
        self._events = events_of(live)

    async def see_through(self, attempt: Attempt) -> SessionResult:
        """Runs the attempt and returns its result, having told of its session's end, also where it was cancelled.

        Raises:
            Exception: any of `Attempt.run`.
        """
        try:
            result = await attempt.run()
        except asyncio.CancelledError:
            kept = self._live.results.get(self._task)
            if kept and kept.attempt == attempt.spec.attempt:
                self._events.session_ended(kept)
            raise
        self._events.session_ended(result)
        return result

    def session_started(self, attempt: int) -> None:
        """Tells that the session of that attempt has begun on the slot's machine, which answers therefore."""
        machine = self._slot.machine
        self._events.machine_up(machine.name)
        self._events.session_started(self._task, attempt, machine)

    def machine_away(self, error: MachineError) -> None:
        """Tells that the slot's machine is passed over for a while."""
        self._events.machine_down(self._slot.machine.name, str(error))

    def machine_gone(self, result: SessionResult, why: str) -> None:
        """Tells that the machine of a result takes no more sessions of the run."""
        machine = result.machine or self._slot.machine.name
        self._events.machine_down(machine, why)
        about = login_refused if result.outcome is Outcome.NOT_LOGGED_IN else machine_gone
        self._tell(about(self._live.run, machine=machine, why=why))

    def quota_closed(self, account: str, until: float) -> None:
        """Tells that an account has met its limit until then, in seconds since 1970; people where that is long."""
        self._events.quota_closed(account, until)
        notify, now = self._live.settings.notify, time.time()
        if until - now >= 3600 * notify.quota_hours:
            self._tell(quota_closed(self._live.run, account=account, until=until, now=now))

    def _tell(self, message: Message) -> None:
        tell(self._live.folder, self._live.settings.notify, message)

    @asynccontextmanager
    async def waiting(self, what: str, until: float) -> AsyncIterator[None]:
        """Shows what the task waits for while the block waits, then that it goes on: on the board, in log and Prefect.

        Args:
            what: it waits for.
            until: in seconds since 1970.
        """
        log, words = get_run_logger(), f"waits for {what} until {time_of_day(until, now=time.time())}"
        self._live.board.update(self._task, state=TaskState.READY, waits_for=what, waits_until=until)
        log.warning("%s: %s", self._task, words)
        await show_state(
            Scheduled(name="Waiting", message=f"It {words}.", scheduled_time=datetime.fromtimestamp(until, tz=UTC))
        )
        yield
        log.info("%s: goes on, having waited for %s", self._task, what)
        await show_state(Running())
