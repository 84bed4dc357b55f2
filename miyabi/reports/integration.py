"""What came of the integration, for the report and the terminal. Pure."""

from __future__ import annotations

from typing import Any

from miyabi.integration import Integration, LeftOutKind, NotIntegrated
from miyabi.reports.report import Report
from miyabi.sessions import Outcome
from miyabi.text import count, render_markdown, several

_TEMPLATE = "reports/integration.md.jinja"
_NAMED = 3
_OF_ITSELF = {LeftOutKind.FAILED}
"""Kinds that are told elsewhere: as what did not succeed."""


def went_well(report: Report, integration: Integration | None) -> bool:
    """Returns whether all tasks succeeded, and all their work is on a branch whose verify commands did not fail."""
    if integration is None:
        return False
    return report.all_succeeded and integration.verified is not False and not _missing(integration, report)


def went_partly(report: Report, integration: Integration | None) -> bool:
    """Returns whether some tasks succeeded whose work can be used: on a branch whose verify commands did not fail."""
    if integration is None or integration.verified is False:
        return False
    return report.succeeded > len(_missing(integration, report))


def integration_sentence(integration: Integration | NotIntegrated, report: Report) -> str:
    """Says what is on the branch, what is not and why, in one line of plain words."""
    if isinstance(integration, NotIntegrated):
        return f"Not integrated: {integration.reason}"
    if integration.is_empty:
        return f"Nothing to integrate: no task that succeeded made a commit.{_spaced(_elsewhere(report))}"
    missing = _missing(integration, report)
    reasons = [f"{task}: {integration.left_out_by_task[task].reason}" for task in missing]
    out = f" Left out: {several(reasons, most=_NAMED, separator='; ')}." if missing else ""
    held = f"{integration.branch} holds {len(integration.merged)} of {count(report.total, 'task')}."
    return f"{held}{out}{_spaced(_elsewhere(report))}{_spaced(_verified(integration))}"


def integration_section(integration: Integration | NotIntegrated, report: Report) -> str:
    """Renders the same at length, as a section of the report in Markdown."""
    return render_markdown(_TEMPLATE, **values_of(integration, report))


def values_of(integration: Integration | NotIntegrated, report: Report) -> dict[str, Any]:
    """Returns what templates name of it; `log` is what the verify commands printed."""
    if isinstance(integration, NotIntegrated):
        return {"not_integrated": integration}
    return {
        "not_integrated": None,
        "integration": integration,
        "report": report,
        "sentence": integration_sentence(integration, report),
        "elsewhere": _elsewhere(report),
        "verified": _verified(integration),
        "left_out": [out for out in integration.left_out if out.kind not in _OF_ITSELF],
        "log": "" if integration.is_empty else integration.verify_log.replace("```", "'''").rstrip(),
    }


def _missing(integration: Integration, report: Report) -> list[str]:
    out = integration.left_out_by_task
    return [row.task for row in report.tasks if row.outcome is Outcome.SUCCEEDED and row.task in out]


def _elsewhere(report: Report) -> str:
    """That there is work which no branch of a task holds; the report says where it is, and how much."""
    tasks = [each.task for each in report.elsewhere if each.is_beside]
    return f"Not in it: work beside the branches of {several(tasks, most=_NAMED)}." if tasks else ""


def _spaced(sentence: str) -> str:
    return f" {sentence}" if sentence else ""


def _verified(integration: Integration) -> str:
    return {True: "The verify commands pass.", False: "The verify commands do not pass.", None: ""}[
        integration.verified
    ]
