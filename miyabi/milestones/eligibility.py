"""From run to run: which issues are not taken again, and why. Pure.

An issue is left alone while a run works on it or a pull request of ours for it is open. After that what counts is the
issue's own text, with the comments of people who have write access: as long as it is the same, work that was merged,
turned down, or lies on a run's branch is not done again, and work that failed is tried `max_tries` times. Whoever wants
more says so in a comment. What is not the issue's fault, such as a usage limit, a budget that others used up, a lost
machine or an upstream that was left out, does not count as a try.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from miyabi.dag import Dag
from miyabi.github import MergeState, PullRequest
from miyabi.integration import Integration, LeftOutKind
from miyabi.milestones import references
from miyabi.milestones.references import RepositoryContext
from miyabi.reports import Report, TaskRow
from miyabi.runs import is_of_shared_budget
from miyabi.sessions import BLAMELESS, Outcome
from miyabi.settings import MilestoneSettings
from miyabi.text import count, in_words


class IssueAttempt(BaseModel):
    """What one run made of an issue."""

    model_config = ConfigDict(frozen=True)

    issue: int
    run: str
    ended: datetime
    outcome: Outcome
    is_merged: bool = Field(description="Whether its work is on the run's integration branch")
    left_out: LeftOutKind | None = Field(None, description="Why it is not, where the session itself succeeded")
    is_unpaid: bool = Field(default=False, description="Whether others had used up the budget that it ran into")
    fingerprint: str = Field("", description="Stands for the issue's text at that time")

    @property
    def is_failure(self) -> bool:
        """Whether it counts as a try that failed."""
        is_excused = self.outcome in BLAMELESS or self.is_unpaid or self.left_out is LeftOutKind.UPSTREAM
        return not self.is_merged and not is_excused

    @property
    def in_words(self) -> str:
        """How it ended."""
        return f"succeeded, left out ({self.left_out})" if self.left_out else in_words(self.outcome)


def attempts_of(dag: Dag, report: Report, integration: Integration | None) -> tuple[IssueAttempt, ...]:
    """Finds what a run made of each of its issues; a rehearsal is no try.

    Without integration, what succeeded counts as merged.
    """
    if report.rehearsal:
        return ()
    found = (_attempt(dag, row, report, integration) for row in report.tasks)
    return tuple(each for each in found if each)


def ineligible(
    fingerprints: Mapping[int, str],
    *,
    live: Mapping[int, str],
    pull_requests: Iterable[PullRequest],
    attempts: Iterable[IssueAttempt],
    context: RepositoryContext,
    settings: MilestoneSettings,
) -> dict[int, str]:
    """Finds the issues that are not taken this time.

    Args:
        fingerprints: `miyabi.milestones.prompt.fingerprint` of each open issue.
        live: for an issue that a live run works on, the run.
        pull_requests: ours, in whatever state, with their bodies; not those from forks, which may claim anything.
        attempts: what earlier runs made of the issues, in any order.
        context: the repository, to tell its issues from others in the bodies.
        settings: how often an issue is tried.

    Returns:
        The reason, for people, by the issue's number.
    """
    covering = _covering(pull_requests, context=context)
    history: dict[int, list[IssueAttempt]] = {}
    for each in sorted(attempts, key=lambda each: (each.ended, each.run)):
        history.setdefault(each.issue, []).append(each)
    found = {}
    for number, text in fingerprints.items():
        earlier = history.get(number, [])
        same = [each for each in earlier if each.fingerprint == text]
        is_changed = bool(earlier) and earlier[-1].fingerprint != text
        covered = _covered(covering.get(number), is_changed=is_changed)
        used_up = _used_up(same, max_tries=settings.max_tries)
        found[number] = _working(live.get(number)) or covered or _merged(same) or used_up
    return {number: reason for number, reason in found.items() if reason}


def _attempt(dag: Dag, row: TaskRow, report: Report, integration: Integration | None) -> IssueAttempt | None:
    node = dag.by_id.get(row.task)
    if node is None or not node.issue:
        return None
    succeeded = row.outcome is Outcome.SUCCEEDED
    left_out = integration.left_out_by_task.get(row.task) if integration and succeeded else None
    return IssueAttempt(
        issue=node.issue,
        run=report.run,
        ended=report.ended,
        outcome=row.outcome,
        is_merged=row.task in integration.tasks if integration else succeeded,
        left_out=left_out.kind if left_out else None,
        is_unpaid=any(each.task == row.task and is_of_shared_budget(each.kind) for each in report.troubles),
        fingerprint=str(node.metadata.get("fingerprint", "")),
    )


def _covering(pull_requests: Iterable[PullRequest], *, context: RepositoryContext) -> dict[int, PullRequest]:
    """For each issue the pull request that counts: an open one, or else the latest."""
    found: dict[int, PullRequest] = {}
    for each in sorted(pull_requests, key=lambda each: (each.state is MergeState.OPEN, each.number)):
        here = (r for r in references.closes(each.body, context=context) if not r.repository)
        found.update((reference.number, each) for reference in here)
    return found


def _working(run: str | None) -> str:
    return f"run {run} works on it" if run else ""


def _covered(pull_request: PullRequest | None, *, is_changed: bool) -> str:
    if pull_request is None:
        return ""
    if pull_request.state is MergeState.OPEN:
        return f"its pull request #{pull_request.number} is open"
    if is_changed:
        return ""
    how = "merged" if pull_request.state is MergeState.MERGED else "closed without being merged"
    return f"its pull request #{pull_request.number} was {how}; close the issue, or say in a comment what is missing"


def _used_up(same: Sequence[IssueAttempt], *, max_tries: int) -> str:
    failures = [each for each in same if each.is_failure]
    if len(failures) < max_tries:
        return ""
    last = failures[-1]
    said = f"{count(len(failures), 'run')} tried it in vain, the last ({last.run}) with '{last.in_words}'"
    return f"{said}; change its text or comment on it to have it tried again"


def _merged(same: Sequence[IssueAttempt]) -> str:
    run = next((each.run for each in reversed(same) if each.is_merged), "")
    return f"its work is on the branch of run {run}; review that, or say in a comment what is missing" if run else ""
