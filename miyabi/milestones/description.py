"""Where a milestone stands, as the block in its description. Pure; the same facts always make the same block."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Self

from pydantic import BaseModel, ConfigDict

from miyabi.github import Issue, Milestone, PullRequest
from miyabi.integration import Integration, LeftOut
from miyabi.milestones.issues_to_dag import SkippedIssue
from miyabi.pull_requests import issue_link
from miyabi.reports import REHEARSAL, Report, TaskRow, summary_sentence
from miyabi.sessions import Outcome
from miyabi.text import cost, github_markdown, markdown, marked_block, percent, replace_block

__all__ = ["MAX_CHARACTERS", "MilestoneProgress", "milestone_block", "replace_block"]

MAX_CHARACTERS = 20_000
"""How long the block is at most."""

_TABLE_CHARACTERS = 7_000
_ROWS = 60
_CELLS = 20
_SAFE_URL = re.compile(r"https?://[\w./:%~-]+", re.ASCII)


class MilestoneProgress(BaseModel):
    """How many are open and closed."""

    model_config = ConfigDict(frozen=True)

    open: int
    closed: int

    @classmethod
    def of_milestone(cls, milestone: Milestone) -> Self:
        """As GitHub counts, pull requests too."""
        return cls(open=milestone.open_issues, closed=milestone.closed_issues)

    @classmethod
    def of_issues(cls, issues: Iterable[Issue], *, milestone: int) -> Self:
        """Of the milestone's issues, without pull requests."""
        states = [i.state for i in issues if i.milestone == milestone and not i.is_pull_request]
        return cls(open=states.count("open"), closed=states.count("closed"))

    @property
    def total(self) -> int:
        """Open and closed."""
        return self.open + self.closed

    @property
    def fraction(self) -> float:
        """Closed of all, 0 to 1; 0 where there are none."""
        return self.closed / self.total if self.total else 0.0

    @property
    def bar(self) -> str:
        """Twenty cells, all of them full only when nothing is open."""
        full = int(self.fraction * _CELLS)
        return "█" * full + "░" * (_CELLS - full)


def milestone_block(
    progress: MilestoneProgress,
    *,
    report: Report | None = None,
    integration: Integration | None = None,
    issues: Mapping[str, int] | None = None,
    pull_requests: Sequence[PullRequest] = (),
    skipped: Sequence[SkippedIssue] = (),
) -> str:
    """The block with its markers, for `replace_block`.

    Args:
        progress: how many issues are closed.
        report: the last run, if there was one.
        integration: what of it is on the branch.
        issues: the issue of each of its tasks.
        pull_requests: those of the last run.
        skipped: issues that are not run, and why.
    """
    parts = (
        "### Water Spider\n",
        REHEARSAL if report and report.rehearsal else "",
        _progress(progress),
        _run(report, pull_requests) if report else "",
        _results(report, integration, issues or {}) if report else "",
        _waiting(skipped),
    )
    return marked_block.wrap("\n".join(part for part in parts if part))


def _progress(progress: MilestoneProgress) -> str:
    share = percent(progress.fraction) if progress.total else "nothing in it yet"
    return f"`{progress.bar}` **{share}**: {progress.closed:,} of {progress.total:,} closed, {progress.open:,} open\n"


def _run(report: Report, pull_requests: Sequence[PullRequest]) -> str:
    links = ", ".join(f"{_link(each)} ({each.state})" for each in pull_requests[:_ROWS])
    pulls_line = f"\nPull request{'s' * (len(pull_requests) > 1)}: {links}\n" if links else ""
    return f"**Last run** {github_markdown.code(report.run)}: {summary_sentence(report)}\n{pulls_line}"


def _link(pull_request: PullRequest) -> str:
    url = pull_request.html_url
    return f"[#{pull_request.number}]({url})" if _SAFE_URL.fullmatch(url) else f"#{pull_request.number}"


def _results(report: Report, integration: Integration | None, issues: Mapping[str, int]) -> str:
    rows = sorted(report.tasks, key=lambda row: row.outcome is Outcome.SUCCEEDED)
    numbers = ("Turns", "Cost (USD)")
    beside = {each.task for each in report.elsewhere}
    cells = [_result(row, integration, issues, is_beside=row.task in beside) for row in rows]
    return _table(("Issue", "Task", "Outcome", "Machine", *numbers), cells, right=numbers)


def _result(
    row: TaskRow, integration: Integration | None, issues: Mapping[str, int], *, is_beside: bool
) -> Sequence[str]:
    left_out = integration.left_out_by_task.get(row.task) if integration else None
    return (
        issue_link(row.task, issues) or github_markdown.code(row.task, limit=64),
        github_markdown.plain(row.title, limit=60),
        f"{_outcome(row, left_out)}{', some work is beside its branch' if is_beside else ''}",
        github_markdown.plain(row.machine or "", limit=63),
        str(row.turns),
        cost(row.cost_usd, is_partial=row.cost_is_partial),
    )


def _outcome(row: TaskRow, left_out: LeftOut | None) -> str:
    is_out = left_out is not None and row.outcome is Outcome.SUCCEEDED
    return f"succeeded, left out ({left_out.kind})" if left_out and is_out else row.outcome.replace("_", " ")


def _waiting(skipped: Sequence[SkippedIssue]) -> str:
    if not skipped:
        return ""
    rows = [(f"#{each.number}", _waits(each), github_markdown.plain(each.reason, limit=160)) for each in skipped]
    return f"**Waiting**\n\n{_table(('Issue', 'Waits for', 'Why'), rows)}"


def _waits(skipped: SkippedIssue) -> str:
    more = " …" if len(skipped.waits_for) > 5 else ""  # noqa: PLR2004 - as many as a cell bears
    return ", ".join(map(str, skipped.waits_for[:5])) + more


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()) -> str:
    kept: list[Sequence[str]] = []
    room = _TABLE_CHARACTERS
    for row in rows[:_ROWS]:
        room -= sum(map(len, row)) + 3 * len(row) + 20
        if room < 0:
            break
        kept.append(row)
    rest = len(rows) - len(kept)
    return markdown.table(titles, kept, right=right) + (f"\nand {rest:,} more\n" if rest else "")
