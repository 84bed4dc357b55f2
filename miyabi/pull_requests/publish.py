"""A run's work comes to GitHub: its pull request or those of its tasks, their further texts, and a status a task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pydantic import Field

from miyabi.github import GitHubRepository, MergeState, PullRequest, StatusState
from miyabi.integration import Integration, LeftOut, of_size
from miyabi.pull_requests.text import PullRequestText, pull_request_text, task_pull_request_texts, why_nothing
from miyabi.reports import Report, TaskRow, read_report, summary_sentence, went_well, write_report
from miyabi.runs import Kept, MilestoneRun, RunFolder, RunInfo
from miyabi.sessions import Outcome
from miyabi.settings import PullRequestMode, PullRequestSettings
from miyabi.text import in_words


class Publication(Kept):
    """What of a run is at GitHub. Kept once all of it is there."""

    file_name = "home.json"
    if_damaged = "Remove the file: what is open at GitHub is found there when the run's pull request is opened again."

    repository: str = Field(description="owner/name at GitHub")
    pull_requests: tuple[PullRequest, ...] = Field((), description="As they were when they were opened")
    note: str = Field("", description="Why there is none, where there is none")
    told: datetime | None = Field(None, description="When the run had ended of which it tells: it may have gone on")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicationPlan:
    """What of a run goes to GitHub: branches to push, each with its commit, and the texts of the pull requests."""

    branches: Mapping[str, str]
    texts: tuple[PullRequestText, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskStatus:
    """How a task ended, as a commit status."""

    commit: str
    context: str
    state: StatusState
    description: str


def plan_publication(
    report: Report,
    integration: Integration,
    *,
    issues: Mapping[str, int],
    mode: PullRequestMode,
    name: str = "",
) -> PublicationPlan:
    """Decides what there is to publish. Branches of other tasks stay here.

    Args:
        report: what became of the tasks.
        integration: what of it is on the branch.
        issues: the issue of each task that has one.
        mode: one pull request, or one a task.
        name: what the run is about, such as the milestone's title.
    """
    if mode is PullRequestMode.PER_TASK:
        refused = of_size(integration.left_out_by_task)
        texts = task_pull_request_texts(report, issues=issues, without=refused)
        heads = {row.branch: row.head for row in report.tasks if row.branch and row.head}
        return PublicationPlan(branches={text.branch: heads[text.branch] for text in texts}, texts=texts)
    if integration.is_empty:
        return PublicationPlan(branches={}, texts=())
    text = pull_request_text(report, integration, issues=issues, name=name)
    return PublicationPlan(branches={text.branch: integration.head}, texts=(text,))


def base_branch(info: RunInfo, of: MilestoneRun | None, settings: PullRequestSettings) -> str | None:
    """Returns the branch that the pull request is for; a milestone's run has chosen it at its start.

    None where neither the settings nor the run's start name one.
    """
    return (info.base_branch if of else None) or settings.base or info.base_branch


def nothing_to_publish(report: Report, integration: Integration, plan: PublicationPlan) -> str:
    """Says in a sentence that there is nothing to publish, and why; empty where there is something."""
    if report.rehearsal:
        return f"Run {report.run} was a rehearsal: nothing goes to GitHub."
    if plan.texts:
        return ""
    return why_nothing(report, integration) or f"Run {report.run}: no task has commits, so there is no pull request."


async def decided_pull_requests(github: GitHubRepository, branches: Mapping[str, str]) -> dict[str, PullRequest]:
    """Finds the pull requests that people merged or closed with this very commit: nothing is left to do there.

    Args:
        github: the repository.
        branches: those asked for, each with its commit.

    Returns:
        The pull request by its branch.

    Raises:
        GitHubError: GitHub cannot be read.
    """
    found = {}
    for branch, commit in branches.items():
        latest = await github.pull_requests.find(branch, state="all")
        if latest and latest.state is not MergeState.OPEN and latest.head_sha == commit:
            found[branch] = latest
    return found


async def open_pull_requests(
    github: GitHubRepository,
    texts: Sequence[PullRequestText],
    *,
    base: str,
    settings: PullRequestSettings,
    milestone: int | None = None,
) -> dict[str, PullRequest]:
    """Creates, or updates, the pull requests with these texts; their branches are at GitHub already.

    Args:
        github: the repository.
        texts: those stacked on another one after it.
        base: branch that those are for that are not stacked.
        settings: what else they have.
        milestone: number of the run's own; the settings' wins.

    Returns:
        The pull request by its branch.

    Raises:
        GitHubError: GitHub refuses, or does not answer; the same again goes on where this one ended.
    """
    return {t.branch: await _open(github, t, base=base, settings=settings, milestone=milestone) for t in texts}


async def set_statuses(github: GitHubRepository, statuses: Sequence[TaskStatus]) -> None:
    """Sets each status on its commit at GitHub.

    Raises:
        GitHubError: GitHub refuses, or does not answer; the same again goes on where this one ended.
    """
    for status in statuses:
        await github.set_status(
            status.commit, context=status.context, state=status.state, description=status.description
        )


def statuses_of(report: Report, integration: Integration, *, mode: PullRequestMode) -> tuple[TaskStatus, ...]:
    """Makes a status for each task on the head of the integration branch, and one that says how the whole went.

    In mode `per-task`: one for each task that has a pull request of its own, on its own head, and none for the whole.
    """
    if mode is PullRequestMode.PER_TASK:
        refused = of_size(integration.left_out_by_task)
        there = {text.task for text in task_pull_request_texts(report, issues={}, without=refused)}
        return tuple(_status(row, row.head, report) for row in report.tasks if row.head and row.task in there)
    tasks = (_status(row, integration.head, report, left_out=_left_out(row, integration)) for row in report.tasks)
    return (*tasks, _whole(report, integration))


def session_statuses(folder: RunFolder, *, commit: str) -> tuple[TaskStatus, ...]:
    """Makes the same of a run of one session for a pull request, for the commit there that its work is in.

    Raises:
        BadInput: the run's folder is damaged.
        DiskFull: its report is not there, and cannot be written.
    """
    integration, report = folder.load(Integration), read_report(folder) or write_report(folder)
    statuses = statuses_of(report, integration, mode=PullRequestMode.ONE) if integration else ()
    return tuple(replace(status, commit=commit) for status in statuses)


async def _open(
    github: GitHubRepository, text: PullRequestText, *, base: str, settings: PullRequestSettings, milestone: int | None
) -> PullRequest:
    pull = await github.pull_requests.upsert(
        text.branch,
        text.base or base,
        title=text.title,
        body=text.body,
        draft=settings.draft,
        labels=settings.labels,
        reviewers=settings.reviewers,
        assignees=settings.assignees,
        milestone=settings.milestone or milestone,
    )
    for further in text.further:
        await github.issues.upsert_comment(pull.number, marker=further.partition("\n")[0], body=further)
    return pull


def _status(row: TaskRow, commit: str, report: Report, *, left_out: LeftOut | None = None) -> TaskStatus:
    said = f"{in_words(row.ending)}{f', left out ({left_out.kind})' if left_out else ''}"
    return TaskStatus(
        commit=commit,
        context=f"miyabi/{row.task}",
        state="success" if row.outcome is Outcome.SUCCEEDED and not left_out else "failure",
        description=f"{said}{f' on {row.machine}' if row.machine else ''}, run {report.run}",
    )


def _left_out(row: TaskRow, integration: Integration) -> LeftOut | None:
    """Why the work of a task that succeeded is not in the whole."""
    return integration.left_out_by_task.get(row.task) if row.outcome is Outcome.SUCCEEDED else None


def _whole(report: Report, integration: Integration) -> TaskStatus:
    state: StatusState = "success" if went_well(report, integration) else "failure"
    left_out = len([row for row in report.tasks if _left_out(row, integration)])
    said = {True: "verified. ", False: "verify commands fail. ", None: ""}[integration.verified]
    description = f"{said}{f'{left_out} left out. ' if left_out else ''}{summary_sentence(report)}"
    return TaskStatus(commit=integration.head, context="miyabi", state=state, description=description)
