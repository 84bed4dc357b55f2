"""Commits that a session made and its branch does not hold are collected too."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.support.git import repositories
from tests.support.git.repositories import Bench, commit, git, make_bench

bench = repositories.bench
project = repositories.project
quiet_home = repositories.quiet_home


def _strays(bench: Bench, task: str = "t1") -> set[str]:
    """The subjects of every commit that only the strays hold, ours apart."""
    words = ("log", "--format=%an|%s", f"miyabi/r1/{task}+strays", "--not", f"miyabi/r1/{task}", "main")
    rows = [row.split("|", 1) for row in git(bench.root, *words).splitlines()]
    return {subject for author, subject in rows if author != "Water Spider"}


@pytest.mark.parametrize(
    ("script", "lost"),
    [
        ("save one; git commit -q --amend -m better", {"one"}),
        ("save one; save two; git reset -q --hard HEAD~1", {"two"}),
        ("save one; save two; git reset -q --soft HEAD~2; git commit -qm both", {"one", "two"}),
        ("save one; git checkout -qb side; save two; git checkout -q miyabi/r1/t1", {"two"}),
        ("save one; git checkout -q --detach; save two; git checkout -q miyabi/r1/t1; save three", {"two"}),
        ("save one; git checkout -qb side; save two; git checkout -q miyabi/r1/t1; git branch -qD side", {"two"}),
        (
            "git branch side; save one; git worktree add -q ../else side; cd ../else; save two; cd -; rm -rf ../else",
            {"two"},
        ),
        (
            "save one; save two; git reset -q --hard HEAD~2; save three; git cherry-pick HEAD@{2} >/dev/null",
            {"one", "two"},
        ),
    ],
)
async def test_every_commit_is_collected(bench: Bench, script: str, lost: set[str]) -> None:
    """Amended, reset, rebased, on a branch of its own, or on one that was deleted: no commit is lost."""
    paths = await bench.prepare()
    bench.play(paths, script)
    collected = await bench.collect(paths)
    assert collected.strays == "miyabi/r1/t1+strays"
    assert _strays(bench) == lost


async def test_strays_are_one_commit_with_all_as_parents(bench: Bench) -> None:
    """However many there are, one branch holds them, and says what they are."""
    paths = await bench.prepare()
    bench.play(paths, "; ".join(["save one", *(f"git commit -q --amend -m v{n}" for n in range(5))]))
    collected = await bench.collect(paths)
    assert len(git(bench.root, "log", "-1", "--format=%P", str(collected.strays)).split()) == 5
    assert "v3" in git(bench.root, "log", "-1", "--format=%B", str(collected.strays))


async def test_strays_of_a_second_attempt_join_the_first(bench: Bench) -> None:
    """What an attempt adds to the strays goes on top of what is there, on both sides alike."""
    paths = await bench.prepare()
    bench.play(paths, "save one; git commit -q --amend -m a")
    first = git(bench.root, "rev-parse", str((await bench.collect(paths)).strays))
    paths = await bench.prepare(attempt=2)
    bench.play(paths, "save two; git commit -q --amend -m b")
    second = git(bench.root, "rev-parse", str((await bench.collect(paths)).strays))
    assert second == git(bench.checkout(paths), "rev-parse", "refs/miyabi/strays")
    assert first in git(bench.root, "log", "-1", "--format=%P", second).split()
    assert _strays(bench) == {"one", "two"}


async def test_a_straight_session_has_no_strays(bench: Bench) -> None:
    """Commits, branches that were merged and what was salvaged are on the branch; nothing else is made."""
    paths = await bench.prepare()
    bench.play(
        paths,
        "save one; git checkout -qb side; save two; git checkout -q -; git merge -q --no-ff -m m side; echo x >x",
    )
    collected = await bench.collect(paths)
    assert (collected.salvaged, collected.strays) == (True, None)
    assert set(await bench.repository.branches("miyabi")) == {"miyabi/r1/t1"}


async def test_looking_around_makes_no_strays(bench: Bench) -> None:
    """Visiting older commits of the user's, its tags or its remote branch, is not work."""
    for n in range(3):
        commit(bench.root, {"n": str(n)}, message=f"n{n}")
    git(bench.root, "tag", "-am", "v1", "v1", "HEAD~1")
    paths = await bench.prepare(base="main~1")
    bench.play(
        paths,
        "git checkout -q HEAD~2; git checkout -q v1; git checkout -q origin/main; git checkout -q main;"
        "git checkout -q miyabi/r1/t1; save one",
    )
    assert (await bench.collect(paths)).strays is None


