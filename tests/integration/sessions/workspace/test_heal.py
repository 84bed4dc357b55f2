"""Where something is missing, cut or damaged on the way, the code still arrives, or says why not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from miyabi.errors import ConnectionDropped, GitFailed, MachineNotReady, RemoteFailed
from miyabi.git import branches
from tests.support.git import repositories
from tests.support.git.repositories import Bench, commit, git, make_bench

bench = repositories.bench
project = repositories.project
quiet_home = repositories.quiet_home


@pytest.mark.parametrize("lost", ["repos", "checkouts", "bin", ""])
async def test_a_machine_that_lost_its_files_heals(bench: Bench, lost: str) -> None:
    """Whatever part of the workspace somebody removed, the next worktree brings it back."""
    await bench.prepare("t1")
    shutil.rmtree(bench.folder / lost)
    paths = await bench.prepare("t2")
    bench.play(paths, "echo 1 >a; git add a; git commit -qm a")
    assert "a" in bench.files((await bench.collect(paths)).head)


async def test_a_mirror_without_its_objects_heals(bench: Bench) -> None:
    """A mirror that has its refs and not what they mean is filled again."""
    await bench.prepare("t1")
    commit(bench.root, {"more": "more"})
    for path in (bench.store / "objects").rglob("*"):
        if path.is_file():
            path.unlink()
    paths = await bench.prepare("t2")
    assert (bench.checkout(paths) / "more").read_text() == "more"


async def test_a_forgotten_base_is_collected_with_its_history(bench: Bench) -> None:
    """Where the merge that a task began from was cleaned out of the user's repository, it is brought along."""
    base = await bench.repository.merge(await bench.worked("t1", "t2"), base="main", message="m")
    paths = await bench.prepare("t3", base=base)
    git(bench.root, "gc", "-q", "--prune=now")
    assert git(bench.root, "cat-file", "-t", base, check=False) == ""
    bench.play(paths, "echo 3 >t3.txt; git add t3.txt; git commit -qm t3")
    collected = await bench.workspace.collect(paths, base=base)
    assert bench.files(collected.head) == ["README.md", "src/a.txt", "t1.txt", "t2.txt", "t3.txt"]


async def test_half_a_worktree_is_made_again(bench: Bench) -> None:
    """A checkout whose making was broken off is not taken for one that an agent has worked in."""
    paths = await bench.prepare()
    (bench.store / "miyabi" / "r1+t1.ready").rename(bench.store / "miyabi" / "r1+t1.making")
    (bench.checkout(paths) / "README.md").unlink()
    await bench.prepare()
    assert (bench.checkout(paths) / "README.md").read_text() == "hello\n"


async def test_a_bundle_cut_short_is_no_bundle(bench: Bench, tmp_path: Path) -> None:
    """A connection that goes in mid-bundle looks like its end to the machine; it is noticed, and nothing is kept."""
    base = await bench.repository.resolve("main")
    await bench.repository.bundle(base, known=set(), file=tmp_path / "b")
    paths = await bench.prepare("warm")
    whole = (tmp_path / "b").read_bytes()
    (tmp_path / "b").write_bytes(whole[:-10])
    words = ("prepare", "r1", "t1", "sha1", base, str(len(whole)), (await bench.clone()).name, "0")
    answer = await bench.workspace._run(*words, stdin=tmp_path / "b")
    with pytest.raises(ConnectionDropped):
        bench.workspace._require(answer, "prepare the worktree")
    assert not list(bench.store.glob("incoming.*"))
    assert (await bench.collect(paths)).head == base


async def test_a_damaged_bundle_is_refused(bench: Bench, tmp_path: Path) -> None:
    """Bytes that changed on the way do not become commits."""
    base = await bench.repository.resolve("main")
    await bench.repository.bundle(base, known=set(), file=tmp_path / "b")
    data = bytearray((tmp_path / "b").read_bytes())
    data[-30] ^= 0xFF
    (tmp_path / "b").write_bytes(bytes(data))
    with pytest.raises(GitFailed):
        await branches.receive(bench.repository, tmp_path / "b", branch="miyabi/r/t", head=base, strays=None, base=base)
    assert await bench.repository.branches("miyabi") == {}


async def test_an_unwritable_workspace_is_reported(project: Path, tmp_path: Path) -> None:
    """A workspace that cannot be made is an error with its path."""
    (tmp_path / "file").write_text("")
    bench = await make_bench(project, tmp_path / "file")
    with pytest.raises((MachineNotReady, RemoteFailed), match="file"):
        await bench.prepare()
