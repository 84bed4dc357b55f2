"""Flow runs whose process is dead: Prefect hears of no crash, and would call them running for ever."""

from __future__ import annotations

from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import StateType
from prefect.exceptions import PrefectException
from prefect.logging import get_run_logger
from prefect.states import Crashed


async def note_crashes(run: str, *, repository: str, own: UUID) -> None:
    """Ends the flow runs of a run that were cut short. To be called by who holds the run's lock: none of them lives."""
    try:
        await _note_crashes(run, repository=repository, own=own)
    except (httpx.HTTPError, PrefectException) as error:
        get_run_logger().debug("earlier flow runs were not ended: %s", error)


async def _note_crashes(run: str, *, repository: str, own: UUID) -> None:
    running = FlowRunFilter(
        name=FlowRunFilterName(any_=[run]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.RUNNING])),
    )
    async with get_client() as client:
        for found in await client.read_flow_runs(flow_run_filter=running):
            if found.id != own and found.parameters.get("repository") == repository:
                said = "Its process ended without a word; another flow run went on with the run."
                await client.set_flow_run_state(found.id, Crashed(message=said), force=True)
