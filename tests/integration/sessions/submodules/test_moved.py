"""Submodules that a session removes, renames or swaps: its work in them comes back, and what is told of it is true."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.git import repositories
from tests.support.git.repositories import Bench, git
from tests.support.git.submodules import Task, add_submodule, make_library

any_git = repositories.any_git
bench = repositories.bench
project = repositories.project
quiet_home = repositories.quiet_home

INNER = "(cd lib; echo inner >i.txt; git add i.txt; git commit -qm inner)"


@pytest.fixture
def spare_library(tmp_path: Path) -> Path:
    """What the project has as its submodules."""
    return make_library(tmp_path / "library")


@pytest.mark.parametrize(
    "script",
    [
        f"{INNER}; git rm -qf lib; git commit -qm rm",
        f"{INNER}; rm -rf lib",
        f"{INNER}; git rm -qf lib; echo x >lib; git add -A; git commit -qm file",
        f"{INNER}; git submodule --quiet deinit -f lib",
        f"{INNER}; rm -rf lib; ln -s README.md lib",
    ],
)
async def test_one_that_is_removed(any_git: str, bench: Bench, spare_library: Path, script: str) -> None:
    """The task comes back like any other, with the commits that were made inside before."""
    add_submodule(bench.repository.root, spare_library, "lib")
    task = await Task.prepare(bench)
    task.play(script)
    await task.collect_all()
    assert git(bench.repository.root / "lib", "log", "-1", "--format=%s", task.paths.branch) == "inner"
    (outcomes_of,) = await task.outcomes_of()
    assert outcomes_of.text.startswith(
        f"1 commit (1 file, +1 -0) on {task.paths.branch} in the submodule lib, and not in "
    )
    again = await Task.prepare(bench, "t1")
    assert (await again.collect_all()).head == task.heads[0]


async def test_one_that_is_removed_and_was_not_touched(bench: Bench, spare_library: Path) -> None:
    """Nothing is said of a submodule that a session only removed."""
    add_submodule(bench.repository.root, spare_library, "lib")
    task = await Task.prepare(bench)
    task.play("git rm -qf lib; git commit -qm rm")
    await task.collect_all()
    assert await task.outcomes_of() == ()
    assert "lib" not in git(bench.repository.root, "ls-tree", "--name-only", task.paths.branch).split()


async def test_one_that_is_renamed(bench: Bench, spare_library: Path) -> None:
    """What the branch names at its new path is not told as left out, and the push is that of the user's own clone."""
    add_submodule(bench.repository.root, spare_library, "lib")
    task = await Task.prepare(bench)
    task.play("git mv lib libs; git commit -qm mv; echo more >libs/more")
    await task.collect_all()
    (outcomes_of,) = await task.outcomes_of()
    made = git(bench.repository.root, "rev-parse", f"{task.paths.branch}:libs")
    assert outcomes_of.text.startswith(
        f"commit {made[:12]} of the submodule libs, which its branch names, is nowhere but in"
    )
    assert outcomes_of.command == f"git -C lib push origin {made[:12]}:refs/heads/{task.paths.branch}"


async def test_two_that_are_swapped(bench: Bench, spare_library: Path, tmp_path: Path) -> None:
    """The commands to copy name the clone that has the commit."""
    add_submodule(bench.repository.root, spare_library, "one")
    add_submodule(bench.repository.root, make_library(tmp_path / "other", content="other\n"), "two")
    task = await Task.prepare(bench)
    task.play("git mv one tmp; git mv two one; git mv tmp two; git commit -qm swap; echo 1 >one/new; echo 2 >two/new")
    await task.collect_all()
    outcomes_of = await task.outcomes_of()
    assert len(outcomes_of) == 2
    for each in outcomes_of:
        words = str(each.command).split()
        assert git(bench.repository.root / words[2], "cat-file", "-t", words[5].partition(":")[0]) == "commit"
