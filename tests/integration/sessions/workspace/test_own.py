"""Each task's repository is its own: what git keeps in one reaches no other, and each finds what a clone has."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

from miyabi.git import clone_of
from miyabi.sessions import SessionPaths
from tests.support.git import repositories
from tests.support.git.repositories import Bench, commit, git, make_bench

bench = repositories.bench
project = repositories.project
quiet_home = repositories.quiet_home


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("echo mine >>README.md; git stash -q", "git stash list; ! git stash pop 2>/dev/null"),
        ("git config extensions.worktreeConfig true; git config --worktree core.bare true", "git status"),
        ("git config core.bare true", "git status"),
        ("git config core.hooksPath .hooks; git config user.name Mallory", "! git config core.hooksPath"),
        ("git config alias.status '!false'; git config filter.x.required true", "! git config filter.x.required"),
        ("mkdir -p .git/hooks; echo 'exit 1' >.git/hooks/pre-commit; chmod +x .git/hooks/*", "true"),
        ("git checkout -qb same; save one", "git checkout -qb same; ! test -e one"),
        ("git checkout -qB main; save one", "git checkout -qB main; ! test -e one"),
        ("git tag mine; git notes add -m n; git update-ref refs/mine HEAD", "! git rev-parse -q --verify mine"),
        ("echo '*.txt' >>.git/info/exclude; echo '*.txt binary' >.git/info/attributes", "echo x >y.txt; git add y.txt"),
        ("git remote add there https://x.example/r.git; git remote remove origin", "! git remote | grep there"),
        ("git worktree add -q ../side -b side", "! git worktree list | grep side; git worktree add -q ../side -b side"),
        ("git gc -q --prune=now; git reflog expire --expire=now --all", "git reflog | grep -q base"),
        ("git update-ref -d refs/heads/main", "git log -1 main"),
    ],
)
async def test_what_one_does_with_git_reaches_no_other(bench: Bench, one: str, two: str) -> None:
    """Stashes, settings, hooks, branches, tags, patterns, remotes, worktrees: another task has none of it."""
    first, second = await bench.prepare("t1"), await bench.prepare("t2")
    bench.play(first, one)
    bench.play(second, f"{two}; save two")
    later = await bench.prepare("t3")
    bench.play(later, f"{two}; save three")
    assert "two" in bench.files((await bench.collect(second)).head)
    assert "three" in bench.files((await bench.collect(later)).head)


async def test_it_finds_what_a_clone_has(bench: Bench) -> None:
    """The base branch under its name and as the remote's, its tags, its history, and a current branch of its own."""
    root = bench.root
    git(root, "tag", "light")
    git(root, "tag", "-am", "one", "v1.0")
    commit(root, {"n": "1"}, message="after")
    git(root, "checkout", "-qb", "release")
    commit(root, {"n": "2"})
    git(root, "tag", "-am", "two", "v2.0")
    git(root, "checkout", "-q", "main")
    there = bench.checkout(await bench.prepare())
    assert git(there, "describe") == git(root, "describe")
    assert git(there, "describe").startswith("v1.0-1-g")
    assert git(there, "tag").split() == ["light", "v1.0"]
    assert git(there, "log", "--format=%H %s", "main") == git(root, "log", "--format=%H %s", "main")
    assert git(there, "rev-parse", "origin/main", "main") == git(root, "rev-parse", "main", "main")
    assert git(there, "rev-parse", "--abbrev-ref", "main@{upstream}") == "origin/main"
    assert git(there, "cat-file", "-p", "v1.0") == git(root, "cat-file", "-p", "v1.0")
    assert git(there, "fsck", "--connectivity-only") == ""
    assert git(there, "rev-parse", "--git-common-dir") == ".git"
    assert (there / ".git").is_dir()


async def test_tags_that_come_later_are_there_in_the_next_run(bench: Bench) -> None:
    """A tag made between two runs is in the second one's checkouts, where no commit is new."""
    await bench.prepare()
    git(bench.root, "tag", "-am", "v", "v1")
    there = bench.checkout(await bench.prepare(run="r2"))
    assert git(there, "describe") == "v1"


