"""The report of a run as an artifact in Prefect's page."""

from __future__ import annotations

import asyncio

from prefect.artifacts import MarkdownArtifact
from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from flows.steps.keys import artifact_key
from miyabi.reports.files import report_text, write_report
from miyabi.reports.markdown import summary_sentence
from miyabi.reports.report import Report
from miyabi.runs.folder import RunFolder
from tasks.prefect_server import server_answers

_PATIENCE_SECONDS = 5.0


def report_artifact(folder: RunFolder, report: Report, *, to_go_on: str = "") -> MarkdownArtifact:
    """The artifact, to be created, of the flow run that a person pressed, or of the one that calls.

    Its description says what came of the run, and how to go on with it where that is told.
    """
    return MarkdownArtifact(
        markdown=report_text(folder, report),
        key=artifact_key("report", report.run),
        description=f"{summary_sentence(report)} {to_go_on}".rstrip(),
        flow_run_id=flow_run.parent_flow_run_id or flow_run.id,
    )


async def show_unfinished(folder: RunFolder, *, to_go_on: str) -> None:
    """Writes and shows the report of a run that somebody ended. That it cannot be shown keeps nobody waiting.

    The artifact says how to go on: the last state of a run that a worker has cancelled is the worker's, with its words.
    """
    report, log = write_report(folder), get_run_logger()
    log.warning("%s %s", summary_sentence(report), to_go_on)
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            if await server_answers():
                await report_artifact(folder, report, to_go_on=to_go_on).acreate()
    except Exception as error:  # noqa: BLE001 - whatever the server has, the run has ended
        log.debug("the report was not shown: %s", error)
