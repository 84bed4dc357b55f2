"""What goes to GitHub, as task runs: waits are logged, and a refusal is a failed state with its sentence."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec, TypeVar

from prefect import task
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Failed

from miyabi.errors import BadInput, DiskFull, GitError, GitHubError, is_bad_input
from miyabi.git import base as remote_base
from miyabi.git import complete_partial_clone, push
from miyabi.github import GitHubRepository, Issue, LinkedRepository, Milestone, PullRequest
from miyabi.milestones import (
    MilestonePlan,
    choose_milestone,
    earlier_works,
    milestone_in_turn,
    plan_milestone,
    watch_issues,
)
from miyabi.milestones import update as milestone_update
from miyabi.pull_requests import PullRequestText, TaskStatus, decided_pull_requests, open_pull_requests, set_statuses
from miyabi.runs import HandOver, RunFolder
from miyabi.tending import OpenPullRequest, Step, StepTaken, kept_answers, next_step, read_open_pull_requests, take_step
from tasks.declaration import TASK
from tasks.runner import BAD_INPUT


class Found(NamedTuple):
    """A milestone, and the branch that its repository's work is for."""

    milestone: Milestone
    default_branch: str


class Pushed(NamedTuple):
    """The repository's default branch, and, by branch, the pull requests that need no push: see `push_branches`."""

    default_branch: str
    decided: Mapping[str, PullRequest]


P = ParamSpec("P")
T = TypeVar("T")


@asynccontextmanager
async def at_github(linked: LinkedRepository, *, answers: Path | None = None) -> AsyncIterator[GitHubRepository]:
    """Opens the repository at GitHub for a task, which logs each wait, in seconds, with its reason.

    `answers` is as for `GitHubRepository.open`.
    """
    log = get_run_logger()

    def tell(seconds: float, reason: str) -> None:
        log.warning("waiting %.0f s, then trying again: %s", seconds, reason)

    how = linked.retry_policy
    async with GitHubRepository.open(linked.access, retry_policy=how, on_wait=tell, answers=answers) as github:
        yield github


def refusals_as_states(work: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T | State[Any]]]:
    """Makes what GitHub or git refuses a failed state with its sentence, in place of a traceback.

    The state is named BadInput where the same again ends the same until the user gives something else.
    """

    @wraps(work)
    async def with_bad_input(*args: P.args, **kwargs: P.kwargs) -> T | State[Any]:
        try:
            return await work(*args, **kwargs)
        except (GitHubError, GitError, BadInput, DiskFull) as error:
            get_run_logger().error("%s", error)
            return Failed(name=BAD_INPUT if is_bad_input(error) else "Failed", message=str(error))

    return with_bad_input


@task(name="push", task_run_name="push {run}", **TASK)
@refusals_as_states
async def push_branches(run: str, *, linked: LinkedRepository, branches: Mapping[str, str]) -> Pushed:
    """Puts the branches at their commits, those excepted whose pull requests people have merged or closed already.

    A refusal is told before anything is pushed where it can be: archived, no rights.
    """
    async with at_github(linked) as github:
        info = await github.info(for_writing=True)
        decided = await decided_pull_requests(github, branches)
        wanted = {branch: commit for branch, commit in branches.items() if branch not in decided}
        pushed = await push(linked.repository, wanted, remote=await linked.remote(await github.token()))
    get_run_logger().info("run %s: pushed %d of %d branches", run, len(pushed), len(branches))
    return Pushed(default_branch=info.default_branch, decided=decided)


@task(name="pull-request", task_run_name="pull request of {run}", **TASK)
@refusals_as_states
async def put_pull_requests(
    run: str, *, linked: LinkedRepository, texts: Sequence[PullRequestText], base: str, milestone: int | None
) -> dict[str, PullRequest]:
    """The pull requests with these texts, created or updated, by branch."""
    async with at_github(linked) as github:
        settings = linked.settings.pull_request
        pulls = await open_pull_requests(github, texts, base=base, settings=settings, milestone=milestone)
    for pull in pulls.values():
        get_run_logger().info("run %s: pull request #%d %s", run, pull.number, pull.html_url)
    return pulls


@task(name="statuses", task_run_name="statuses of {run}", **TASK)
@refusals_as_states
async def put_statuses(run: str, *, linked: LinkedRepository, statuses: Sequence[TaskStatus]) -> None:
    """Each task's outcome as a commit status."""
    async with at_github(linked) as github:
        await set_statuses(github, statuses)
    get_run_logger().info("run %s: %d statuses", run, len(statuses))


@task(name="find-milestone", task_run_name="find milestone {which}", **TASK)
@refusals_as_states
async def find_milestone(which: str, *, linked: LinkedRepository) -> Found:
    """The milestone of that number, title, or `next due`, and whether anything could be written there."""
    async with at_github(linked) as github:
        info = await github.info(for_writing=True)
        known = await github.milestones.all(state="all")
    if linked.settings.milestone.close:
        meant = milestone_in_turn(known, which, repository=linked.repository.root, github=linked.access.repository)
    else:
        meant = choose_milestone(known, which)
    return Found(milestone=meant, default_branch=info.default_branch)


