"""Files in the folder of a submodule that is no repository, which git passes over, come back as work."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.git import repositories, submodules
from tests.support.git.repositories import Bench, git, make_bench
from tests.support.git.submodules import Task, add_submodule, make_library
from tests.support.machines.shell_host import STRICT_SHELLS, ShellHost

any_git = repositories.any_git
bench = repositories.bench
library = submodules.library
project = repositories.project
quiet_home = repositories.quiet_home

LINK = "git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),odd; git commit -qm odd; mkdir odd; cd odd"


def _forget(project: Path) -> None:
    """The clone has the submodule no more, as if it had never been initialised."""
    git(project, "submodule", "deinit", "--quiet", "-f", "lib")
    shutil.rmtree(project / ".git/modules/lib")


@pytest.mark.parametrize(
    ("script", "file"),
    [
        ("rm -rf lib/.git; echo new >lib/new", "lib/new"),
        ("rm -rf .git/modules/lib; mkdir 'lib/a b'; echo new >'lib/a b/new 開'", "lib/a b/new 開"),
        ("echo x >.git/modules/lib/HEAD; echo new >lib/new", "lib/new"),
        ("git submodule deinit -q -f lib; echo new >lib/new; save work", "lib/new"),
        (f"{LINK}; echo new >new", "odd/new"),
        (f"git worktree add -q .claude/worktrees/w; cd .claude/worktrees/w; {LINK}; echo new >new", "odd/new"),
    ],
)
async def test_they_come_back(any_git: str, bench: Bench, library: Path, script: str, file: str) -> None:
    """With the strays; the branch keeps the submodule, and a second look finds no more."""
    task = await Task.prepare(bench)
    task.play(script)
    work = await task.collect_all()
    assert work.strays
    assert any(file in bench.files(commit) for commit in git(bench.root, "rev-list", work.strays).split())
    assert git(bench.root, "ls-tree", work.head, "lib").startswith("160000 ")
    before = git(bench.root, "rev-parse", work.strays)
    again = await task.collect_all()
    assert (again.head, git(bench.root, "rev-parse", work.strays)) == (work.head, before)


@pytest.mark.parametrize("shell", STRICT_SHELLS, ids=" ".join)
async def test_one_that_never_was_there(project: Path, library: Path, tmp_path: Path, shell: tuple[str, ...]) -> None:
    """A session wrote into the empty folder: the files are there, and they alone; in each shell."""
    _forget(project)
    bench = await make_bench(project, tmp_path / "a machine", host=ShellHost(shell))
    task = await Task.prepare(bench)
    task.play("mkdir -p lib/deep; echo new >lib/deep/new; echo work >work; echo skip | tee lib/.gitignore >lib/skip")
    work = await task.collect_all()
    assert "work" in bench.files(work.head)
    _tie, made = git(bench.root, "rev-list", f"{work.head}..{work.strays}").split()
    assert git(bench.root, "diff", "--name-only", work.head, made).split() == ["lib", "lib/.gitignore", "lib/deep/new"]
    assert (task.folder / "lib/deep/new").exists()


@pytest.mark.parametrize("script", ["mkdir lib/deep", "rmdir lib", "rmdir lib; ln -s /tmp lib; git checkout -q lib"])
async def test_nothing_in_it_is_nothing(bench: Bench, library: Path, script: str) -> None:
    """An empty folder, one that is gone, and a link in its place leave no strays."""
    _forget(bench.root)
    task = await Task.prepare(bench)
    task.play(f"save work; {script} 2>/dev/null || true")
    assert (await task.collect_all()).strays is None


async def test_too_large_ones_are_reported(bench: Bench, library: Path) -> None:
    """A file over the limit stays there and is named, beside those of the rest of the checkout."""
    _forget(bench.root)
    task = await Task.prepare(bench)
    task.play("for f in big lib/big; do head -c 3000000 /dev/zero >$f; done; echo small >lib/small")
    work = await bench.workspace.collect(task.paths, base=task.base, max_file_bytes=1_000_000)
    assert {"big (3 MB)", "lib/big (3 MB)"} <= set(work.left_there)
    assert work.strays


async def test_one_inside_of_a_submodule(bench: Bench, library: Path, tmp_path: Path) -> None:
    """Its files are with the strays of the submodule that it is in, in the user's clone of that, and told."""
    lib = bench.root / "lib"
    add_submodule(lib, make_library(tmp_path / "libraries" / "deep"), "deep")
    git(bench.root, "commit", "-qam", "lib has one")
    git(lib, "submodule", "deinit", "--quiet", "-f", "deep")
    shutil.rmtree(bench.root / ".git/modules/lib/modules/deep")
    task = await Task.prepare(bench)
    task.play("mkdir -p lib/deep; echo new >lib/deep/new")
    await task.collect_all()
    commits = git(lib, "rev-list", f"{task.paths.branch}+strays", "-2").split()
    assert git(lib, "show", f"{commits[-1]}:deep/new") == "new"
    assert any("+strays in the submodule lib" in said.text for said in await task.outcomes_of())