def _git(folder: Path, words: str) -> tuple[int, str]:
    done = subprocess.run(["git", *words.split()], cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


@pytest.mark.parametrize("words", ["push", "push origin HEAD", "push -u origin main", "fetch", "pull", "ls-remote"])
@pytest.mark.parametrize(
    "url",
    [
        "https://user:s3cret@example.invalid/o/r.git?token=s3cret",
        "git@example.invalid:o/r",
        "ssh://git:s3cret@example.invalid/o/r.git",
        "",
    ],
)
async def test_git_says_who_fetches_and_pushes(bench: Bench, words: str, url: str) -> None:
    """Whatever would go to the remote is refused at once, with a sentence; no login is anywhere."""
    if url:
        git(bench.root, "remote", "add", "origin", url)
    there = bench.checkout(await bench.prepare())
    status, complaint = _git(there, words)
    assert status
    assert complaint.startswith("miyabi: nothing is fetched or pushed from here: Water Spider does that")
    assert "s3cret" not in git(there, "config", "--list")


async def test_a_run_from_a_mere_commit(bench: Bench) -> None:
    """Where no branch is known there is only the task's own, and git works."""
    base = await bench.repository.resolve("main")
    clone = await clone_of(bench.repository, branch=None, commit=base)
    paths = await bench.prepare()
    await bench.workspace.remove(paths)
    await bench.workspace.prepare(paths, base=base, clone=clone)
    assert git(bench.checkout(paths), "branch", "-a") == "* miyabi/r1/t1"


@pytest.mark.parametrize("is_first", [True, False])
async def test_a_branch_of_an_earlier_run(bench: Bench, *, is_first: bool) -> None:
    """A checkout can have one more of the remote's, to look at: what it holds is no work of the session."""
    earlier = "miyabi/r0/t1"
    git(bench.root, "checkout", "-qb", earlier)
    head = commit(bench.root, {"old": "old"})
    git(bench.root, "checkout", "-q", "main")
    if not is_first:
        await bench.prepare("t2")
    base, paths = await bench.repository.resolve("main"), SessionPaths(run="r1", task="t1")
    clone = await clone_of(bench.repository, branch="main", commit=base, also={earlier: head})
    await bench.workspace.prepare(paths, base=base, clone=clone)
    bench.play(paths, f"git show origin/{earlier}:old >taken; git add taken; git commit -qm taken; git fsck")
    collected = await bench.collect(paths)
    assert (bench.show(f"{collected.head}:taken"), collected.strays) == ("old", None)
    assert git(bench.checkout(await bench.prepare("t3")), "for-each-ref", "refs/remotes").split()[2:] == [
        "refs/remotes/origin/main"
    ]


@pytest.mark.parametrize("name", ["feature/x", 'odd"name', "日本", "-dash", "a.b"])
async def test_any_name_of_a_base_branch(bench: Bench, name: str) -> None:
    """The branch that a run starts from may have any name that git allows."""
    git(bench.root, "update-ref", f"refs/heads/{name}", "main")
    git(bench.root, "symbolic-ref", "HEAD", f"refs/heads/{name}")
    there = bench.checkout(await bench.prepare())
    assert git(there, "rev-parse", f"refs/heads/{name}") == git(bench.root, "rev-parse", "main")
    assert git(there, "config", f"branch.{name}.merge") == f"refs/heads/{name}"


@pytest.mark.parametrize(
    "words",
    [
        "gc -q --prune=now --aggressive",
        "prune --expire=now",
        "repack -a -d -q",
        "repack -A -d --unpack-unreachable=now",
    ],
)
async def test_no_housekeeping_takes_from_a_live_task(bench: Bench, words: str) -> None:
    """Whoever tidies up the store by git's own commands, the checkouts that borrow from it stay whole."""
    git(bench.root, "tag", "-am", "v", "v1")
    commit(bench.root, {"later": "x" * 1000})
    paths = await bench.prepare()
    for ref in git(bench.store, "for-each-ref", "--format=%(refname)").split():
        git(bench.store, "update-ref", "-d", ref)
    git(bench.store, *words.split(), check=False)
    there = bench.checkout(paths)
    assert git(there, "fsck") == ""
    assert git(there, "describe").startswith("v1-1-g")
    bench.play(paths, "save one")
    assert "one" in bench.files((await bench.collect(paths)).head)


async def test_our_own_housekeeping(bench: Bench) -> None:
    """Many packs become one while tasks are there; what they need stays, and a store without tasks is pruned."""
    kept = await bench.prepare("kept", run="kept")
    for n in range(52):
        commit(bench.root, {"n": str(n)})
        await bench.prepare(f"t{n}")
    packs = bench.store / "objects" / "pack"
    await bench.workspace.remove_run("r1")
    await _until(lambda: len([*packs.glob("*.pack")]) == 1)
    await _until(lambda: "preciousObjects = true" in (bench.store / "config").read_text())
    bench.play(kept, "save one; git fsck")
    assert "one" in bench.files((await bench.collect(kept)).head)


async def _until(true: object) -> None:
    async with asyncio.timeout(120):
        while not true():  # type: ignore[operator]
            await asyncio.sleep(0.05)


async def test_dependants_borrow_what_was_collected(bench: Bench) -> None:
    """A task that builds on another finds its commits in the store, though they share no repository."""
    first = await bench.prepare("t1")
    bench.play(first, "save one; git stash list; echo left >left")
    head = (await bench.collect(first)).head
    second = await bench.prepare("t2", base=head)
    assert git(bench.checkout(second), "rev-list", "--count", "main..HEAD") == "2"
    await bench.workspace.remove(first)
    git(bench.store, "gc", "-q", "--prune=now")
    assert git(bench.checkout(second), "fsck") == ""


async def test_a_folder_that_is_none_of_ours_stays(bench: Bench) -> None:
    """Where something else lies at a task's place, nothing of it is removed, and it is named."""
    place = bench.checkout(SessionPaths(run="r1", task="t1"))
    place.mkdir(parents=True)
    (place / "precious").write_text("p")
    with pytest.raises(Exception, match=r"checkouts/r1/t1 is there already, and is none of ours"):
        await bench.prepare()
    assert (place / "precious").read_text() == "p"


async def test_two_repositories_on_one_machine(bench: Bench, tmp_path: Path) -> None:
    """Tasks of two repositories have two stores, and none of the other's objects."""
    other = await make_bench(repositories.make_repository(tmp_path / "other", files={"o": "o"}), bench.folder)
    one, two = await bench.prepare("t1"), await other.prepare("t2")
    bench.play(one, "save one")
    other.play(two, "save two")
    await asyncio.gather(bench.collect(one), other.collect(two))
    assert bench.store != other.store
    foreign = git(other.root, "rev-parse", "miyabi/r1/t2")
    assert git(bench.checkout(one), "cat-file", "-t", foreign, check=False) == ""
