"""How a run ended, in a few lines and one number."""

from __future__ import annotations

import click

from flows.cli.exit_code import ExitCode
from miyabi.integration import Integration, NotIntegrated
from miyabi.pull_requests import Publication
from miyabi.reports import Report, integration_sentence, read_report, summary_sentence, went_well
from miyabi.runs import RunFolder
from miyabi.text import in_words, one_line

_ENOUGH = 100


def show_end(folder: RunFolder, *, said: str | None = None, is_failed: bool = False) -> ExitCode:
    """Prints what came of the run.

    Args:
        folder: of the run.
        said: the message of the flow run's last state; where there is no report, it is all that is known.
        is_failed: the flow run failed, for the reason in `said`.

    Returns:
        SUCCEEDED where all did and all of it is integrated, else FAILED.

    Raises:
        BadInput: the run folder is damaged.
    """
    report, integration = read_report(folder), folder.load(Integration)
    said = one_line(said, characters=300) if said else ""
    if report is None:
        why = f": {said}" if said else ""
        click.echo(f"no report: the run ended before it could be made{why}; see {folder.path}", err=True)
        return ExitCode.FAILED
    click.echo(summary(report, integration, folder))
    if is_failed and not said.startswith(summary_sentence(report)[:_ENOUGH]):  # it did not come to its own end
        click.echo(f"not done    {said.partition(' To go on:')[0]}")
        return ExitCode.FAILED
    return ExitCode.SUCCEEDED if went_well(report, integration) else ExitCode.FAILED


def summary(report: Report, integration: Integration | None, folder: RunFolder) -> str:
    """Writes the report's own sentence, what went wrong, and where everything is, a line each."""
    publication, branch = folder.load(Publication), integration or folder.load(NotIntegrated)
    pulls = (
        [f"pull request {pull.html_url or f'#{pull.number}'}" for pull in publication.pull_requests]
        if publication
        else []
    )
    lines = [
        summary_sentence(report),
        *(f"  {failure.task}: {in_words(failure.ending)}: {failure.text}" for failure in report.troubles),
        *(f"  {each.task}: {sentence}" for each in report.elsewhere for sentence in each.in_words),
        *([f"branch      {integration_sentence(branch, report)}"] if branch else []),
        *pulls,
        f"report      {folder.report_file}",
        *([f"in browser  {folder.report_page_file}"] if folder.report_page_file.exists() else []),
    ]
    return "\n".join(lines)
