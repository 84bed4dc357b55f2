"""What is damaged in a session's repository costs only what it is itself: all that is whole is collected."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.git import repositories
from tests.support.git.repositories import Bench, commit, git, make_bench

bench = repositories.bench
project = repositories.project
quiet_home = repositories.quiet_home

SIDE = "git checkout -qb side; save two; git checkout -q -; echo put-aside >README.md; git stash -q; save one;"


def _files(bench: Bench, *tips: str | None) -> set[str]:
    """Every file of every commit that was collected and is not in the base."""
    commits = git(bench.root, "rev-list", *filter(None, tips), "--not", "main").split()
    return {Path(file).name for each in commits for file in bench.files(each)}


@pytest.mark.parametrize(
    "damage",
    [
        "echo 1234567890123456789012345678901234567890 >.git/refs/heads/zz",
        ": >.git/refs/heads/zz",
        "mkdir -p .git/refs/tags; echo nonsense >.git/refs/tags/zz",
        ": >.git/HEAD",
        "rm .git/HEAD",
        "rm -rf .git/refs/tags .git/refs/remotes",
        "git init -q --separate-git-dir ../gd",
        "touch .git/refs/heads/side.lock .git/packed-refs.lock .git/refs/stash.lock",
        "mkdir -p .git/refs/miyabi; touch .git/refs/miyabi/strays.lock",
        "git branch -m tmp; git branch miyabi/r1/t1/x; git checkout -q tmp",
    ],
)
async def test_side_branches_and_stashes_survive(bench: Bench, damage: str) -> None:
    """A ref that leads nowhere, an emptied HEAD, a lock, a `.git` elsewhere: branch, side branch and stash come."""
    paths = await bench.prepare()
    bench.play(paths, f"{SIDE} {damage}")
    collected = await bench.collect(paths)
    assert {"one", "two"} <= _files(bench, collected.head, collected.strays)
    assert "one" in bench.files(collected.head)
    assert "put-aside" in git(bench.root, "log", "-p", "-m", str(collected.strays), "--not", "main")


async def test_a_missing_commit_costs_its_own_branch_only(bench: Bench) -> None:
    """Where one branch has lost a commit, another one beside the task's still comes."""
    paths = await bench.prepare()
    bench.play(
        paths,
        "git checkout -qb bad; save x; save y; gone=$(git rev-parse HEAD~1); git checkout -q miyabi/r1/t1;"
        "git checkout -qb side; save two; git checkout -q miyabi/r1/t1; save one;"
        'rm -f ".git/objects/$(echo $gone | cut -c1-2)/$(echo $gone | cut -c3-)"',
    )
    collected = await bench.collect(paths)
    assert {"one", "two"} <= _files(bench, collected.head, collected.strays)


async def test_a_missing_file_beside_the_branch_keeps_nothing_else_back(bench: Bench) -> None:
    """Where what is beside the branch cannot be sent, the branch comes, and that is told."""
    paths = await bench.prepare()
    bench.play(
        paths,
        "git checkout -qb side; save two; gone=$(git rev-parse HEAD:two); git checkout -q miyabi/r1/t1; save one;"
        'rm -f ".git/objects/$(echo $gone | cut -c1-2)/$(echo $gone | cut -c3-)"',
    )
    collected = await bench.collect(paths)
    assert "one" in bench.files(collected.head)
    assert collected.strays is None
    assert collected.left_there == ("what is beside its branch: objects of it are missing",)


@pytest.mark.parametrize(
    "script",
    [
        "git worktree add -q wt -b wip; cd wt; save two; echo open >open; : >../.git/worktrees/wt/HEAD",
        "git worktree add -q wt -b wip; cd wt; save two; echo open >open; touch ../.git/refs/heads/wip.lock",
        "mkdir in; cd in; git init -q; save two; echo open >open; : >.git/HEAD",
        "mkdir in; cd in; git init -q; save two; echo open >open; touch .git/index.lock .git/refs/heads/master.lock",
        "git clone -q . ../copy; cd ../copy; save two; echo open >open",
        "git worktree add -q ../mw -b mw; cd ../mw; save two; echo open >open; cd ..; mv mw mw2",
    ],
)
async def test_damage_elsewhere(bench: Bench, script: str) -> None:
    """The same for worktrees and repositories inside, and for clones beside the checkout."""
    paths = await bench.prepare()
    bench.play(paths, f"save one; {script}")
    collected = await bench.collect(paths)
    assert {"one", "two", "open"} <= _files(bench, collected.head, collected.strays)


async def test_files_beside_the_checkout_are_reported(bench: Bench) -> None:
    """What is in no repository is not brought; it is named, so that a sweep asks before it removes it."""
    paths = await bench.prepare()
    bench.play(paths, "save one; echo n >'../my notes.txt'; mkdir ../out; echo o >../out/o")
    assert (await bench.collect(paths)).left_there == ("../my notes.txt", "../out")


@pytest.mark.parametrize("how", [("--deepen", "1"), ("--unshallow",)])
async def test_a_clone_that_is_deeper_now(project: Path, tmp_path: Path, how: tuple[str, ...]) -> None:
    """A session finds the history that the user's clone has today, where the machine knew a shallower one."""
    for n in range(4):
        commit(project, {"n": str(n)}, message=f"n{n}")
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{project}", "shallow")
    first = await make_bench(tmp_path / "shallow", tmp_path / "machine")
    await first.prepare(run="r1")
    git(first.root, "fetch", "-q", *how)
    later = await make_bench(tmp_path / "shallow", tmp_path / "machine")
    there = later.checkout(await later.prepare(run="r2"))
    assert git(there, "log", "--format=%s") == git(first.root, "log", "--format=%s")
    assert git(there, "fsck") == ""
    assert (later.store / "shallow").exists() is ("--unshallow" not in how)
    commit(first.root, {"more": "m"}, message="more")
    again = await make_bench(tmp_path / "shallow", tmp_path / "machine")
    assert git(again.checkout(await again.prepare(run="r3")), "fsck") == ""
