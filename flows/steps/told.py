"""The message at the end of a run: what came of it, once, when all that was to come of it is there."""

from __future__ import annotations

from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.utilities.urls import url_for

from miyabi.errors import MiyabiError
from miyabi.integration import Integration, NotIntegrated
from miyabi.notify import end_of_run, run_broke
from miyabi.pull_requests import Publication
from miyabi.reports import integration_sentence, read_report
from miyabi.runs import RunFolder
from miyabi.settings import NotifySettings
from tasks.notifications import is_end_held, tell, wait_for_messages


def tell_end(folder: RunFolder, settings: NotifySettings, *, fault: str = "") -> None:
    """Tells people of the run's end, as its folder has it, and waits until that is sent: 25 s at most.

    Nothing is raised, and nothing told inside `end_held`. `fault` is why the run's work is not at GitHub.
    """
    if not settings.is_configured or is_end_held(folder):
        return
    try:
        _tell_end(folder, settings, fault=fault)
    except MiyabiError as error:
        get_run_logger().warning("nobody is told of the end: %s", error)
    wait_for_messages()


def tell_broken(folder: RunFolder, settings: NotifySettings, why: str) -> None:
    """Tells people that the run broke off, and waits until that is sent: 25 s at most. Nothing is raised."""
    tell(folder, settings, run_broke(folder.run, why))
    wait_for_messages()


def _tell_end(folder: RunFolder, settings: NotifySettings, *, fault: str) -> None:
    report = read_report(folder)
    if report is None:
        return
    came = folder.load(Integration) or folder.load(NotIntegrated)
    published = folder.load(Publication)
    is_current = published is not None and published.told == report.ended
    pulls = published.pull_requests if published and is_current and not fault else ()
    page = url_for("flow-run", obj_id=flow_run.id)
    links = (*([page] if page else []), f"Report: {folder.report_file}")
    message = end_of_run(
        report,
        pull_requests=[(pull.number, pull.html_url) for pull in pulls],
        integration=integration_sentence(came, report) if came else "",
        fault=fault,
        links=links,
    )
    tell(folder, settings, message)
