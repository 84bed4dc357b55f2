"""The table of machines in Prefect's page, one for all runs of a server: each run keeps the rows of its own."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any

from prefect.artifacts import TableArtifact
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import ArtifactUpdate
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.objects import Artifact
from prefect.client.schemas.sorting import ArtifactSort
from prefect.logging import get_run_logger

from miyabi.machines import Machine
from miyabi.runs import Run
from miyabi.text import time_of_day
from tasks.concurrency import SlotLimits
from tasks.prefect_server import server_answers

KEY = "fleet"
_EVERY_SECONDS = 30.0
_FIRST_SECONDS = 3.0
_PATIENCE_SECONDS = 15.0

Row = dict[str, Any]


async def keep_fleet_artifact(live: Run) -> None:
    """Shows every 30 s how it stands with the run's machines, until it is cancelled; that it cannot is no error."""
    await asyncio.sleep(_FIRST_SECONDS)
    while True:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                if await server_answers():
                    await _show(live)
        except Exception as error:  # noqa: BLE001 - whatever the server has, the sessions do not care
            get_run_logger().debug("the fleet was not shown: %s", error)
        await asyncio.sleep(_EVERY_SECONDS)


async def _show(live: Run) -> None:
    async with get_client() as client:
        own = {machine.name: await _row(live, machine, SlotLimits(client)) for machine in live.fleet()}
        shown = await _shown(client)
        if shown is None:
            await TableArtifact(key=KEY, table=_merged({}, own)).acreate()
            return
        rows = {row["machine"]: row for row in json.loads(str(shown.data))}
        assert shown.id  # noqa: S101 - it comes from the server
        await client.update_artifact(shown.id, ArtifactUpdate(data=json.dumps(_merged(rows, own))))


async def _shown(client: PrefectClient) -> Artifact | None:
    """The latest of that key, if any."""
    wanted = ArtifactFilter(key=ArtifactFilterKey(any_=[KEY]))
    found = await client.read_artifacts(artifact_filter=wanted, sort=ArtifactSort.CREATED_DESC, limit=1)
    return found[0] if found else None


def _merged(rows: Mapping[str, Row], own: Mapping[str, Row]) -> list[Row]:
    """Rows of others stay as they are, by name."""
    every = {**rows, **own}
    return [every[name] for name in sorted(every)]


async def _row(live: Run, machine: Machine, limits: SlotLimits) -> Row:
    now, used = time.time(), await limits.active(machine)
    window = machine.window(now)
    state = "in use" if used else "idle"
    if machine.name in live.cordons:
        state = live.cordons.found[machine.name].words(now)
    elif window and window.opens > now:
        state = f"outside its active hours until {time_of_day(window.opens, now=now)}"
    seen = time_of_day(now, now=now)
    return {"machine": machine.name, "slots": machine.slots, "used": used, "state": state, "as of": seen}