async def test_stashes_are_collected_with_their_task(bench: Bench) -> None:
    """Each task has its own stashes: what one has put aside, no other can pop."""
    one, two = await asyncio.gather(bench.prepare("t1"), bench.prepare("t2"))
    bench.play(one, "echo mine >mine; git add mine; git stash -q; echo more >more; git stash push -qu -m 'for later'")
    bench.play(two, "echo theirs >README.md; git stash -q")
    first, second = await bench.collect(one), await bench.collect(two)
    assert first.strays
    assert second.strays
    assert {s.split(":")[0] for s in _strays(bench)} >= {"WIP on miyabi/r1/t1", "On miyabi/r1/t1"}
    assert not any("t2" in subject for subject in _strays(bench))
    assert bench.show(f"{second.strays}:README.md") == "theirs"


async def test_a_worktree_that_the_agent_made_below(bench: Bench) -> None:
    """Work of a sub-agent in a worktree inside ours, committed or not, is kept apart from the branch and not lost."""
    paths = await bench.prepare()
    bench.play(
        paths,
        "git worktree add -q .claude/worktrees/s -b s; cd .claude/worktrees/s; save two; echo open >open; cd -;"
        "save one",
    )
    collected = await bench.collect(paths)
    assert bench.files(collected.head) == ["README.md", "one", "src/a.txt"]
    assert collected.strays
    assert {"two", "open"} <= set(bench.files(collected.strays))


async def test_a_worktree_elsewhere_below_is_no_link(bench: Bench) -> None:
    """The same where the repository does not ignore its place: no broken link gets into the branch."""
    paths = await bench.prepare()
    bench.play(paths, "git worktree add -q wt/sub -b sub; cd wt/sub; save two; cd -; echo open >open")
    collected = await bench.collect(paths)
    assert bench.files(collected.head) == ["README.md", "open", "src/a.txt"]
    assert _strays(bench) == {"two"}


async def test_a_repository_inside_is_files_and_history(bench: Bench) -> None:
    """Where an agent ran `git init` in a folder, its files are in the branch and its commits among the strays."""
    paths = await bench.prepare()
    bench.play(
        paths,
        "mkdir -p app/deep app/bare; cd app/deep; git init -q; save two; echo open >open;"
        "cd ../bare; git init -q; echo x >x",
    )
    collected = await bench.collect(paths)
    assert bench.files(collected.head) == ["README.md", "app/bare/x", "app/deep/open", "app/deep/two", "src/a.txt"]
    assert "two" in _strays(bench)
    assert (bench.checkout(paths) / "app/deep/.git").is_dir()


async def test_a_repository_that_was_committed_as_a_link(bench: Bench) -> None:
    """Where the agent itself committed a repository inside as a mere link, what is in it is collected as a stray."""
    paths = await bench.prepare()
    bench.play(
        paths,
        "mkdir app; cd app; git init -q; save two; cd ..; git add app 2>&1; git commit -qm link; echo open >app/open",
    )
    collected = await bench.collect(paths)
    assert collected.strays
    assert {"two", "open"} <= set(bench.files(collected.strays))


async def test_a_new_beginning_is_not_lost(bench: Bench) -> None:
    """Where an agent removed `.git` and began anew, its files are on the branch and its new history is not lost."""
    paths = await bench.prepare()
    bench.play(paths, "save one; rm -rf .git; git init -q; save two; echo open >open")
    collected = await bench.collect(paths)
    assert bench.files(collected.head) == ["README.md", "one", "open", "src/a.txt", "two"]
    assert _strays(bench) == {"two"}


async def test_another_attempt_elsewhere_replaces_nothing(bench: Bench, tmp_path: Path) -> None:
    """Where a task is done again from its base, on another machine, what it had before stays among its strays."""
    paths = await bench.prepare()
    bench.play(paths, "save one; save two; git commit -q --amend -m two-again")
    await bench.collect(paths)
    other = await make_bench(bench.root, tmp_path / "other")
    again = await other.prepare(attempt=2)
    other.play(again, "save three")
    collected = await other.collect(again)
    assert git(bench.root, "log", "--format=%s", "main..miyabi/r1/t1") == "three"
    assert collected.strays == "miyabi/r1/t1+strays"
    assert _strays(bench) == {"one", "two", "two-again"}
    assert await other.collect(again) == collected
