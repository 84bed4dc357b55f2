"""What we say on an issue: one comment, edited in place, and one label. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from miyabi.github import Milestone
from miyabi.integration import Integration, LeftOutKind
from miyabi.milestones.prompt import COMMENT_MARKER
from miyabi.pull_requests import elsewhere_words
from miyabi.reports import Elsewhere, Report, TaskRow
from miyabi.sessions import Outcome, printer_of
from miyabi.text import github_markdown, render_github_markdown

__all__ = [
    "LABELS",
    "Closing",
    "IssueState",
    "IssueStatus",
    "LabelChange",
    "closing",
    "issue_comment",
    "labels_for",
    "state_of",
]


class IssueState(StrEnum):
    """Where an issue stands with us."""

    QUEUED = "queued"  # taken into a run, not started
    RUNNING = "running"  # a session works on it
    REVIEW = "review"  # its work is in an open pull request, or ready for one
    FAILED = "failed"  # its session did not succeed, or its work could not be merged
    WAITING = "waiting"  # not run now: something before it is missing
    DONE = "done"  # closed


LABELS: Mapping[IssueState, str] = {
    state: f"miyabi:{state}" for state in IssueState if state not in {IssueState.WAITING, IssueState.DONE}
}
"""The label of each state that has one."""

_SAID = {
    IssueState.QUEUED: "Queued. A session starts as soon as a slot is free and what it waits for is done",
    IssueState.RUNNING: "A session works on this issue",
    IssueState.REVIEW: "The work is done and ready for review",
    IssueState.FAILED: "The last try did not succeed",
    IssueState.WAITING: "Not run now",
    IssueState.DONE: "Done",
}
_NOT_MERGED = "The session succeeded, but its work is not on the run's branch"
_AGAIN = "It is tried again with the next run."
_NEXT = {
    Outcome.SUCCEEDED: "Review the pull request.",
    Outcome.NO_CHANGES: "The session committed nothing. Say in the issue what is to be changed, and where.",
    Outcome.OFF_BRANCH: "Its commits are not on its branch. Merge the strays, or say in a comment what to do.",
    Outcome.UNRESOLVED_CONFLICT: "Its branch holds conflicts that nobody resolved. Resolve them there.",
    Outcome.SETUP_FAILED: f"Its checkout could not be set up. {_AGAIN}",
    Outcome.CHECK_FAILED: "The check did not pass on its branch. Look there, or say in a comment what is missing.",
    Outcome.PERMISSION_DENIED: "Tools that it needed were denied. Allow them with `allowed_tools`.",
    Outcome.MAX_TURNS: "It ran out of turns. Split the issue, or raise `max_turns`.",
    Outcome.BUDGET_EXCEEDED: "It ran out of budget. Split the issue, or raise the limit that it ran into.",
    Outcome.TIMED_OUT: "It ran out of time. Split the issue, or raise `timeout_minutes`.",
    Outcome.STALLED: f"The session fell silent, twice. {_AGAIN}",
    Outcome.STOPPED: f"It was stopped. {_AGAIN}",
    Outcome.KILLED: f"The session ended without a result. {_AGAIN}",
    Outcome.USAGE_LIMIT: f"The account's usage limit was reached. {_AGAIN}",
    Outcome.API_UNAVAILABLE: f"The API could not be reached. {_AGAIN}",
    Outcome.API_REFUSED: "The API refused the request. Read the error; often the issue is too long, or a bill is open.",
    Outcome.NOT_LOGGED_IN: "Claude is not logged in on that machine. Log in there.",
    Outcome.LAUNCH_FAILED: "Claude did not start on that machine. Check it with `miyabi check`.",
    Outcome.AGENT_ERROR: f"The session ended with an error. {_AGAIN}",
    Outcome.MACHINE_LOST: f"The machine went away. {_AGAIN}",
    Outcome.NOT_COLLECTED: "Its work is still on the machine. Mend what is said, then go on with the run.",
    Outcome.MERGE_CONFLICT: "The work that it builds on does not merge. Merge or mend one of these branches first.",
    Outcome.NOT_STARTED: f"It could not be started. {_AGAIN}",
    Outcome.SKIPPED: "Something that it waits for did not succeed. It is run when that is done.",
}
_OF_ROW = ("machine", "branch", "outcome", "fix_ups", "cost_usd", "cost_is_partial", "turns", "seconds")
_LEFT_OUT = {
    LeftOutKind.CONFLICT: f"Its work conflicts with other work of the run. {_AGAIN}",
    LeftOutKind.CHECK: f"With its work, the checks of the whole do not pass. {_AGAIN}",
    LeftOutKind.SIZE: f"GitHub takes no file of that size: say in the issue where such files belong. {_AGAIN}",
    LeftOutKind.UPSTREAM: f"It goes with a task that was left out. {_AGAIN}",
    LeftOutKind.FAILED: _AGAIN,
}


class IssueStatus(BaseModel):
    """What there is to say on an issue."""

    model_config = ConfigDict(frozen=True)

    state: IssueState
    run: str = ""
    reason: str = Field("", description="Why it is not run or was left out: foreign text")
    machine: str | None = None
    branch: str | None = None
    pull_request: int | None = None
    outcome: Outcome | None = None
    fix_ups: int = 0
    cost_usd: float = 0.0
    cost_is_partial: bool = False
    turns: int = 0
    seconds: float = 0.0
    error: str = Field("", description="What was said when it failed: foreign text")
    check_output: str = Field("", description="What a check or set-up that did not pass printed: foreign text")
    last_words: str = Field("", description="What the session said at its end: foreign text")
    files: tuple[str, ...] = Field((), description="Files in conflict")
    next_step: str = ""
    elsewhere: Elsewhere | None = Field(None, description="What its branch does not hold")
    rehearsal: bool = False

    @property
    def printed_by(self) -> str:
        """Whose last lines `check_output` has."""
        return printer_of(self.outcome) if self.outcome else ""

    @classmethod
    def waiting(cls, reason: str) -> Self:
        """Makes the status of an issue that is not run now; the reason is foreign text."""
        return cls(state=IssueState.WAITING, reason=reason)

    @classmethod
    def of_task(
        cls, row: TaskRow, report: Report, integration: Integration | None, *, pull_request: int | None = None
    ) -> Self:
        """Makes the status of an issue whose task has ended.

        Args:
            row: of the task.
            report: of the run that had it.
            integration: what of it is on the branch; None: what succeeded counts as ready for review.
            pull_request: number of the one that holds its work.
        """
        left = integration.left_out_by_task.get(row.task) if integration else None
        error = next((failure.text for failure in report.troubles if failure.task == row.task), "")
        skipped = next((skip.reason for skip in report.skips if skip.task == row.task), "")
        succeeded = row.outcome is Outcome.SUCCEEDED
        state = state_of(row.outcome, is_left_out=left is not None)
        return cls(
            state=state,
            run=report.run,
            reason=left.reason if left and succeeded else skipped,
            pull_request=pull_request if state is IssueState.REVIEW else None,
            **{name: getattr(row, name) for name in _OF_ROW},
            error=error,
            check_output=report.check_output_of(row.task),
            last_words=report.last_words_of(row.task),
            files=left.files if left else (),
            next_step=_LEFT_OUT[left.kind] if left and succeeded else _NEXT[row.outcome],
            elsewhere=report.elsewhere_by_task.get(row.task),
            rehearsal=report.rehearsal,
        )

    def not_again(self, reason: str) -> Self:
        """Makes the same of an issue that the next run leaves alone for that reason, which is foreign text."""
        advice = self.next_step.replace(_AGAIN, "").strip()
        why = github_markdown.plain(f"{reason[:1].upper()}{reason[1:]}")
        return self.model_copy(update={"next_step": f"{advice} {why}.".strip()})


class LabelChange(BaseModel):
    """Labels to be set and taken off, sorted; both empty where all is as it should be."""

    model_config = ConfigDict(frozen=True)

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


class Closing(BaseModel):
    """Whether a milestone is to be closed, and why or why not."""

    model_config = ConfigDict(frozen=True)

    close: bool
    reason: str


def state_of(outcome: Outcome, *, is_left_out: bool) -> IssueState:
    """Decides the state of an issue whose task has ended."""
    if outcome is Outcome.SUCCEEDED:
        return IssueState.FAILED if is_left_out else IssueState.REVIEW
    return IssueState.WAITING if outcome in {Outcome.SKIPPED, Outcome.NOT_STARTED} else IssueState.FAILED


def labels_for(state: IssueState, *, current: Iterable[str]) -> LabelChange:
    """Finds what makes the state's label the only one of ours; other labels are left alone."""
    wanted = LABELS.get(state, "")
    present = {label.casefold(): label for label in current}
    others = sorted(present[label] for label in LABELS.values() if label != wanted and label in present)
    return LabelChange(add=(wanted,) if wanted and wanted not in present else (), remove=tuple(others))


