"""Branches are pushed to GitHub: what differs, once, and never over what somebody else did."""

from __future__ import annotations

from pathlib import Path

import pytest

from miyabi.errors import GitFailed, PushRefused
from miyabi.git import Repository, merge
from tests.support.git import pushing, repositories
from tests.support.git.pushing import BRANCH, PushingRepository
from tests.support.git.repositories import git, snapshot

project = repositories.project
quiet_home = repositories.quiet_home
pushing_repository = pushing.pushing_repository
OTHER = "miyabi/r1/t2"


async def test_a_branch_is_created_and_moved(pushing_repository: PushingRepository) -> None:
    """A branch is made at its commit, and goes along with it."""
    for text in ("1", "2"):
        head = pushing_repository.work(text, start=BRANCH if text == "2" else "main")
        assert await pushing_repository.push({BRANCH: head}) == (BRANCH,)
        assert pushing_repository.there() == head


async def test_what_is_there_is_not_pushed(pushing_repository: PushingRepository) -> None:
    """Where nothing differs nothing is written; else only what differs is named."""
    head, other = pushing_repository.work(), pushing_repository.work("2", branch=OTHER)
    await pushing_repository.push({BRANCH: head})
    writes = pushing_repository.hub.writes
    assert await pushing_repository.push({BRANCH: head}) == ()
    assert pushing_repository.hub.writes == writes
    assert await pushing_repository.push({BRANCH: head, OTHER: other}) == (OTHER,)
    assert await pushing_repository.push({}) == ()


async def test_nothing_of_the_user_is_touched(pushing_repository: PushingRepository) -> None:
    """Checkout, index, settings, remote branches stay as they are, and no hook runs."""
    head = pushing_repository.work()
    for hook in ("pre-push", "reference-transaction"):
        script = pushing_repository.project / ".git" / "hooks" / hook
        script.write_text("#!/bin/sh\ntouch ran\nexit 1\n")
        script.chmod(0o755)
    before = snapshot(pushing_repository.project)
    await pushing_repository.push({BRANCH: head})
    assert snapshot(pushing_repository.project) == before
    assert not list(pushing_repository.project.rglob("ran"))


async def test_bare_repositories_and_linked_worktrees_push_too(
    pushing_repository: PushingRepository, tmp_path: Path
) -> None:
    """A push starts from whatever kind of repository the user has."""
    head = pushing_repository.work()
    git(pushing_repository.project, "worktree", "add", "-q", str(tmp_path / "linked"), "-b", "side")
    git(tmp_path, "clone", "-q", "--mirror", str(pushing_repository.project), "copy.git")
    assert await pushing_repository.push({BRANCH: head}, folder=tmp_path / "linked") == (BRANCH,)
    assert await pushing_repository.push({OTHER: head}, folder=tmp_path / "copy.git") == (OTHER,)


async def test_two_hundred_branches_go_in_one_push(pushing_repository: PushingRepository) -> None:
    """A pull request for each task costs one push, however many they are."""
    branches = {f"miyabi/r1/t{n}": pushing_repository.work(str(n % 7), branch=f"miyabi/r1/t{n}") for n in range(200)}
    assert await pushing_repository.push(branches) == tuple(branches)
    assert pushing_repository.hub.writes == 1
    assert {name: pushing_repository.there(name) for name in branches} == branches


async def test_a_commit_that_is_not_here_is_named(pushing_repository: PushingRepository) -> None:
    """A commit that was never collected is not looked for at GitHub."""
    with pytest.raises(GitFailed, match=rf"{BRANCH} cannot be pushed: .* has no commit {'ab' * 20}"):
        await pushing_repository.push({BRANCH: "ab" * 20})
    assert not pushing_repository.hub.requests


async def test_an_earlier_head_of_ours_is_overwritten(pushing_repository: PushingRepository) -> None:
    """A task that was done again on a new base replaces what its branch held."""
    await pushing_repository.push({BRANCH: pushing_repository.work("1")})
    head = pushing_repository.work("2")
    assert await pushing_repository.push({BRANCH: head}) == (BRANCH,)
    assert pushing_repository.there() == head


