"""What came of a run: the report, as artifacts in the UI and as files in the run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from miyabi.errors import BadInput
from miyabi.report_markdown import summary_sentence, to_markdown
from miyabi.reporting import write_report
from miyabi.run_folder import RunFolder


@flow(name="aggregate-results", flow_run_name="report {run}", persist_result=False)
def aggregate_results(run: str, repository: Path = Path()) -> Any:
    """Makes the report of a run from what its folder holds, as often as you like.

    Args:
        run: Name of the run.
        repository: The git repository that the run worked on.
    """
    try:
        folder = RunFolder.find(repository.absolute(), run)
        report = write_report(folder)
    except BadInput as error:
        get_run_logger().error("%s", error)
        return Failed(name="BadInput", message=str(error))
    create_markdown_artifact(to_markdown(report), key=f"report-{run}".lower(), description=summary_sentence(report))
    log = get_run_logger()
    log.info("%s", summary_sentence(report))
    log.info("report: %s", folder.report_file)
    if report.all_succeeded:
        return Completed(message=summary_sentence(report))
    return Failed(message=summary_sentence(report))
