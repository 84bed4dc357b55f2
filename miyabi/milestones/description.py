"""Where a milestone stands, as the block in its description. Pure; the same facts always make the same block."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Self

from pydantic import BaseModel, ConfigDict

from miyabi.github import Issue, Milestone, PullRequest
from miyabi.integration import Integration
from miyabi.milestones.issues_to_dag import SkipKind, SkippedIssue
from miyabi.reports import Report, TaskRow, summary_sentence
from miyabi.sessions import Outcome
from miyabi.text import marked_block, render_github_markdown, replace_block

__all__ = ["MAX_CHARACTERS", "MilestoneProgress", "milestone_block", "replace_block"]

MAX_CHARACTERS = 20_000
"""How long the block is at most."""

_TABLE_CHARACTERS = 5_000
_LIST_CHARACTERS = 2_100
_ROWS = 60
_SAFE_URL = re.compile(r"https?://[\w./:%~-]+", re.ASCII)


class MilestoneProgress(BaseModel):
    """How many issues of a milestone are open and closed."""

    model_config = ConfigDict(frozen=True)

    open: int
    closed: int

    @classmethod
    def of_milestone(cls, milestone: Milestone) -> Self:
        """Takes the numbers that GitHub counts, pull requests too."""
        return cls(open=milestone.open_issues, closed=milestone.closed_issues)

    @classmethod
    def of_issues(cls, issues: Iterable[Issue], *, milestone: int) -> Self:
        """Counts those of the milestone with that number, without pull requests."""
        states = [i.state for i in issues if i.milestone == milestone and not i.is_pull_request]
        return cls(open=states.count("open"), closed=states.count("closed"))

    @property
    def total(self) -> int:
        """How many there are, open and closed."""
        return self.open + self.closed

    @property
    def fraction(self) -> float:
        """The share that is closed, 0 to 1; 0 where there are none."""
        return self.closed / self.total if self.total else 0.0


class Standing(BaseModel):
    """How an open issue stands after the latest run that had it; `said` is foreign text, `next_step` Markdown."""

    model_config = ConfigDict(frozen=True)

    number: int
    title: str
    run: str
    pull_request: PullRequest | None = None
    said: str = ""
    next_step: str = ""


class Standings(BaseModel):
    """The open issues that runs have had, each in one list: whichever run it was, not only the last."""

    model_config = ConfigDict(frozen=True)

    review: tuple[Standing, ...] = ()
    decided: tuple[Standing, ...] = ()
    failed: tuple[Standing, ...] = ()

    @property
    def numbers(self) -> frozenset[int]:
        """Those of all of them."""
        return frozenset(each.number for each in (*self.review, *self.decided, *self.failed))


_UNLABELLED = frozenset({SkipKind.LABEL, SkipKind.TRUST})


def milestone_block(
    progress: MilestoneProgress,
    *,
    report: Report | None = None,
    integration: Integration | None = None,
    issues: Mapping[str, int] | None = None,
    pull_requests: Sequence[PullRequest] = (),
    standings: Standings | None = None,
    skipped: Sequence[SkippedIssue] = (),
) -> str:
    """Renders the block with its markers, for `replace_block`.

    Args:
        progress: how many issues are closed.
        report: the last run, if there was one.
        integration: what of it is on the branch.
        issues: the issue of each of its tasks.
        pull_requests: those of the last run.
        standings: how the issues stand that runs have had.
        skipped: issues that are not run, and why; what stands somewhere else already is left out.
    """
    standings = standings or Standings()
    others = [each for each in skipped if each.number not in standings.numbers]
    tasks = sorted(report.tasks, key=_succeeded) if report else []
    out = integration.left_out_by_task if integration else {}
    text = render_github_markdown(
        "milestones/description.md.jinja",
        progress=progress,
        report=report,
        summary=summary_sentence(report) if report else "",
        pull_requests=pull_requests,
        link=_link,
        tasks=tasks,
        issues=issues or {},
        left_out={row.task: out[row.task].kind for row in tasks if row.task in out and _succeeded(row)},
        beside={each.task for each in report.elsewhere} if report else (),
        **dict(standings),
        waiting=[each for each in others if each.kind not in _UNLABELLED],
        unlabelled=[each for each in others if each.kind in _UNLABELLED],
        most=_ROWS,
        characters=_TABLE_CHARACTERS,
        list_characters=_LIST_CHARACTERS,
    )
    return marked_block.wrap(text)


def _link(pull_request: PullRequest) -> str:
    url = pull_request.html_url
    return f"[#{pull_request.number}]({url})" if _SAFE_URL.fullmatch(url) else f"#{pull_request.number}"


def _succeeded(row: TaskRow) -> bool:
    return row.outcome is Outcome.SUCCEEDED