async def test_strays_are_ours(pushing_repository: PushingRepository) -> None:
    """A bare repository keeps no record of where its branches were; what they lost is on their strays."""
    old = pushing_repository.work("1")
    await pushing_repository.push({BRANCH: old})
    git(pushing_repository.project, "branch", f"{BRANCH}+strays", pushing_repository.work("3", start=old))
    git(pushing_repository.project, "branch", "-f", BRANCH, pushing_repository.work("2"))
    git(pushing_repository.project, "reflog", "delete", *(f"{BRANCH}@{{{n}}}" for n in reversed(range(4))))
    head = git(pushing_repository.project, "rev-parse", BRANCH)
    assert old not in git(pushing_repository.project, "reflog", BRANCH, "--format=%H")
    assert await pushing_repository.push({BRANCH: head}) == (BRANCH,)


async def test_what_water_spider_merged_is_ours_wherever_it_did(
    pushing_repository: PushingRepository, tmp_path: Path
) -> None:
    """The integration of another orchestrator, which is not here, is ours: its tip is Water Spider's own commit."""
    git(tmp_path, "clone", "-q", str(pushing_repository.bare), "elsewhere")
    there = await Repository.open(tmp_path / "elsewhere")
    tree = git(there.root, "rev-parse", "HEAD^{tree}")
    made = await merge.commit_tree(there.git, tree, parents=[pushing_repository.base], message="Integrate")
    git(there.root, "push", "-q", "origin", f"{made}:refs/heads/{BRANCH}")
    head = pushing_repository.work()
    assert await pushing_repository.push({BRANCH: head}) == (BRANCH,)


async def test_what_somebody_pushed_is_not_overwritten(pushing_repository: PushingRepository) -> None:
    """A person's commit on a branch of ours stays, and is named; the other branches go through."""
    await pushing_repository.push({BRANCH: pushing_repository.work()})
    theirs = pushing_repository.somebody_pushes()
    head = pushing_repository.work("2")
    with pytest.raises(
        PushRefused, match=r"t1 \(somebody pushed to it: .{7} “Fix theirs” by Agent\)\. 1 other"
    ) as caught:
        await pushing_repository.push({BRANCH: head, OTHER: head})
    assert (caught.value.pushed, [*caught.value.refused]) == ((OTHER,), [BRANCH])
    assert (pushing_repository.there(), pushing_repository.there(OTHER)) == (theirs, head)
    assert "Keep what they did" in str(caught.value)
    assert not await (await Repository.open(pushing_repository.project)).contains([theirs])


async def test_what_was_fetched_is_still_somebodys(pushing_repository: PushingRepository) -> None:
    """That the user has a person's commit, by git fetch, does not make it ours."""
    await pushing_repository.push({BRANCH: pushing_repository.work()})
    theirs = pushing_repository.somebody_pushes()
    git(
        pushing_repository.project,
        "fetch",
        "-q",
        str(pushing_repository.bare),
        f"{BRANCH}:refs/remotes/origin/{BRANCH}",
    )
    with pytest.raises(PushRefused, match="somebody pushed to it"):
        await pushing_repository.push({BRANCH: pushing_repository.work("2")})
    assert pushing_repository.there() == theirs


async def test_what_was_taken_in_may_go_on(pushing_repository: PushingRepository) -> None:
    """A person's commit that our branch holds too is not lost, so the branch moves."""
    await pushing_repository.push({BRANCH: pushing_repository.work()})
    theirs = pushing_repository.somebody_pushes()
    git(pushing_repository.project, "fetch", "-q", str(pushing_repository.bare), BRANCH)
    head = pushing_repository.work("2", start=theirs)
    assert await pushing_repository.push({BRANCH: head}) == (BRANCH,)


async def test_a_branch_in_the_way_is_named(pushing_repository: PushingRepository) -> None:
    """A branch cannot be made below one of its name: it says which, once."""
    git(pushing_repository.bare, "branch", "miyabi/r1", "main")
    with pytest.raises(PushRefused, match=r"'refs/heads/miyabi/r1' exists; cannot create.*rename or delete it"):
        await pushing_repository.push({BRANCH: pushing_repository.work()})
    assert pushing_repository.hub.writes == 1


async def test_a_protected_branch_is_named(pushing_repository: PushingRepository) -> None:
    """GitHub refuses one branch of a push: it says which, in GitHub's words, and what to do; the other is pushed."""
    pushing_repository.hub.protect(pushing.NAME, BRANCH)
    head = pushing_repository.work()
    with pytest.raises(PushRefused, match=r"GH006: Protected branch update failed.*ruleset") as caught:
        await pushing_repository.push({BRANCH: head, OTHER: head})
    assert caught.value.refused == {BRANCH: "protected branch hook declined"}
    assert caught.value.pushed == (OTHER,)
    assert (pushing_repository.there(), pushing_repository.there(OTHER)) == ("", head)
