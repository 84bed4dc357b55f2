"""The report of a run: as values, as the run folder keeps it, and as Markdown.

Reads what a run has kept; changes nothing.
"""

from miyabi.reports.files import read_report, report_page, write_report
from miyabi.reports.integration import integration_sentence, went_partly, went_well
from miyabi.reports.markdown import outcome_style, summary_sentence
from miyabi.reports.progress import progress_markdown
from miyabi.reports.report import Report
from miyabi.reports.rows import Elsewhere, TaskRow

__all__ = [
    "Elsewhere",
    "Report",
    "TaskRow",
    "integration_sentence",
    "outcome_style",
    "progress_markdown",
    "read_report",
    "report_page",
    "summary_sentence",
    "went_partly",
    "went_well",
    "write_report",
]
