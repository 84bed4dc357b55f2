"""How a milestone and each of its issues stand with us, as texts and labels. Pure; the same plan says the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from miyabi.github import Issue, MergeState, PullRequest, same_text
from miyabi.milestones import issue_comment
from miyabi.milestones.description import MilestoneProgress, Standing, Standings, milestone_block
from miyabi.milestones.history import EarlierRun
from miyabi.milestones.issue_comment import Closing, IssueState, IssueStatus, LabelChange
from miyabi.milestones.issues_to_dag import SkippedIssue
from miyabi.milestones.plan import MilestonePlan
from miyabi.reports import TaskRow
from miyabi.sessions import Outcome
from miyabi.text import in_words


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueUpdate:
    """What there is to write on an issue: `comment` is None, and `labels` is empty, where that is nothing."""

    issue: Issue
    comment: str | None
    labels: LabelChange


def block(plan: MilestonePlan) -> str:
    """Makes the block for the milestone's description."""
    last = plan.earlier.last
    is_one = last is not None and not any(map(last.is_alone, last.report.tasks))
    return milestone_block(
        MilestoneProgress.of_issues(plan.facts.issues, milestone=plan.facts.milestone.number),
        report=last.report if last else None,
        integration=last.integration if last and is_one else None,
        issues=last.issues if last else {},
        pull_requests=[plan.pull_requests.get(p.number, p) for p in last.pull_requests] if last else (),
        standings=_standings(plan),
        skipped=plan.selection.skipped,
    )


def _standings(plan: MilestonePlan) -> Standings:
    """How the open issues stand that no run works on now and that one has had, each in its list."""
    lists: dict[str, list[Standing]] = {"review": [], "decided": [], "failed": []}
    skipped = {each.number: each for each in plan.selection.skipped}
    for issue in plan.facts.own:
        run, row = _last_try(issue, plan)
        if run is None or row is None or issue.state != "open" or issue.number in plan.earlier.live:
            continue
        pull = _pull_request(run, row, plan.pull_requests)
        status = status_of(run, row, pull_requests=plan.pull_requests, skipped=skipped.get(issue.number))
        is_decided = status.state is IssueState.WAITING and row.outcome is Outcome.SUCCEEDED
        name = "decided" if is_decided else str(status.state)
        if name in lists:
            said = status.reason if is_decided or row.outcome is Outcome.SUCCEEDED else in_words(row.ending)
            lists[name].append(
                Standing(
                    number=issue.number,
                    title=issue.title,
                    run=run.report.run,
                    pull_request=pull,
                    said=said,
                    next_step=status.next_step,
                )
            )
    return Standings(**{name: tuple(each) for name, each in lists.items()})


def _last_try(issue: Issue, plan: MilestonePlan) -> tuple[EarlierRun | None, TaskRow | None]:
    """The latest run that had the issue, and what became of it there."""
    run = plan.earlier.latest_of(issue.number)
    return run, run.row(issue.number) if run else None


def closing(plan: MilestonePlan, *, allowed: bool) -> Closing:
    """Decides whether the milestone is to be closed now, and says why or why not."""
    last = plan.earlier.last
    return issue_comment.closing(
        plan.facts.milestone, all_succeeded=bool(last and last.left_nothing), rehearsal=False, allowed=allowed
    )


def issue_updates(plan: MilestonePlan) -> Iterator[IssueUpdate]:
    """Finds what is to be written on each issue where it is not written yet, in the milestone's order."""
    skipped = {each.number: each for each in plan.selection.skipped}
    for issue in plan.facts.own:
        update = _issue_update(issue, plan, skipped.get(issue.number))
        if update.comment or update.labels.add or update.labels.remove:
            yield update


def status_of(
    run: EarlierRun, row: TaskRow, *, pull_requests: Mapping[int, PullRequest], skipped: SkippedIssue | None
) -> IssueStatus:
    """Finds how an open issue stands after the latest run that had it."""
    pull = _pull_request(run, row, pull_requests)
    came = None if run.is_alone(row) else run.integration
    found = IssueStatus.of_task(row, run.report, came, pull_request=pull.number if pull else None)
    turned_down = pull is not None and pull.state is not MergeState.OPEN
    if skipped and found.state is IssueState.FAILED:
        return found.not_again(skipped.reason)
    if skipped and found.state is IssueState.REVIEW and turned_down:
        return found.model_copy(update={"state": IssueState.WAITING, "reason": skipped.reason, "next_step": ""})
    return found


def _issue_update(issue: Issue, plan: MilestonePlan, skipped: SkippedIssue | None) -> IssueUpdate:
    if issue.state != "open":
        return IssueUpdate(issue=issue, comment=None, labels=_labels(issue, IssueState.DONE))
    if issue.number in plan.earlier.live:  # that run's orchestrator shows it
        return IssueUpdate(issue=issue, comment=None, labels=LabelChange())
    run, row = _last_try(issue, plan)
    if run is None or row is None:  # a run that came to nothing may have left a label
        return IssueUpdate(issue=issue, comment=None, labels=_labels(issue, IssueState.WAITING))
    status = status_of(run, row, pull_requests=plan.pull_requests, skipped=skipped)
    return IssueUpdate(issue=issue, comment=_comment(issue, plan, status), labels=_labels(issue, status.state))


def _comment(issue: Issue, plan: MilestonePlan, status: IssueStatus) -> str | None:
    text = issue_comment.issue_comment(status)
    there = plan.facts.comments.get(issue.number, ())
    return None if any(same_text(text, comment.body) for comment in there) else text


def _labels(issue: Issue, state: IssueState) -> LabelChange:
    return issue_comment.labels_for(state, current=issue.labels)


def _pull_request(run: EarlierRun, row: TaskRow, known: Mapping[int, PullRequest]) -> PullRequest | None:
    """The one that the task's work is in: its own, or the one of the whole run."""
    pulls = [known.get(pull.number, pull) for pull in run.pull_requests]
    own = [pull for pull in pulls if pull.head == row.branch]
    return next(iter(own or (pulls if len(pulls) == 1 else ())), None)
