"""How far a run is, as an artifact of its flow run that moves."""

from __future__ import annotations

import asyncio
from uuid import UUID

from prefect.artifacts import acreate_progress_artifact, aupdate_progress_artifact
from prefect.logging import get_run_logger

from flows.steps.keys import artifact_key
from miyabi.reports.progress import progress_markdown
from miyabi.runs.run import Run
from tasks.prefect_server import server_answers

INTERVAL_SECONDS = 10.0
_FIRST_SECONDS = 2.0
_PATIENCE_SECONDS = 15.0


class ProgressArtifact:
    """The progress of a run. That it cannot be shown never harms the run."""

    def __init__(self, live: Run) -> None:
        self._live = live
        self._artifact: UUID | None = None
        self._one_at_a_time = asyncio.Lock()

    async def keep(self) -> None:
        """Shows it again and again, until cancelled."""
        await asyncio.sleep(_FIRST_SECONDS)
        while True:
            await self.show()
            await asyncio.sleep(INTERVAL_SECONDS)

    async def show(self) -> None:
        """Shows how far the run is now."""
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS), self._one_at_a_time:
                if await server_answers():  # the end of a run does not wait for a picture of it
                    await self._show()
        except Exception as error:  # noqa: BLE001 - whatever the server has, the sessions do not care
            get_run_logger().debug("progress was not shown: %s", error)

    async def _show(self) -> None:
        snapshot = self._live.board.snapshot()
        percent = 100.0 * snapshot.done / max(1, len(snapshot.rows))
        text = progress_markdown(snapshot)
        if self._artifact is None:
            key = artifact_key("progress", self._live.run)
            self._artifact = await acreate_progress_artifact(percent, key=key, description=text)
        else:
            await aupdate_progress_artifact(self._artifact, percent, description=text)
