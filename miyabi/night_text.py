"""What a night made of a milestone, in one line. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from miyabi.milestone_plan import MilestonePlan
from miyabi.report import Report
from miyabi.report_markdown import summary_sentence
from miyabi.run_info import Homecoming
from miyabi.wording import count


def night_sentence(
    plan: MilestonePlan, *, report: Report | None, home: Homecoming | None, faults: Sequence[str]
) -> str:
    """What was run, where it is, what is not run and what went wrong."""
    parts = (
        f"milestone {plan.facts.milestone.number}: {summary_sentence(report) if report else _nothing(plan)}",
        _where(home) if home else "",
        *faults,
    )
    return " ".join(part for part in parts if part)


def _nothing(plan: MilestonePlan) -> str:
    skipped = len(plan.selection.skipped)
    rest = f" {count(skipped, 'open issue')} {'waits' if skipped == 1 else 'wait'}." if skipped else ""
    return f"nothing is to be run now.{rest}"


def _where(home: Homecoming) -> str:
    return home.note or " ".join(f"Pull request #{pull.number} {pull.html_url}." for pull in home.pull_requests)
