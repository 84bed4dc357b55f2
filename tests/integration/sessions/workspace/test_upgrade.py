"""What the build before made on a machine, linked worktrees of one mirror, is gone on with, collected and removed.

`tests/cases/upgrade/workspace.sh` is the script that build 0.1 of commit 4efe42c left on its machines.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from miyabi.errors import RemoteFailed
from miyabi.sessions import SessionPaths
from tests.support.git import repositories
from tests.support.git.repositories import Bench, commit, git

bench = repositories.bench
project = repositories.project
quiet_home = repositories.quiet_home

SCRIPT = Path(__file__).parents[3] / "cases" / "upgrade" / "workspace.sh"


class Earlier:
    """The machine, as the earlier build uses it."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        digest = hashlib.sha256(SCRIPT.read_bytes()).hexdigest()[:12]
        self.script = bench.folder / "bin" / f"workspace-{digest}.sh"
        self.script.parent.mkdir(parents=True)
        self.script.write_bytes(SCRIPT.read_bytes())

    async def prepare(self, task: str, *, run: str = "r1") -> Path:
        """The path of a worktree of the earlier kind."""
        base = await self.bench.repository.resolve("main")
        file = self.bench.folder / "bundle"
        await self.bench.repository.bundle(base, known=(), file=file)
        words = ("prepare", str(self.bench.folder), self.bench.repository.key, run, task, "sha1", base)
        _feed(file, ["/bin/sh", str(self.script), *words, str(file.stat().st_size)])
        return self.bench.folder / "worktrees" / run / task


def _feed(file: Path, words: list[str]) -> None:
    with file.open("rb") as stdin:
        subprocess.run(words, stdin=stdin, check=True)
    file.unlink()


@pytest.fixture
def earlier(bench: Bench) -> Earlier:
    """A machine that the earlier build has worked on."""
    return Earlier(bench)


def _play(folder: Path, script: str) -> None:
    save = 'save() { echo "$1" >"$1"; git add "$1"; git commit -qm "$1"; }; '
    subprocess.run(["/bin/sh", "-euc", save + script], cwd=folder, env=os.environ | repositories.WHO, check=True)


def _shell(*words: str | bytes) -> tuple[int, str]:
    done = subprocess.run(["/bin/sh", *words], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


async def test_its_task_is_collected(bench: Bench, earlier: Earlier) -> None:
    """Commits, strays and what is uncommitted of a worktree of the earlier kind are collected by the new build."""
    folder = await earlier.prepare("t1")
    _play(folder, "save one; git commit -q --amend -m better; echo open >open")
    collected = await bench.collect(SessionPaths(run="r1", task="t1"))
    assert bench.files(collected.head) == ["README.md", "one", "open", "src/a.txt"]
    assert collected.strays
    assert not collected.is_gone


async def test_its_task_is_gone_on_with(bench: Bench, earlier: Earlier) -> None:
    """A later attempt works where the first one was, and ends as the new build ends its own."""
    folder = await earlier.prepare("t1")
    _play(folder, "save one; echo open >open")
    paths = SessionPaths(run="r1", task="t1", attempt=2)
    base = await bench.repository.resolve("main")
    there = await bench.workspace.prepare(paths, base=base, clone=await bench.clone())
    assert Path(there) == folder
    _play(folder, "save two")
    after = bench.workspace.after_script(paths, checkout=there, check="cat open two")
    assert _shell("-c", after) == (0, "open\ntwo\n")
    assert bench.files((await bench.collect(paths)).head) == ["README.md", "one", "open", "src/a.txt", "two"]


async def test_both_kinds_beside_each_other(bench: Bench, earlier: Earlier) -> None:
    """In one run of both kinds each task is collected by what made it, and the sweep removes all of both."""
    folder = await earlier.prepare("t1")
    kept = await earlier.prepare("kept", run="r2")
    paths = await bench.prepare("t2")
    _play(folder, "save one; git stash list")
    bench.play(paths, "save two; echo s >README.md; git stash -q")
    commit(bench.root, {"later": "x"})
    await bench.prepare("t3")
    first, second = await asyncio.gather(bench.collect(SessionPaths(run="r1", task="t1")), bench.collect(paths))
    assert "one" in bench.files(first.head)
    assert (first.strays, second.strays) == (None, "miyabi/r1/t2+strays")
    git(bench.store, "gc", "-q", "--prune=now")
    await bench.workspace.remove_run("r1")
    assert [*bench.folder.glob("worktrees/*"), *bench.folder.glob("checkouts/*")] == [kept.parent]
    assert "kept" in git(bench.store, "for-each-ref", "--format=%(refname)", "refs/heads")
    _play(kept, "save late; git fsck")
    assert "late" in bench.files((await bench.collect(SessionPaths(run="r2", task="kept"))).head)
    await bench.workspace.remove_run("r2")
    refs = git(bench.store, "for-each-ref", "--format=%(refname)").splitlines()
    assert all(ref.startswith("refs/miyabi/known/") for ref in refs)


async def test_the_earlier_build_beside_the_new_one(bench: Bench, earlier: Earlier) -> None:
    """An orchestrator of the earlier build that still works on the machine takes nothing from new tasks."""
    paths = await bench.prepare("t1")
    await earlier.prepare("t2", run="r2")
    words = ("remove", str(bench.folder), bench.repository.key, "r2")
    assert _shell(str(earlier.script), *words)[0] == 0
    bench.play(paths, "save one; git fsck; git describe --always main")
    assert "one" in bench.files((await bench.collect(paths)).head)


async def test_its_script_is_gone(bench: Bench, earlier: Earlier) -> None:
    """Where somebody removed the script of the earlier build, the work stays where it is, and that is said."""
    folder = await earlier.prepare("t1")
    earlier.script.unlink()
    with pytest.raises(RemoteFailed, match=r"an earlier version made the worktree .*, and its script is gone from"):
        await bench.collect(SessionPaths(run="r1", task="t1"))
    assert folder.exists()
