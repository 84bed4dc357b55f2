"""What a session leaves unresolved, or too large to bring, in a submodule is told as in the repository around it."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path

import pytest

from flows.__main__ import main
from miyabi.attempts import submodule_work
from miyabi.git import submodules_of
from miyabi.sessions import Outcome, SessionResult
from tests.support.git import repositories, submodules
from tests.support.git.repositories import Bench
from tests.support.git.submodules import Task, add_submodule, make_library
from tests.support.values.runs import Workshop, workshop  # noqa: F401 - a fixture

any_git = repositories.any_git
bench = repositories.bench
library = submodules.library
project = repositories.project
quiet_home = repositories.quiet_home

AS_AGENT = "git config user.name agent; git config user.email agent@localhost"
CONFLICT = """
git checkout -q -b a; echo one >lib.txt; git commit -qam one
git checkout -q -b b HEAD~1; echo two >lib.txt; git commit -qam two
git merge -q a || true
"""
COMMITTED = f"{CONFLICT} git commit -qam merged"
ELSEWHERE = f"save more; git checkout -q -b away HEAD~1; {COMMITTED}; cd ..; git commit -qam bump"
RESOLVED = f"{CONFLICT} echo both >lib.txt; git commit -qam merged"
NAMED_ODDLY = CONFLICT.replace("lib.txt", "'é x.txt'").replace("git commit -qam", "git add -A; git commit -qm")


async def unresolved(task: Task) -> tuple[str, ...]:
    """The files in submodules that were brought with a conflict."""
    after = await submodules_of(task.bench.repository, task.heads[0])
    return await submodule_work.unresolved(task.found_inside, after=after)


@pytest.mark.parametrize(
    ("script", "files"),
    [
        (CONFLICT, ("lib/lib.txt",)),
        (COMMITTED, ("lib/lib.txt",)),
        (ELSEWHERE, ("lib/lib.txt",)),
        (NAMED_ODDLY, ("lib/é x.txt",)),
        (RESOLVED, ()),
        ("save one", ()),
    ],
    ids=["left", "committed", "beside-the-branch", "odd-name", "resolved", "none"],
)
async def test_conflicts_are_found(bench: Bench, library: Path, script: str, files: tuple[str, ...]) -> None:
    """In what its index said and in what was committed, on the task's branch or in what that of the top names."""
    task = await Task.prepare(bench)
    task.play(f"cd lib; {script}")
    collected = await task.collect_all()
    assert await unresolved(task) == files
    assert collected.unmerged == ()


async def test_markers_that_were_there_are_none_of_its(bench: Bench, tmp_path: Path, project: Path) -> None:
    """A library may have files with conflict markers."""
    text = "<<<<<<< a\none\n=======\ntwo\n>>>>>>> b\n"
    add_submodule(project, make_library(tmp_path / "libraries" / "lib", content=text), "lib")
    task = await Task.prepare(bench)
    task.play("cd lib; echo more >>lib.txt; git commit -qam more")
    await task.collect_all()
    assert await unresolved(task) == ()


async def test_a_conflict_in_a_submodule_of_a_submodule(bench: Bench, library: Path, tmp_path: Path) -> None:
    """It is named with its whole path, and what is said of one submodule is said of no other."""
    add_submodule(bench.root / "lib", make_library(tmp_path / "libraries" / "inner"), "inner")
    repositories.commit(bench.root, {}, message="bump")
    task = await Task.prepare(bench)
    task.play(f"cd lib/inner; {CONFLICT}")
    await task.collect_all()
    assert await unresolved(task) == ("lib/inner/lib.txt",)


@pytest.mark.parametrize(
    ("script", "left"),
    [
        ("head -c 2000000 /dev/zero >lib/huge", ("lib/huge (2 MB)",)),
        ("echo small >lib/small; head -c 2000000 /dev/zero >lib/lib.txt", ("lib/lib.txt (2 MB)",)),
        (
            "mkdir lib/many; cd lib/many; i=0; while [ $i -le 1000 ]; do : >$i; i=$((i + 1)); done",
            ("lib/many/ (1001 files)",),
        ),
        ("echo small >lib/small; head -c 2000000 /dev/zero >huge", ()),
    ],
    ids=["new", "changed", "many", "at-the-top"],
)
async def test_what_is_left_there_is_named(bench: Bench, library: Path, script: str, left: tuple[str, ...]) -> None:
    """With the path of the submodule before it; what is small comes."""
    task = await Task.prepare(bench)
    bench.play(task.paths, script)
    workspace = bench.workspace
    top = await workspace.collect(task.paths, base=task.base, max_file_bytes=1_000_000)
    await task.collect_all()
    assert submodule_work.left_there(task.found_inside) == left
    assert top.left_there == (() if left else ("huge (2 MB)",))
    names = repositories.git(bench.root / "lib", "ls-tree", "--name-only", task.found_inside[0].collected.head).split()
    assert ("small" in names) == ("small" in script)


async def test_what_was_said_of_an_earlier_session_is_forgotten(bench: Bench, library: Path) -> None:
    """A later attempt in the same checkout that resolved and removed it has nothing to be told."""
    task = await Task.prepare(bench)
    task.play(f"head -c 2000000 /dev/zero >lib/huge; cd lib; {CONFLICT}")
    await bench.workspace.collect(task.paths, base=task.base, max_file_bytes=1_000_000)
    await task.collect_all()
    assert submodule_work.left_there(task.found_inside) == ("lib/huge (2 MB)",)
    later = await Task.prepare(bench, attempt=2)
    later.play("cd lib; rm huge; echo both >lib.txt; git commit -qam resolved")
    await later.collect_all()
    assert await unresolved(later) == ()
    assert submodule_work.left_there(later.found_inside) == ()


def test_a_sweep_asks_and_a_conflict_is_no_success(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A whole attempt: its outcome, its files, and what `sweep` says before it removes what is nowhere else."""
    add_submodule(workshop.folder / "repository", make_library(workshop.folder / "library"), "lib")
    monkeypatch.setenv("MIYABI_SESSIONS__MAX_FILE_MB", "0.001")
    there = workshop.folder / "m1/checkouts/r1/a/a"

    async def run() -> SessionResult:
        async with workshop.running(await workshop.attempt(await workshop.run())) as task:
            words = ["sh", "-c", AS_AGENT + CONFLICT]
            await asyncio.to_thread(subprocess.run, words, cwd=there / "lib", check=True)
            (there / "lib/huge").write_bytes(b"\0" * 2000)
            workshop.open_gate()
            return await task

    result = asyncio.run(run())
    assert result.outcome is Outcome.UNRESOLVED_CONFLICT
    assert result.unresolved == ("lib/lib.txt",)
    assert result.left_there == ("lib/huge (0 MB)",)
    monkeypatch.setenv("MIYABI_MACHINES", json.dumps([workshop.machine("m1").model_dump()]))
    with pytest.raises(SystemExit, match="1"):
        main(["sweep", "r1", "-C", str(workshop.folder / "repository")])
    assert "a: lib/huge (0 MB) was too large or too many to bring" in capsys.readouterr().err
    assert (there / "lib/huge").exists()