@task(name="fetch-base", task_run_name="fetch {branch}", **TASK)
@refusals_as_states
async def fetch_base(branch: str, *, linked: LinkedRepository) -> str:
    """The commit that GitHub's branch stands at now; its history is here then."""
    async with at_github(linked) as github:
        token = await github.token()
        head = await remote_base.fetch_base(linked.repository, branch, remote=await linked.remote(token))
        await complete_partial_clone(linked.repository, head, token=linked.remote_token(token))
    get_run_logger().info("base: %s at %s", branch, head)
    return head


@task(name="hand-over", task_run_name="earlier work for {run}", **TASK)
async def find_earlier_work(
    run: str,  # noqa: ARG001 - part of the run's name
    *,
    linked: LinkedRepository,
    plan: MilestonePlan,
) -> HandOver:
    """What earlier runs left of the issues that the run is to have; without what cannot be found or read now."""
    log, issues = get_run_logger(), plan.selection.issues
    works = earlier_works(plan.earlier, issues, pull_requests=plan.pull_requests, warn=log.warning)
    heads = await _heads(linked, {work.branch for work in works.values() if work.branch})
    for name, work in works.items():
        where = f" on {work.branch}" if work.branch else ""
        log.info("%s was tried by run %s%s: %s", name, work.run, where, work.outcome)
    found = {name: work.model_copy(update={"head": heads.get(work.branch, "")}) for name, work in works.items()}
    return HandOver(works=found)


async def _heads(linked: LinkedRepository, branches: Collection[str]) -> dict[str, str]:
    """Where the branches stand: here, or else at the remote."""
    here = {name: tip for name in branches if (tip := (await linked.repository.branches(name)).get(name))}
    missing = sorted(set(branches) - here.keys())
    if not missing:
        return here
    try:
        async with at_github(linked) as github:
            token = await github.token()
        found = await remote_base.fetch_heads(linked.repository, missing, remote=await linked.remote(token))
        for head in found.values():
            await complete_partial_clone(linked.repository, head, token=linked.remote_token(token))
    except (GitHubError, GitError, BadInput) as error:
        get_run_logger().warning("earlier branches that are not here were not fetched: %s", error)
        return here
    return here | found


@task(name="labels", task_run_name="labels of {run}", **TASK)
@refusals_as_states
async def show_on_issues(
    run: str,  # noqa: ARG001 - part of the run's name
    *,
    linked: LinkedRepository,
    folder: RunFolder,
    issues: Mapping[str, Issue],
    until: threading.Event,
    cut_short: threading.Event,
) -> None:
    """Keeps labels on the issues at what their tasks do, until told to stop."""
    async with at_github(linked) as github:
        await watch_issues(github, folder, issues, until=until, cut_short=cut_short)


@task(name="read-milestone", task_run_name="read milestone {number}", **TASK)
@refusals_as_states
async def read_plan(number: int, *, linked: LinkedRepository) -> MilestonePlan:
    """The milestone of that number as it stands now, and what of it is run."""
    settings = linked.settings
    async with at_github(linked) as github:
        plan = await plan_milestone(
            github,
            await github.milestones.get(number),
            repository=linked.repository.root,
            settings=settings.milestone,
            machines=settings.machines,
        )
    for line in plan.warnings:
        get_run_logger().warning("%s", line)
    for skipped in plan.selection.skipped:
        get_run_logger().info("%s", skipped)
    return plan


@task(name="write-milestone", task_run_name="write milestone {number}", **TASK)
@refusals_as_states
async def write_plan(number: int, *, linked: LinkedRepository, plan: MilestonePlan) -> milestone_update.MilestoneUpdate:
    """Brings description, comments and labels to where the plan stands."""
    async with at_github(linked) as github:
        update = await milestone_update.update_milestone(github, plan, settings=linked.settings.milestone)
    get_run_logger().info("milestone %d: %s", number, update)
    return update


@task(name="read-pull-requests", task_run_name="read open pull requests", **TASK)
@refusals_as_states
async def read_pull_requests(*, linked: LinkedRepository) -> tuple[OpenPullRequest, ...]:
    """The open pull requests of this repository's runs, and how they stand at GitHub now."""
    async with at_github(linked, answers=kept_answers(linked.repository.root)) as github:
        read = await read_open_pull_requests(github, linked)
    for line in read.warnings:
        get_run_logger().warning("%s", line)
    for each in read.found:
        get_run_logger().info("#%d: %s", each.pull.number, each.foreign or next_step(each))
    return read.found


@task(name="tend-pull-request", task_run_name="#{number}: {step}", **TASK)
@refusals_as_states
async def tend_pull_request(number: int, step: Step, *, linked: LinkedRepository, found: OpenPullRequest) -> StepTaken:
    """What there is to be done about a pull request, as far as that waits for no session."""
    async with at_github(linked) as github:
        taken = await take_step(github, linked, found, step)
    get_run_logger().info("#%d: %s", number, taken.said)
    return taken
