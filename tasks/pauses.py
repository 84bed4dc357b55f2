"""What a task waits for between two attempts, said where people look: the log, the progress of the run, its state."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from prefect.logging import get_run_logger
from prefect.states import Running, Scheduled

from miyabi.runs.progress import Board, TaskState
from miyabi.text.units import time_of_day
from tasks.runner.engine import show_state


@asynccontextmanager
async def said_to_wait(board: Board, task: str, *, what: str, until: float) -> AsyncIterator[None]:
    """While the block waits, everybody sees for what and until when (epoch seconds); then, that the task goes on."""
    log, words = get_run_logger(), f"waits for {what} until {time_of_day(until, now=time.time())}"
    board.update(task, state=TaskState.READY, waits_for=what, waits_until=until)
    log.warning("%s: %s", task, words)
    await show_state(
        Scheduled(name="Waiting", message=f"It {words}.", scheduled_time=datetime.fromtimestamp(until, tz=UTC))
    )
    yield
    log.info("%s: goes on, having waited for %s", task, what)
    await show_state(Running())
