"""What becomes of a milestone's pull request after its run: tended by a flow of its own, and by the next run."""

from __future__ import annotations

from typing import Any

from flows.open_pull_request import open_pull_request
from flows.tend_pull_requests import tend_pull_requests
from miyabi.tending import tending_lock
from tests.support.cli.local_site import LocalSite
from tests.support.cli.milestone_site import MilestoneSite, emulate, github, quick  # noqa: F401 - fixtures
from tests.support.git.repositories import git
from tests.support.prefect.server import prefect_database, prefect_server  # noqa: F401 - fixtures
from tests.support.values.finished_runs import commit_on

Quick = MilestoneSite[LocalSite]


def opened(quick: Quick) -> tuple[int, dict[str, Any]]:
    """A milestone whose run has opened a pull request, and that one."""
    milestone = quick.remote.milestone("v1")
    quick.issue("Some", milestone)
    assert quick.press(milestone).status == 0
    (pull,) = quick.remote.pulls()
    return milestone, pull


def test_its_base_is_merged_into_it(quick: Quick) -> None:
    """Once, by the flow; neither that nor the pull request's own flow takes it back or writes anything again."""
    _, pull = opened(quick)
    (run,) = quick.runs()
    main = git(quick.hub_folder, "rev-parse", "main")
    commit_on(quick.hub_folder, "main", {"later.txt": "new\n"}, parent=main, message="Add later.txt\n")
    quick.remote.hosted.pulls[pull["number"]].mergeable_state = "behind"
    tended = quick.flow(tend_pull_requests)
    assert f"#{pull['number']}: main is merged into it" in tended.message
    assert "later.txt" in quick.files(f"miyabi/{run}")
    head, writes = git(quick.hub_folder, "rev-parse", f"miyabi/{run}"), quick.hub.writes
    assert quick.flow(tend_pull_requests).is_completed()
    assert quick.flow(open_pull_request, run=run).is_completed()
    assert (git(quick.hub_folder, "rev-parse", f"miyabi/{run}"), quick.hub.writes) == (head, writes)


def test_the_next_run_tends_it_too(quick: Quick) -> None:
    """A person's push is noticed by the milestone's next run, which says it in the pull request once."""
    milestone, pull = opened(quick)
    (run,) = quick.runs()
    head = git(quick.hub_folder, "rev-parse", f"miyabi/{run}")
    theirs = commit_on(quick.hub_folder, "aside", {"theirs.txt": "new\n"}, parent=head, message="Mine\n")
    quick.hub.push(quick.hub_folder, quick.remote.name, f"{theirs}:refs/heads/miyabi/{run}")
    for _ in range(2):
        assert quick.press(milestone).status == 0
    (comment,) = quick.remote.comments(pull["number"])
    assert "Water Spider leaves this pull request alone" in comment["body"]
    assert git(quick.hub_folder, "rev-parse", f"miyabi/{run}") == theirs


def test_two_do_not_tend_at_once(quick: Quick) -> None:
    """While somebody tends them the flow does nothing, and ends as Skipped."""
    with tending_lock(quick.site.repository):
        state = quick.flow(tend_pull_requests)
    assert (state.name, "nothing is done twice" in state.message) == ("Skipped", True)
    assert quick.flow(tend_pull_requests).message == "No pull request of a run here is open."
