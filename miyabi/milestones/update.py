"""Writes at GitHub how a milestone stands: its description, a comment and a label an issue. Again: writes nothing."""

from __future__ import annotations

from dataclasses import dataclass

from miyabi.github import GitHubRepository
from miyabi.milestones import status
from miyabi.milestones.issue_comment import LABELS, Closing, IssueState
from miyabi.milestones.plan import MilestonePlan
from miyabi.milestones.prompt import COMMENT_MARKER
from miyabi.milestones.status import IssueUpdate
from miyabi.settings import MilestoneSettings
from miyabi.text import count, replace_block

_COLOURS = {
    IssueState.QUEUED: ("ededed", "Taken into a run; its session starts when a slot is free"),
    IssueState.RUNNING: ("1d76db", "A session works on it"),
    IssueState.REVIEW: ("0e8a16", "Its work is in a pull request"),
    IssueState.FAILED: ("d93f0b", "Its last session did not succeed, or its work could not be merged"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MilestoneUpdate:
    """What was written, and whether the milestone was closed and why or why not."""

    described: bool
    comments: int
    labelled: int
    closing: Closing

    def __str__(self) -> str:
        parts = [
            "description" if self.described else "",
            count(self.comments, "comment") if self.comments else "",
            f"labels of {count(self.labelled, 'issue')}" if self.labelled else "",
        ]
        written = ", ".join(part for part in parts if part)
        closed = f"closed: {self.closing.reason}" if self.closing.close else f"not closed: {self.closing.reason}"
        return f"{f'written: {written}' if written else 'nothing to write'}; {closed}"


async def update_milestone(
    github: GitHubRepository, plan: MilestonePlan, *, settings: MilestoneSettings
) -> MilestoneUpdate:
    """Brings description, comments and labels to where the plan stands, and closes the milestone if that is due.

    Raises:
        GitHubError: GitHub refuses, or does not answer; what was written stays, and the same again does the rest.
    """
    closing = status.closing(plan, allowed=settings.close)
    block, before = status.block(plan), plan.facts.milestone
    after = await github.milestones.update(
        before.number,
        description=lambda there: replace_block(there, block),
        state="closed" if closing.close else None,
    )
    updates = list(status.issue_updates(plan))
    comments = [update for update in updates if update.comment] if settings.comments else []
    labelled = [each for each in updates if each.labels.add or each.labels.remove] if settings.labels else []
    for update in comments:
        await github.issues.upsert_comment(update.issue.number, marker=COMMENT_MARKER, body=update.comment or "")
    await _label(github, labelled)
    return MilestoneUpdate(
        described=after.description != before.description,
        comments=len(comments),
        labelled=len(labelled),
        closing=closing,
    )


async def ensure_labels(github: GitHubRepository) -> None:
    """Makes those of our labels that the repository lacks; those that it has stay as they are.

    Raises:
        GitHubError: GitHub refuses, or does not answer.
    """
    await github.ensure_labels({LABELS[state]: look for state, look in _COLOURS.items()})


async def _label(github: GitHubRepository, updates: list[IssueUpdate]) -> None:
    if any(update.labels.add for update in updates):
        await ensure_labels(github)
    for each in updates:
        await github.issues.set_labels(each.issue.number, add=each.labels.add, remove=each.labels.remove)
