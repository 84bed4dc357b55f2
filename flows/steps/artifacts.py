"""A run's artifacts in Prefect's page: its progress and its report, and their keys."""

from __future__ import annotations

import asyncio
from uuid import UUID

from prefect.artifacts import MarkdownArtifact, acreate_progress_artifact, aupdate_progress_artifact
from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from miyabi.reports import Report, progress_markdown, report_page, summary_sentence, write_report
from miyabi.runs import Run, RunFolder
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
        """Shows it every 10 s, until it is cancelled."""
        await asyncio.sleep(_FIRST_SECONDS)
        while True:
            await self.show()
            await asyncio.sleep(INTERVAL_SECONDS)

    async def show(self) -> None:
        """Shows how far the run is now; gives up after 15 s, and raises nothing."""
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


def artifact_key(kind: str, name: str) -> str:
    """Makes the key of the artifact of that kind; `name` is a run's, or that of a part of it."""
    return f"{kind}-{name}".lower().replace("_", "-")


_REPORT_SECONDS = 5.0


LATEST_REPORT = "report-latest"
"""The key of the report of whichever run came last: its page can be kept as a bookmark."""


def report_artifacts(folder: RunFolder, report: Report, *, to_go_on: str = "") -> tuple[MarkdownArtifact, ...]:
    """Makes the artifacts, to be created, of the flow run that a person started, or of the one that calls.

    One has a key of the run's own, one that of the latest report. Their description says what came of the run and,
    where `to_go_on` says it, how to go on with it.
    """
    page = report_page(folder, report)
    return tuple(
        MarkdownArtifact(
            markdown=page,
            key=key,
            description=f"{summary_sentence(report)} {to_go_on}".rstrip(),
            flow_run_id=flow_run.parent_flow_run_id or flow_run.id,
        )
        for key in (artifact_key("report", report.run), LATEST_REPORT)
    )


async def show_unfinished(folder: RunFolder, *, to_go_on: str) -> None:
    """Writes and shows the report of a run that somebody ended. Showing it takes 5 s at most, and may fail.

    The artifact says how to go on: the last state of a run that a worker has cancelled is the worker's, with its words.

    Raises:
        BadInput: the run folder is incomplete or damaged.
        DiskFull: there is no room for the report.
    """
    report, log = write_report(folder), get_run_logger()
    log.warning("%s %s", summary_sentence(report), to_go_on)
    try:
        async with asyncio.timeout(_REPORT_SECONDS):
            if await server_answers():
                for artifact in report_artifacts(folder, report, to_go_on=to_go_on):
                    await artifact.acreate()
    except Exception as error:  # noqa: BLE001 - whatever the server has, the run has ended
        log.debug("the report was not shown: %s", error)
