"""Waiting for a Prefect server that is away, and the end of that patience."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import httpx
from prefect.client.orchestration import get_client
from prefect.logging import get_run_logger

from miyabi.errors import ServerAway
from tasks.concurrency.limits import few_retries
from tasks.runner.runner import FleetTaskRunner

T = TypeVar("T")

_EVERY_SECONDS = 1.0
_TIMES = 3


def with_server(runner: FleetTaskRunner, call: Callable[[], T], *, patience_seconds: float) -> T:
    """What the call returns, made when the Prefect server answers, and again where that goes away meanwhile.

    Raises:
        ServerAway: it was not there in time. From now on this thread's requests are not repeated for long any more.
        httpx.TransportError: it went away each time.
    """
    for _ in range(_TIMES - 1):
        _await_server(runner, patience_seconds=patience_seconds)
        with suppress(httpx.TransportError):
            return call()
    _await_server(runner, patience_seconds=patience_seconds)
    return call()


def lose_patience() -> None:
    """From now on the requests of Prefect's client in this thread give up after some seconds, not minutes."""
    few_retries(1).__enter__()


def _await_server(runner: FleetTaskRunner, *, patience_seconds: float) -> None:
    if not runner.call(_answers_in_time(patience_seconds)):
        few_retries(0).__enter__()
        raise ServerAway(f"The Prefect server has been away for {patience_seconds / 60:g} min.")


async def _answers_in_time(patience_seconds: float) -> bool:
    clock = asyncio.get_running_loop().time
    deadline, told = clock() + patience_seconds, False
    while not await server_answers():
        if clock() > deadline:
            return False
        if not told:
            get_run_logger().warning("The Prefect server does not answer. The run waits for it before its last steps.")
        told = True
        await asyncio.sleep(_EVERY_SECONDS)
    return True


async def server_answers() -> bool:
    """Whether the Prefect server answers at the moment."""
    with few_retries(0):
        async with get_client() as client:
            return await client.api_healthcheck() is None
