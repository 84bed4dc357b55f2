"""Unusual repositories go out and are collected as well."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.git import repositories
from tests.support.git.repositories import commit, git, make_bench, make_repository

bench = repositories.bench
project = repositories.project
quiet_home = repositories.quiet_home


async def test_a_shallow_clone_works(project: Path, tmp_path: Path) -> None:
    """A clone with a cut-off history goes out and is collected; its end moves with it."""
    for n in range(5):
        commit(project, {"n": str(n)}, message=f"n{n}")
    git(tmp_path, "clone", "-q", "--depth", "2", f"file://{project}", "shallow")
    bench = await make_bench(tmp_path / "shallow", tmp_path / "machine")
    paths = await bench.prepare()
    assert git(bench.checkout(paths), "log", "--format=%s").splitlines() == ["n4", "n3"]
    bench.play(paths, "echo 1 >a; git add a; git commit -qm a; git commit -q --amend -m b; echo open >open")
    collected = await bench.collect(paths)
    assert collected.strays
    assert git(bench.root, "log", "--format=%s", collected.head).splitlines()[1:] == ["b", "n4", "n3"]
    git(bench.root, "fsck", "--connectivity-only")
    commit(bench.root, {"n": "later"}, message="later")
    second = await bench.prepare("t2")
    assert git(bench.checkout(second), "log", "--format=%s").splitlines() == ["later", "n4", "n3"]


async def test_a_sha256_repository_works(tmp_path: Path, quiet_home: Path) -> None:
    """A repository with the longer ids gets a mirror of its kind."""
    root = make_repository(tmp_path / "p", options=("--object-format=sha256",))
    bench = await make_bench(root, tmp_path / "machine")
    paths = await bench.prepare()
    bench.play(paths, "echo 1 >a; git add a; git commit -qm a; git commit -q --amend -m b")
    commit(root, {"more": "x"})
    await bench.prepare("t2")
    collected = await bench.collect(paths)
    assert len(collected.head) == 64
    assert collected.strays


@pytest.mark.parametrize("kind", ["bare", "worktree"])
async def test_other_kinds_of_repository_work(project: Path, tmp_path: Path, kind: str) -> None:
    """A bare repository and a linked worktree send and receive as well."""
    if kind == "bare":
        git(tmp_path, "clone", "-q", "--bare", str(project), "other")
    else:
        git(project, "worktree", "add", "-q", str(tmp_path / "other"), "-b", "side")
    bench = await make_bench(tmp_path / "other", tmp_path / "machine")
    paths = await bench.prepare()
    bench.play(paths, "echo 1 >a; git add a; git commit -qm a")
    assert "a" in bench.files((await bench.collect(paths)).head)
