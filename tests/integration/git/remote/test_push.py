"""Branches are pushed to GitHub: what differs, once, and never over what somebody else did."""

from __future__ import annotations

from pathlib import Path

import pytest

from miyabi.errors import GitFailed, PushRefused
from miyabi.git import Repository, merge
from tests.support.git import pushing, repositories
from tests.support.git.pushing import BRANCH, Desk
from tests.support.git.repositories import git, snapshot

project = repositories.project
quiet_home = repositories.quiet_home
desk = pushing.desk
OTHER = "miyabi/r1/t2"


async def test_a_branch_is_created_and_moved(desk: Desk) -> None:
    """A branch is made at its commit, and goes along with it."""
    for text in ("1", "2"):
        head = desk.work(text, start=BRANCH if text == "2" else "main")
        assert await desk.push({BRANCH: head}) == (BRANCH,)
        assert desk.there() == head


async def test_what_is_there_is_not_pushed(desk: Desk) -> None:
    """Where nothing differs nothing is written; else only what differs is named."""
    head, other = desk.work(), desk.work("2", branch=OTHER)
    await desk.push({BRANCH: head})
    writes = desk.hub.writes
    assert await desk.push({BRANCH: head}) == ()
    assert desk.hub.writes == writes
    assert await desk.push({BRANCH: head, OTHER: other}) == (OTHER,)
    assert await desk.push({}) == ()


async def test_nothing_of_the_user_is_touched(desk: Desk) -> None:
    """Checkout, index, settings, remote branches stay as they are, and no hook runs."""
    head = desk.work()
    for hook in ("pre-push", "reference-transaction"):
        script = desk.project / ".git" / "hooks" / hook
        script.write_text("#!/bin/sh\ntouch ran\nexit 1\n")
        script.chmod(0o755)
    before = snapshot(desk.project)
    await desk.push({BRANCH: head})
    assert snapshot(desk.project) == before
    assert not list(desk.project.rglob("ran"))


async def test_bare_repositories_and_linked_worktrees_push_too(desk: Desk, tmp_path: Path) -> None:
    """A push starts from whatever kind of repository the user has."""
    head = desk.work()
    git(desk.project, "worktree", "add", "-q", str(tmp_path / "linked"), "-b", "side")
    git(tmp_path, "clone", "-q", "--mirror", str(desk.project), "copy.git")
    assert await desk.push({BRANCH: head}, folder=tmp_path / "linked") == (BRANCH,)
    assert await desk.push({OTHER: head}, folder=tmp_path / "copy.git") == (OTHER,)


async def test_two_hundred_branches_go_in_one_push(desk: Desk) -> None:
    """A pull request for each task costs one push, however many they are."""
    branches = {f"miyabi/r1/t{n}": desk.work(str(n % 7), branch=f"miyabi/r1/t{n}") for n in range(200)}
    assert await desk.push(branches) == tuple(branches)
    assert desk.hub.writes == 1
    assert {name: desk.there(name) for name in branches} == branches


async def test_a_commit_that_is_not_here_is_named(desk: Desk) -> None:
    """A commit that was never collected is not looked for at GitHub."""
    with pytest.raises(GitFailed, match=rf"{BRANCH} cannot be pushed: .* has no commit {'ab' * 20}"):
        await desk.push({BRANCH: "ab" * 20})
    assert not desk.hub.requests


async def test_an_earlier_head_of_ours_is_overwritten(desk: Desk) -> None:
    """A task that was done again on a new base replaces what its branch held."""
    await desk.push({BRANCH: desk.work("1")})
    head = desk.work("2")
    assert await desk.push({BRANCH: head}) == (BRANCH,)
    assert desk.there() == head


