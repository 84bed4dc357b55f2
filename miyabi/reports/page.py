"""A report as the pages of Prefect's UIs show it, and as one HTML file. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from miyabi.integration import Integration, NotIntegrated
from miyabi.pictures import as_image, dag_picture, timeline_picture
from miyabi.reports.integration import values_of
from miyabi.reports.markdown import bars, boxes, edges, values
from miyabi.reports.report import Report
from miyabi.reports.rows import TaskRow
from miyabi.runs import ShownWork
from miyabi.text import commonmark, render_html, render_page

_TEMPLATE = "reports/page.md.jinja"
MOST_QUOTED = 20
_NO_WORK = ShownWork(said={})


def to_page(report: Report, *, integration: Integration | NotIntegrated | None = None, place: str = "") -> str:
    """Renders the report as Markdown for the artifact pages of Prefect's UIs, as narrow as a phone.

    Both draw images that are in the text itself (3.9.1); only one of them draws Mermaid, and only one reads entities.

    Args:
        report: what became of the tasks.
        integration: what is known of the integration branch.
        place: the run's folder, where `report.html` is; empty: it is not named.
    """
    timeline = timeline_picture(bars(report))
    return render_page(
        _TEMPLATE,
        **_given(report, integration),
        pictures=True,
        dag=as_image(dag_picture(boxes(report), edges(report)), title="DAG"),
        timeline=as_image(timeline, title="Timeline") if timeline else "",
        place=place,
    )


def to_html(
    report: Report, *, integration: Integration | NotIntegrated | None = None, works: Mapping[str, ShownWork]
) -> str:
    """Renders the report as one HTML file that loads nothing: pictures to press, and all that each session did.

    Args:
        report: what became of the tasks.
        integration: what is known of the integration branch.
        works: what is shown of each session beside its result, by task or what stands in its place.
    """
    links = {row.task: f"#task-{number}" for number, row in enumerate(report.tasks, 1)}
    rest = render_page(_TEMPLATE, **_given(report, integration), pictures=False, place="")
    others = [*(row.session for row in report.resolutions), *(row.session for row in report.reviews)]
    return render_html(
        "reports/report.html.jinja",
        **_given(report, integration),
        dag=dag_picture(boxes(report), edges(report), links=links),
        timeline=timeline_picture(bars(report), links=links) or "",
        links=links,
        trouble={each.task: each for each in report.troubles},
        skipped={each.task: each.reason for each in report.skips},
        rest=commonmark.to_html(rest),
        works=works,
        no_work=_NO_WORK,
        others=[session for session in others if session in works],
    )


def _given(report: Report, integration: Integration | NotIntegrated | None) -> dict[str, Any]:
    came = values_of(integration, report) if integration else None
    return values(report) | {"integration": came, "most_quoted": MOST_QUOTED, "label": _label}


def _label(row: TaskRow) -> str:
    return "" if row.label == row.task else row.title
