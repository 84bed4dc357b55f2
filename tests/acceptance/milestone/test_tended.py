"""What becomes of a milestone's pull request after its run: tended by a flow of its own, and by the next run."""

from __future__ import annotations

from typing import Any

from flows.open_pull_request import open_pull_request
from flows.tend_pull_requests import tend_pull_requests
from miyabi.tending import tending_lock
from tests.support.cli.local_site import LocalSite
from tests.support.cli.milestone_site import MilestoneSite, emulate, github, plain, quick  # noqa: F401 - fixtures
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


def conflicting(quick: Quick, scenario: str) -> tuple[int, str]:
    """The number and branch of a pull request whose base has changed the same file, and what a session does then."""
    milestone = quick.remote.milestone("v1")
    quick.issue("Some", milestone, scenario="shared:ours")
    assert quick.press(milestone).status == 0
    (pull,) = quick.remote.pulls()
    quick.remote.ask("PATCH", f"pulls/{pull['number']}", {"title": f"Some [[scenario:{scenario}]]"})
    move_base(quick)
    quick.remote.hosted.pulls[pull["number"]].mergeable_state = "dirty"
    return pull["number"], pull["head"]["ref"]


def move_base(quick: Quick, text: str = "theirs") -> str:
    """Somebody's commit on main, of the file that the pull request has too."""
    main = git(quick.hub_folder, "rev-parse", "main")
    return commit_on(quick.hub_folder, "main", {"shared.txt": f"{text}\n"}, parent=main, message="Share\n")


def test_a_conflict_is_resolved_by_a_session(quick: Quick) -> None:
    """In a slot as any other, once: one merge commit with the session's tree, which names its run."""
    number, branch = conflicting(quick, "shared:both")
    ours = git(quick.hub_folder, "rev-parse", branch)
    theirs = git(quick.hub_folder, "rev-parse", "main")
    tended = quick.flow(tend_pull_requests)
    assert f"#{number}: main is merged into it" in tended.message
    head = git(quick.hub_folder, "rev-parse", branch)
    assert git(quick.hub_folder, "show", "--no-patch", "--format=%P", head) == f"{ours} {theirs}"
    assert git(quick.hub_folder, "show", f"{head}:shared.txt") == "both"
    (run,) = [run for run in quick.runs() if run.startswith(f"tend-{number}-")]
    assert f"Miyabi-Run: {run}" in git(quick.hub_folder, "show", "--no-patch", "--format=%B", head)
    assert "does not merge with what was merged before it" in quick.site.calls[-1]["prompt"]
    assert quick.flow(tend_pull_requests).is_completed()
    assert (git(quick.hub_folder, "rev-parse", branch), len(quick.site.calls)) == (head, 2)


def test_a_conflict_that_stays_is_said_once(quick: Quick) -> None:
    """Three bases, a session each, none resolves it: a label and one comment, no fourth; it goes once all is well."""
    number, branch = conflicting(quick, "no_changes")
    before = git(quick.hub_folder, "rev-parse", branch)
    for text in ("one", "two", "three", "four"):
        move_base(quick, text)
        assert f"#{number}: stuck: it conflicts with main" in quick.flow(tend_pull_requests).message
    (comment,) = quick.remote.comments(number)
    assert "3 sessions have not resolved that" in plain(comment["body"])
    assert (git(quick.hub_folder, "rev-parse", branch), len(quick.site.calls)) == (before, 4)
    assert "miyabi:stuck" in quick.remote.labels(number)
    quick.github.front.forget()
    quick.flow(tend_pull_requests)
    assert quick.github.front.writes == ()
    quick.remote.hosted.pulls[number].mergeable_state = "clean"
    quick.flow(tend_pull_requests)
    assert "miyabi:stuck" not in quick.remote.labels(number)