async def test_strays_are_ours(desk: Desk) -> None:
    """A bare repository keeps no record of where its branches were; what they lost is on their strays."""
    old = desk.work("1")
    await desk.push({BRANCH: old})
    git(desk.project, "branch", f"{BRANCH}+strays", desk.work("3", start=old))
    git(desk.project, "branch", "-f", BRANCH, desk.work("2"))
    git(desk.project, "reflog", "delete", *(f"{BRANCH}@{{{n}}}" for n in reversed(range(4))))
    head = git(desk.project, "rev-parse", BRANCH)
    assert old not in git(desk.project, "reflog", BRANCH, "--format=%H")
    assert await desk.push({BRANCH: head}) == (BRANCH,)


async def test_what_water_spider_merged_is_ours_wherever_it_did(desk: Desk, tmp_path: Path) -> None:
    """The integration of another orchestrator, which is not here, is ours: its tip is Water Spider's own commit."""
    git(tmp_path, "clone", "-q", str(desk.bare), "elsewhere")
    there = await Repository.open(tmp_path / "elsewhere")
    tree = git(there.root, "rev-parse", "HEAD^{tree}")
    made = await merge.commit_tree(there.git, tree, parents=[desk.base], message="Integrate")
    git(there.root, "push", "-q", "origin", f"{made}:refs/heads/{BRANCH}")
    head = desk.work()
    assert await desk.push({BRANCH: head}) == (BRANCH,)


async def test_what_somebody_pushed_is_not_overwritten(desk: Desk) -> None:
    """A person's commit on a branch of ours stays, and is named; the other branches go through."""
    await desk.push({BRANCH: desk.work()})
    theirs = desk.somebody_pushes()
    head = desk.work("2")
    with pytest.raises(
        PushRefused, match=r"t1 \(somebody pushed to it: .{7} “Fix theirs” by Agent\)\. 1 other"
    ) as caught:
        await desk.push({BRANCH: head, OTHER: head})
    assert (caught.value.pushed, [*caught.value.refused]) == ((OTHER,), [BRANCH])
    assert (desk.there(), desk.there(OTHER)) == (theirs, head)
    assert "Keep what they did" in str(caught.value)
    assert not await (await Repository.open(desk.project)).contains([theirs])


async def test_what_was_fetched_is_still_somebodys(desk: Desk) -> None:
    """That the user has a person's commit, by git fetch, does not make it ours."""
    await desk.push({BRANCH: desk.work()})
    theirs = desk.somebody_pushes()
    git(desk.project, "fetch", "-q", str(desk.bare), f"{BRANCH}:refs/remotes/origin/{BRANCH}")
    with pytest.raises(PushRefused, match="somebody pushed to it"):
        await desk.push({BRANCH: desk.work("2")})
    assert desk.there() == theirs


async def test_what_was_taken_in_may_go_on(desk: Desk) -> None:
    """A person's commit that our branch holds too is not lost, so the branch moves."""
    await desk.push({BRANCH: desk.work()})
    theirs = desk.somebody_pushes()
    git(desk.project, "fetch", "-q", str(desk.bare), BRANCH)
    head = desk.work("2", start=theirs)
    assert await desk.push({BRANCH: head}) == (BRANCH,)


async def test_a_branch_in_the_way_is_named(desk: Desk) -> None:
    """A branch cannot be made below one of its name: it says which, once."""
    git(desk.bare, "branch", "miyabi/r1", "main")
    with pytest.raises(PushRefused, match=r"'refs/heads/miyabi/r1' exists; cannot create.*rename or delete it"):
        await desk.push({BRANCH: desk.work()})
    assert desk.hub.writes == 1


async def test_a_protected_branch_is_named(desk: Desk) -> None:
    """GitHub refuses one branch of a push: it says which, in GitHub's words, and what to do; the other is pushed."""
    desk.hub.protect(pushing.NAME, BRANCH)
    head = desk.work()
    with pytest.raises(PushRefused, match=r"GH006: Protected branch update failed.*ruleset") as caught:
        await desk.push({BRANCH: head, OTHER: head})
    assert caught.value.refused == {BRANCH: "protected branch hook declined"}
    assert caught.value.pushed == (OTHER,)
    assert (desk.there(), desk.there(OTHER)) == ("", head)
