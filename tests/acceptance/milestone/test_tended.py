"""What becomes of a milestone's pull request after its run: tended by a flow of its own, and by the next run."""

from __future__ import annotations

from typing import Any

from flows.open_pull_request import open_pull_request
from flows.tend_pull_requests import tend_pull_requests
from miyabi.tending import tending_lock
from tests.support.cli.local_site import LocalSite
from tests.support.cli.milestone_site import MilestoneSite, emulate, github, plain, quick  # noqa: F401 - fixtures
from tests.support.git.repositories import git
from tests.support.github.request import Job
from tests.support.prefect.server import prefect_database, prefect_server  # noqa: F401 - fixtures
from tests.support.values.finished_runs import commit_on

Quick = MilestoneSite[LocalSite]
CANARY = "ghp_" + "a1B2" * 9


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


def red(quick: Quick, scenario: str) -> tuple[int, str]:
    """The number and branch of a pull request with a red job at its head, and what a session does then."""
    _, pull = opened(quick)
    quick.remote.ask("PATCH", f"pulls/{pull['number']}", {"title": f"Some [[scenario:{scenario}]]"})
    fail(quick, pull["head"]["ref"])
    return pull["number"], pull["head"]["ref"]


def fail(quick: Quick, branch: str) -> None:
    """CI finds a branch's head wanting; a job that is not required is red besides, and one of ours is."""
    head, jobs = git(quick.hub_folder, "rev-parse", branch), quick.remote.hosted.jobs
    log = f"2026-12-01T05:00:00.0000000Z expected 7\n2026-12-01T05:00:01.0000000Z token {CANARY}\n"
    jobs[len(jobs) + 1] = Job(name="test", sha=head, conclusion="failure", steps={"Unit tests": "failure"}, log=log)
    jobs[len(jobs) + 1] = Job(name="spelling", sha=head, conclusion="failure", log="misspelt")
    quick.remote.hosted.required = {"test"}


def test_red_checks_are_mended_by_a_session(quick: Quick) -> None:
    """It is told what failed, and what it commits is pushed on top, once; then there is nothing to do."""
    number, branch = red(quick, "write")
    ours = git(quick.hub_folder, "rev-parse", branch)
    tended = quick.flow(tend_pull_requests)
    assert f"#{number}: test: mended by run tend-{number}-{ours[:10]}" in tended.message
    prompt = quick.site.calls[-1]["prompt"]
    assert "Failed steps: Unit tests\n\n> expected 7\n> token [redacted]" in prompt
    assert ("misspelt" in prompt, CANARY in prompt) == (False, False)
    head = git(quick.hub_folder, "rev-parse", branch)
    assert git(quick.hub_folder, "rev-parse", f"{head}^1") == ours
    assert "fix.txt" in quick.files(branch)
    writes = quick.hub.writes
    assert f"#{number}: nothing to do" in quick.flow(tend_pull_requests).message
    assert (quick.hub.writes, len(quick.site.calls)) == (writes, 2)


def test_checks_that_stay_red_are_said_once(quick: Quick) -> None:
    """Three sessions at most, each on the head of the last; then a label and one comment, and no session more."""
    number, branch = red(quick, "write")
    for turn in range(3):
        quick.remote.ask("PATCH", f"pulls/{number}", {"title": f"Some [[scenario:shared:{turn}]]"})
        quick.flow(tend_pull_requests)
        fail(quick, branch)
    head = git(quick.hub_folder, "rev-parse", branch)
    for _ in range(2):
        assert f"#{number}: stuck: test: red. 3 sessions" in quick.flow(tend_pull_requests).message
    (comment,) = quick.remote.comments(number)
    assert "3 sessions have not mended that" in plain(comment["body"])
    assert "miyabi:stuck" in quick.remote.labels(number)
    assert (git(quick.hub_folder, "rev-parse", branch), len(quick.site.calls)) == (head, 4)
