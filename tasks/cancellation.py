"""Notices that a flow run was cancelled in the UI: nobody signals the process of a run that a command started."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.exceptions import PrefectException

POLL_SECONDS = 5.0


async def watch_for_cancellation(
    flow_run_id: UUID, *, cancel: Callable[[str], None], every_seconds: float = POLL_SECONDS
) -> None:
    """Calls `cancel` with the reason, once, when the flow run is being cancelled, and returns.

    `cancel` is `FleetTaskRunner.cancel_all`; run this with `FleetTaskRunner.spawn`.
    """
    while not await _is_cancelled(flow_run_id):  # noqa: ASYNC110 - it is the server that we ask
        await asyncio.sleep(every_seconds)
    cancel("The flow run was cancelled in Prefect.")


async def _is_cancelled(flow_run_id: UUID) -> bool:
    try:
        async with get_client() as client:
            state = (await client.read_flow_run(flow_run_id)).state
    except (httpx.HTTPError, PrefectException, ValueError):  # what is in front of it may answer with anything
        return False
    return state is not None and (state.is_cancelling() or state.is_cancelled())
