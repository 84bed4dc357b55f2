"""Waiting for a Prefect server that is away, and the end of that patience."""

from __future__ import annotations

import asyncio

from prefect.client.orchestration import get_client
from prefect.logging import get_run_logger

from miyabi.errors import ServerAway
from tasks.limits import few_retries
from tasks.runner import FleetTaskRunner

_EVERY_SECONDS = 1.0
_LAST_TRIES = 1


def await_server(runner: FleetTaskRunner, *, patience_seconds: float) -> None:
    """Returns when the Prefect server answers: what comes next has to be told to it.

    Raises:
        ServerAway: not in time. From now on this thread's requests are not repeated for long any more.
    """
    if not runner.call(_answers_in_time(patience_seconds)):
        lose_patience()
        raise ServerAway(f"The Prefect server has been away for {patience_seconds / 60:g} min.")


def lose_patience() -> None:
    """From now on the requests of Prefect's client in this thread give up after some seconds, not minutes."""
    few_retries(_LAST_TRIES).__enter__()


async def _answers_in_time(patience_seconds: float) -> bool:
    clock = asyncio.get_running_loop().time
    deadline, told = clock() + patience_seconds, False
    with few_retries(0):
        while not await _answers():
            if clock() > deadline:
                return False
            if not told:
                get_run_logger().warning("The Prefect server does not answer. The run waits for it with its report.")
            told = True
            await asyncio.sleep(_EVERY_SECONDS)
    return True


async def _answers() -> bool:
    async with get_client() as client:
        return await client.api_healthcheck() is None
