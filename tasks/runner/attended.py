"""A task run that a coroutine on the runner's loop waits for, and that does not outlive it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture

from tasks.runner.futures import settled
from tasks.runner.runner import current_runner
from tasks.runner.task_runs import GRACE_SECONDS


async def attended(future: PrefectFuture[Any]) -> State[Any]:
    """The state it ended in. Where we are cancelled, so is everything of our runner, and this has ended before we go.

    Raises:
        CancelledError: then.
    """
    try:
        await settled(future)
    except asyncio.CancelledError:
        current_runner().cancel_all()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(settled(future), GRACE_SECONDS)
        raise
    return future.state
