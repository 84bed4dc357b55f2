"""A run's way to GitHub: push, pull request, statuses, one task run each. Only wires.

GitHub's tasks are imported when they are wanted: a run that publishes nothing needs none of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from prefect.artifacts import create_link_artifact
from prefect.logging import get_run_logger

from flows.steps.artifacts import artifact_key
from flows.steps.results import value_of
from miyabi.dag import Dag
from miyabi.errors import BadInput
from miyabi.github import LinkedRepository, PullRequest
from miyabi.integration import Integration
from miyabi.pull_requests import (
    Publication,
    PublicationPlan,
    Tended,
    base_branch,
    nothing_to_publish,
    plan_publication,
    statuses_of,
)
from miyabi.reports import Report, read_report, write_report
from miyabi.runs import MilestoneRun, RunFolder
from miyabi.system import files
from tasks.events import emit, related_to

if TYPE_CHECKING:
    from tasks.github import Pushed


def publish(folder: RunFolder, linked: LinkedRepository) -> Publication:
    """Pushes the run's work, opens or updates its pull requests, and keeps in its folder what is at GitHub then.

    May be repeated.

    Raises:
        BadInput: the run is not integrated yet, or its folder is damaged.
        DiskFull: its folder cannot be written.
        NotDone: GitHub refuses, or does not answer; the same again goes on where this ended.
    """
    report = read_report(folder) or write_report(folder)
    integration = folder.load(Integration)
    if integration is None:
        raise BadInput(f"run {folder.run} is not integrated yet. Press aggregate-results for it first.")
    of, mode = folder.load(MilestoneRun), linked.settings.pull_request.mode
    issues = Dag.load(folder.dag_file).issues
    plan = plan_publication(report, integration, issues=issues, mode=mode, name=of.title if of else "")
    _keep_texts(folder, plan)
    if note := nothing_to_publish(report, integration, plan):
        get_run_logger().info("%s", note)
        pulls: tuple[PullRequest, ...] = ()
    else:
        pulls = _send(folder, linked, plan, of=of)
        _set_statuses(report, integration, linked)
    publication = Publication(repository=linked.access.repository, pull_requests=pulls, note=note, told=report.ended)
    folder.keep(publication)
    return publication


def _send(
    folder: RunFolder, linked: LinkedRepository, plan: PublicationPlan, *, of: MilestoneRun | None
) -> tuple[PullRequest, ...]:
    from tasks.github import push_branches, put_pull_requests  # noqa: PLC0415 - see the module docstring

    branches = (folder.load(Tended) or Tended()).heads_for(plan.branches)
    pushed: Pushed = value_of(push_branches.submit(folder.run, linked=linked, branches=branches))
    base = base_branch(folder.info(), of, linked.settings.pull_request) or pushed.default_branch
    texts = [text for text in plan.texts if text.branch not in pushed.decided]
    milestone = of.number if of else None
    put = value_of(put_pull_requests.submit(folder.run, linked=linked, texts=texts, base=base, milestone=milestone))
    pulls = tuple({**pushed.decided, **put}[text.branch] for text in plan.texts)
    for pull in pulls:
        key = artifact_key("pull-request", f"{folder.run}-{pull.number}")
        create_link_artifact(pull.html_url, link_text=f"#{pull.number} {pull.title}", key=key)
    _say_opened(folder, linked, pulls)
    return pulls


def _say_opened(folder: RunFolder, linked: LinkedRepository, pulls: Sequence[PullRequest]) -> None:
    """Emits an event for each pull request that an earlier publication of the run did not have."""
    before = folder.load(Publication)
    known = {pull.number for pull in before.pull_requests} if before else set()
    repository = linked.access.repository
    for pull in pulls:
        if pull.number not in known:
            about: dict[str, Any] = {"run": folder.run, "number": pull.number, "url": pull.html_url}
            related = related_to(folder) | {"repository": repository}
            emit("pull-request.opened", f"{repository}#{pull.number}", related=related, **about)


def _set_statuses(report: Report, integration: Integration, linked: LinkedRepository) -> None:
    """Sets the statuses. That they cannot be set is logged, but ends nothing: the work is at GitHub."""
    from tasks.github import put_statuses  # noqa: PLC0415 - see the module docstring

    settings = linked.settings.pull_request
    if settings.statuses:
        statuses = statuses_of(report, integration, mode=settings.mode)
        put_statuses.submit(report.run, linked=linked, statuses=statuses).wait()


def _keep_texts(folder: RunFolder, plan: PublicationPlan) -> None:
    """Writes what the pull requests say to a file of the run: to read where none is opened, and what did not fit."""
    texts = [f"# {text.title}\n\n{text.body}\n{text.overflow or ''}".rstrip() for text in plan.texts]
    if texts:
        files.atomic_write(folder.path / "pull_request.md", "\n\n---\n\n".join(texts) + "\n")
