"""What people say of a milestone's pull request is answered by a session, in its slot as any other."""

from __future__ import annotations

from flows.tend_pull_requests import tend_pull_requests
from tests.support.cli.local_site import LocalSite
from tests.support.cli.milestone_site import MilestoneSite, emulate, github, plain, quick  # noqa: F401 - fixtures
from tests.support.git.repositories import git
from tests.support.github.overlay_reviews import review, say, thread
from tests.support.machines.processes import eventually
from tests.support.prefect.server import prefect_database, prefect_server  # noqa: F401 - fixtures

Quick = MilestoneSite[LocalSite]


def opened(quick: Quick) -> tuple[int, int, str]:
    """A milestone, and the number and branch of the pull request that its run has opened."""
    milestone = quick.remote.milestone("v1")
    quick.issue("Some", milestone)
    assert quick.press(milestone).status == 0
    (pull,) = quick.remote.pulls()
    return milestone, pull["number"], pull["head"]["ref"]


def answers(quick: Quick, first: int) -> list[str]:
    """What we said in a thread."""
    return [each.body for each in thread(quick.remote.hosted, first) if each.by == "alice"]


def test_a_review_is_answered_by_a_session(quick: Quick) -> None:
    """One session for all: what it commits is on top, each thread says what came of it, and again does nothing."""
    _, number, branch = opened(quick)
    before = git(quick.hub_folder, "rev-parse", branch)
    done = say(quick.remote.hosted, number, "Rename it.")
    refused = say(quick.remote.hosted, number, "Delete it. [[scenario:answer]]")
    tended = quick.flow(tend_pull_requests)
    head = git(quick.hub_folder, "rev-parse", branch)
    assert f"#{number}: 2 comments answered by run tend-{number}-" in tended.message
    assert git(quick.hub_folder, "rev-parse", f"{head}^1") == before
    assert "answer.txt" in quick.files(branch)
    (said,) = answers(quick, done)
    assert (f"Commit {head}" in said, "> it is renamed." in said) == (True, True)
    (said,) = answers(quick, refused)
    assert ("Nothing is changed" in said, "> it is right as it is." in said) == (True, True)
    pushes = quick.hub.writes
    quick.github.front.forget()
    assert f"#{number}: nothing to do" in quick.flow(tend_pull_requests).message
    assert (quick.hub.writes, quick.github.front.writes, len(quick.site.calls)) == (pushes, (), 2)


def test_a_review_that_leads_to_nothing_is_answered_too(quick: Quick) -> None:
    """A session that changes nothing has succeeded, and one that fails has not: both are said, nothing is pushed."""
    _, number, branch = opened(quick)
    before, pushes = git(quick.hub_folder, "rev-parse", branch), quick.hub.writes
    first = say(quick.remote.hosted, number, "Why? [[scenario:no_changes]]")
    assert quick.flow(tend_pull_requests).is_completed()
    (said,) = answers(quick, first)
    assert ("Nothing is changed for this." in said, "> done" in said) == (True, True)
    review(quick.remote.hosted, number, "Rename it. [[scenario:fail]]")
    assert quick.flow(tend_pull_requests).is_completed()
    (comment,) = quick.remote.comments(number)
    assert "its session ended as agent_error" in plain(comment["body"])
    assert (git(quick.hub_folder, "rev-parse", branch), quick.hub.writes) == (before, pushes)


def test_killed_anywhere_it_goes_on(quick: Quick) -> None:
    """While its session works, and between push and answer: one session, one commit on top, one answer."""
    milestone, number, branch = opened(quick)
    before = git(quick.hub_folder, "rev-parse", branch)
    first = say(quick.remote.hosted, number, "Rename it. [[scenario:gate:open]]")
    command = quick.orchestrate(milestone)
    eventually(lambda: len(quick.site.calls) == 2, why=lambda: command.output)
    command.kill()
    quick.site.open_gate("open")
    command = quick.orchestrate(milestone)
    quick.hub.before(lambda: quick.github.front.before("GET", r"pulls/\d+/comments$", command.kill))
    assert command.wait() == -9, command.output
    assert answers(quick, first) == []
    head = git(quick.hub_folder, "rev-parse", branch)
    assert f"#{number}: 1 comment answered by run" in quick.flow(tend_pull_requests).message
    (said,) = answers(quick, first)
    assert (f"Commit {head}" in said, git(quick.hub_folder, "rev-parse", f"{head}^1")) == (True, before)
    assert (git(quick.hub_folder, "rev-parse", branch), len(quick.site.calls)) == (head, 2)