def issue_comment(status: IssueStatus) -> str:
    """Renders the whole comment, with its marker; the same status always makes the same text."""
    return render_github_markdown(
        "milestones/issue_comment.md.jinja",
        marker=COMMENT_MARKER,
        status=status,
        said=_said(status),
        elsewhere=elsewhere_words(status.elsewhere),
    )


def closing(milestone: Milestone, *, all_succeeded: bool, rehearsal: bool, allowed: bool) -> Closing:
    """Decides whether the milestone is closed now: nothing in it is open, and the last run left nothing undone.

    Args:
        milestone: as it stands at GitHub.
        all_succeeded: whether the last run left nothing undone.
        rehearsal: whether that run was one.
        allowed: whether the settings let us close it.
    """
    if milestone.state != "open":
        return Closing(close=False, reason="it is closed already")
    if milestone.open_issues:
        are = "is" if milestone.open_issues == 1 else "are"
        return Closing(
            close=False, reason=f"{milestone.open_issues:,} of its issues and pull requests {are} still open"
        )
    if not milestone.closed_issues:
        return Closing(close=False, reason="there is nothing in it")
    if rehearsal or not all_succeeded:
        return Closing(close=False, reason="it was a rehearsal" if rehearsal else "not every task succeeded")
    if not allowed:
        return Closing(close=False, reason="nothing is open; the settings do not let us close it")
    return Closing(close=True, reason="nothing is open and every task succeeded")


def _said(status: IssueStatus) -> str:
    is_left_out = status.state is IssueState.FAILED and status.outcome is Outcome.SUCCEEDED
    return _NOT_MERGED if is_left_out else _SAID[status.state]
