"""How much travels between the orchestrator and a machine."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from miyabi.git import clone_of
from miyabi.sessions import SessionPaths
from tests.support.git import repositories
from tests.support.git.repositories import Bench, commit, git, make_bench
from tests.support.machines.noted_host import NotedHost

bench = repositories.bench
project = repositories.project
quiet_home = repositories.quiet_home


@pytest.fixture
async def counted(project: Path, tmp_path: Path) -> tuple[Bench, NotedHost]:
    """A machine that counts, and a history of some length and weight."""
    for n in range(30):
        commit(project, {f"data/{n}.bin": os.urandom(20_000), "n": str(n)})
    host = NotedHost()
    return await make_bench(project, tmp_path / "machine", host=host), host


async def test_the_history_travels_once(counted: tuple[Bench, NotedHost]) -> None:
    """The first worktree brings the history; the next one is one round trip with nothing to carry."""
    bench, host = counted
    await bench.prepare("t1")
    assert max(host.sizes) > 600_000
    host.sent.clear()
    await bench.prepare("t2")
    assert host.sizes == [0]


async def test_only_what_is_new_travels(counted: tuple[Bench, NotedHost]) -> None:
    """A base that has gone on by a commit costs its own few bytes, also for a new orchestrator and after a clean-up."""
    bench, host = counted
    await bench.prepare("t1")
    await bench.workspace.remove_run("r1")
    commit(bench.root, {"n": "new"})
    again = await make_bench(bench.root, bench.folder, host=host)
    host.sent.clear()
    await again.prepare("t2", run="r2")
    commit(bench.root, {"n": "newer"})
    await again.prepare("t3", run="r2")
    assert sum(host.sizes) < 5_000
    assert (bench.folder / "checkouts/r2/t3/t3/n").read_text() == "newer"


async def _one_run(bench: Bench, host: NotedHost, *, run: str, base: str, start: str | None = None) -> int:
    """How many bytes are sent for a run from a base, by a new orchestrator; the machine is swept afterwards."""
    again = await make_bench(bench.root, bench.folder, host=host)
    clone = await clone_of(again.repository, branch="main", commit=base)
    host.sent.clear()
    await again.workspace.prepare(SessionPaths(run=run, task="t1"), base=start or base, clone=clone)
    sent = sum(host.sizes)
    assert git(again.checkout(SessionPaths(run=run, task="t1")), "rev-parse", "origin/main") == base
    await again.workspace.remove_run(run)
    return sent


def _fetched(project: Path, folder: Path) -> str:
    """A commit that was made elsewhere and fetched: no ref of the user's holds it."""
    if not folder.exists():
        git(project, "clone", "-q", str(project), str(folder))
    commit(folder, {f"new-{len(list(folder.iterdir()))}": "new"})
    git(project, "fetch", "-q", "--no-write-fetch-head", str(folder), "refs/heads/main")
    return git(folder, "rev-parse", "HEAD")


async def test_a_fetched_base_travels_once(counted: tuple[Bench, NotedHost], tmp_path: Path) -> None:
    """A base that no branch of the user's holds: the first night brings all, each later one what is new since."""
    bench, host = counted
    first = await _one_run(bench, host, run="r1", base=_fetched(bench.root, tmp_path / "elsewhere"))
    again = await _one_run(bench, host, run="r2", base=_fetched(bench.root, tmp_path / "elsewhere"))
    third = await _one_run(bench, host, run="r3", base=_fetched(bench.root, tmp_path / "elsewhere"))
    assert first > 600_000
    assert max(again, third) < 5_000


async def test_a_run_of_the_same_fetched_base_brings_nothing(counted: tuple[Bench, NotedHost], tmp_path: Path) -> None:
    """Where nothing was pushed meanwhile, the second night costs one round trip without any commit."""
    bench, host = counted
    base = _fetched(bench.root, tmp_path / "elsewhere")
    assert await _one_run(bench, host, run="r1", base=base) > 600_000
    assert await _one_run(bench, host, run="r2", base=base) < 500


async def test_a_machine_that_begins_with_a_dependant_keeps_the_base(
    counted: tuple[Bench, NotedHost], tmp_path: Path
) -> None:
    """Where a machine's first checkout is one of merged heads, the history below them is known there afterwards too."""
    bench, host = counted
    base = _fetched(bench.root, tmp_path / "elsewhere")
    tree = git(bench.root, "rev-parse", f"{base}^{{tree}}")
    heads = [git(bench.root, "commit-tree", tree, "-p", base, "-m", name) for name in ("a", "b")]
    start = await bench.repository.merge(heads, base=base, message="m")
    assert await _one_run(bench, host, run="r1", base=base, start=start) > 600_000
    assert await _one_run(bench, host, run="r2", base=_fetched(bench.root, tmp_path / "elsewhere")) < 5_000


async def test_what_the_machine_made_does_not_travel_back(counted: tuple[Bench, NotedHost]) -> None:
    """A merge of what was done here and elsewhere brings only what is from elsewhere."""
    bench, host = counted
    other = await make_bench(bench.root, bench.folder.parent / "other")
    one, two = await bench.prepare("t1"), await other.prepare("t2")
    bench.play(one, "head -c 100000 /dev/urandom >big; git add big; git commit -qm big")
    other.play(two, "echo small >small; git add small; git commit -qm small")
    heads = [(await bench.collect(one)).head, (await other.collect(two)).head]
    base = await bench.repository.merge(heads, base="main", message="m")
    host.sent.clear()
    await bench.prepare("t3", base=base)
    assert sum(host.sizes) < 5_000


async def test_several_tasks_share_one_bundle(counted: tuple[Bench, NotedHost]) -> None:
    """Five first worktrees at once bring the history once."""
    bench, host = counted
    await asyncio.gather(*(bench.prepare(f"t{n}") for n in range(5)))
    assert len([size for size in host.sizes if size > 100_000]) == 1


async def test_fifty_megabytes_do_not_pass_through_memory(project: Path, tmp_path: Path) -> None:
    """Big files go and come as files: the orchestrator does not grow by what it carries."""
    commit(project, {"big.bin": os.urandom(50_000_000)})
    bench = await make_bench(project, tmp_path / "machine")
    before = _resident_mib()
    paths = await bench.prepare()
    bench.play(paths, "head -c 50000000 /dev/urandom >other.bin; git add .; git commit -qm other")
    collected = await bench.collect(paths)
    assert _resident_mib() - before < 20
    assert git(project, "cat-file", "-s", f"{collected.head}:other.bin") == "50000000"


def _resident_mib() -> int:
    return (
        next(
            int(line.split()[1])
            for line in Path("/proc/self/status").read_text().splitlines()
            if line.startswith("VmHWM")
        )
        // 1024
    )
