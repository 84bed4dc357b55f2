"""What came of a run: its branches merged and verified, and the report, as artifacts in the UI and as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.artifacts import MarkdownArtifact
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from flows.form import OptionalPath, OptionalText
from flows.integrating import Integrating
from flows.parameters import overrides
from miyabi.errors import BadInput, GitFailed
from miyabi.integration_text import integration_sentence, went_well
from miyabi.integration_values import Integration
from miyabi.report import Report
from miyabi.report_markdown import summary_sentence
from miyabi.reporting import report_text, write_report
from miyabi.run_folder import RunFolder
from tasks.runner import FleetTaskRunner, current_runner


@flow(name="aggregate-results", flow_run_name="report {run}", task_runner=FleetTaskRunner(), persist_result=False)
def aggregate_results(
    repository: Path,
    run: str,
    config: OptionalPath = None,
    fleet: OptionalText = None,
    session_defaults: OptionalText = None,
) -> Any:
    """Merges the branches of a run into one, verifies it and makes the report, as often as you like.

    Args:
        repository: The git repository that the run worked on, an absolute path.
        run: Name of the run.
        config: Configuration file. Empty: .miyabi/config.toml of the repository.
        fleet: Name of a Water Spider Fleet block, for sessions that resolve conflicts.
        session_defaults: Name of a Water Spider Session Defaults block, for the same.
    """
    runner = current_runner()
    said = overrides(fleet, session_defaults)
    try:
        work = runner.call(Integrating.open(run, repository=repository, config=config, overrides=said, runner=runner))
        integration, fault = _integrate(work)
        report = write_report(work.folder)
    except BadInput as error:
        get_run_logger().error("%s", error)
        return Failed(name="BadInput", message=str(error))
    told = integration_sentence(integration, report) if integration else f"Not integrated: {fault}"
    _show(report, work.folder, told)
    sentence = f"{summary_sentence(report)} {told}"
    return Completed(message=sentence) if went_well(report, integration) else Failed(message=sentence)


def _integrate(work: Integrating) -> tuple[Integration | None, str]:
    """What came of it, or why nothing did: the report is made all the same."""
    try:
        return work.run(), ""
    except GitFailed as error:
        get_run_logger().error("not integrated: %s", error)
        return None, str(error)


def _show(report: Report, folder: RunFolder, told: str) -> None:
    log, summary = get_run_logger(), summary_sentence(report)
    MarkdownArtifact(
        markdown=report_text(folder, report),
        key=f"report-{report.run}".lower(),
        description=summary,
        flow_run_id=flow_run.parent_flow_run_id or flow_run.id,  # where the person looks who pressed run-dag
    ).create()
    for line in (summary, told, f"report: {folder.report_file}"):
        log.info("%s", line)
