"""A run folder becomes its report, and the report its files."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from miyabi.dag import Dag
from miyabi.integration import Integration, NotIntegrated
from miyabi.reports.integration import integration_section
from miyabi.reports.markdown import to_markdown
from miyabi.reports.page import to_html, to_page
from miyabi.reports.report import Report
from miyabi.runs import AttemptRecord, BudgetUse, QuotaUse, RunFolder, read_json, shown_work
from miyabi.sessions import Outcome, SessionResult
from miyabi.system import files


def write_report(folder: RunFolder) -> Report:
    """Writes report.html, report.md and report.json of a run as far as it is, and returns that report.

    Raises:
        BadInput: the run folder is incomplete or damaged; names the file.
        DiskFull: there is no room for them.
    """
    info, dag = folder.info(), Dag.load(folder.dag_file)
    ended = info.ended or datetime.now(UTC)
    begun = tuple(_left(folder, dag, ended=ended))
    results = folder.results()  # after the look for what was left: a session may be collected at this moment
    known = {(result.task, result.attempt) for result in results}
    left = [result for result in begun if (result.task, result.attempt) not in known]
    goes_on = "the run goes on with it when it is run again"
    report = Report.build(
        dag,
        [*results, *left],
        run=folder.run,
        machines=info.machines,
        started=info.started,
        ended=ended,
        rehearsal=info.rehearse,
        warnings=(*info.warnings, *(f"{r.task}: its session was left on {r.machine}; {goes_on}" for r in left)),
    )
    report = report.model_copy(update=_used(folder))
    works = shown_work(folder, results)
    files.atomic_write(folder.report_page_file, to_html(report, integration=_integration(folder), works=works))
    files.atomic_write(folder.report_file, report_text(folder, report))
    files.atomic_write(folder.report_values_file, report.model_dump_json(indent=2) + "\n")
    return report


def _used(folder: RunFolder) -> dict[str, Any]:
    """What is known of budgets and usage limits, as fields of a report."""
    budgets, quotas = folder.load(BudgetUse), folder.load(QuotaUse)
    return {
        **({"budgets": budgets.rows} if budgets else {}),
        **({"quotas": quotas.rows} if quotas else {}),
    }


def _left(folder: RunFolder, dag: Dag, *, ended: datetime) -> Iterator[SessionResult]:
    """Makes a result for each session that nobody saw to its end: it is still on its machine."""
    for task in dag.order:
        attempt, path = max(folder.attempts(task).items(), default=(0, None))
        if path and (begun := AttemptRecord.pending(path)):
            yield SessionResult(
                run=folder.run,
                task=task,
                title=dag.by_id[task].title,
                outcome=Outcome.NOT_COLLECTED,
                attempt=attempt,
                machine=begun.machine,
                base=begun.base,
                start=begun.start,
                end=max(begun.start, ended),
                cost_is_partial=True,
                error_kind="left there",
                error_text=f"its session was left on {begun.machine}; to go on: miyabi orchestrate --run {folder.run}",
            )


def report_text(folder: RunFolder, report: Report) -> str:
    """Renders the report as Markdown, with what came of the integration where that is known.

    Raises:
        BadInput: the file that says so is damaged.
    """
    integration = _integration(folder)
    section = integration_section(integration, report) if integration else ""
    return to_markdown(report, integration=section)


def report_page(folder: RunFolder, report: Report) -> str:
    """Renders the report as Markdown for the artifact pages of Prefect's UIs, pictures and all.

    Raises:
        BadInput: the file that says what came of the integration is damaged.
    """
    return to_page(report, integration=_integration(folder), place=str(folder.path))


def _integration(folder: RunFolder) -> Integration | NotIntegrated | None:
    return folder.load(Integration) or folder.load(NotIntegrated)


def read_report(folder: RunFolder) -> Report | None:
    """Reads the report as it was last written, None where there is none yet.

    Raises:
        BadInput: report.json is damaged.
    """
    try:
        return read_json(folder.report_values_file, Report, advice="Make it anew.")
    except FileNotFoundError:
        return None
