"""Code goes out to real sshd machines and is collected."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from miyabi.errors import ConnectionDropped, MachineUnreachable
from miyabi.machines import open_host
from tests.support.git import repositories
from tests.support.git.repositories import Bench, commit, git, make_bench
from tests.support.machines import sshd as fleets
from tests.support.machines.sshd import FleetHost, SshdFleet

sshd_fleet = fleets.sshd_fleet
project = repositories.project
quiet_home = repositories.quiet_home
WORKSPACE = "miyabi code"


@pytest.fixture
async def benches(project: Path, sshd_fleet: SshdFleet) -> AsyncIterator[list[Bench]]:
    """The user's repository and two machines."""
    async with contextlib.AsyncExitStack() as stack:
        yield [await _bench(project, there, stack) for there in sshd_fleet.hosts[:2]]


async def _bench(project: Path, there: FleetHost, stack: contextlib.AsyncExitStack) -> Bench:
    host = open_host(there.machine(workspace=f"~/{WORKSPACE}"))
    stack.push_async_callback(host.close)
    stack.push_async_callback(host.run, ["rm", "-rf", f"~/{WORKSPACE}"])
    return await make_bench(project, there.home / WORKSPACE, host=host, workspace=f"~/{WORKSPACE}")


async def test_dependants_see_the_work_of_another_machine(benches: list[Bench]) -> None:
    """What one machine made is in the worktree of a dependent task on the other, and all of it is collected."""
    one, two = benches
    first = await one.prepare("t1")
    one.play(first, "echo 働き >成果.txt; git add .; git commit -qm first; echo open >open.txt")
    ended = await one.host.run(
        ["/bin/sh", "-c", "cat >after; sh after", "sh"],
        stdin=one.workspace.after_script(first, checkout=f"~/{WORKSPACE}/{first.checkout}", check="ls"),
    )
    assert ended.stdout.decode().split() == ["README.md", "open.txt", "src", "成果.txt"]
    head = (await one.collect(first)).head
    base = await two.repository.merge([head], base="main", message="m")
    second = await two.prepare("t2", base=base)
    two.play(second, "test -f open.txt; cp 成果.txt again.txt; git add .; git commit -qm second")
    collected = await two.collect(second, base=base)
    assert two.files(collected.head) == ["README.md", "again.txt", "open.txt", "src/a.txt", "成果.txt"]
    for bench in benches:
        await bench.workspace.remove_run("r1")
        assert list((bench.folder / "checkouts").iterdir()) == []


async def test_many_tasks_share_one_connection(benches: list[Bench]) -> None:
    """Twelve tasks on two machines at once are prepared and collected over two connections."""
    pairs = [(benches[n % 2], f"t{n}") for n in range(12)]
    everyone = await asyncio.gather(*(bench.prepare(task) for bench, task in pairs))
    for (bench, task), paths in zip(pairs, everyone, strict=True):
        bench.play(paths, f"echo {task} >{task}; git add .; git commit -qm {task}")
    heads = await asyncio.gather(*(b.collect(paths) for (b, _), paths in zip(pairs, everyone, strict=True)))
    assert len({collected.head for collected in heads}) == 12


async def test_a_link_that_goes_in_mid_bundle(benches: list[Bench], sshd_fleet: SshdFleet) -> None:
    """Connections that die while the code is on its way leave nothing half-made; the next try works."""
    bench, there = benches[0], sshd_fleet[0]
    commit(bench.root, {"big.bin": os.urandom(30_000_000)})
    trying = asyncio.ensure_future(bench.prepare())
    while not list(bench.folder.glob("repos/*.git/incoming.*/bundle")) and not trying.done():
        await asyncio.sleep(0.002)
    there.kill_connections()
    with contextlib.suppress(ConnectionDropped, MachineUnreachable):
        await trying
    paths = await bench.prepare()
    assert (bench.checkout(paths) / "big.bin").stat().st_size == 30_000_000
    assert git(bench.checkout(paths), "status", "--porcelain") == ""


async def test_big_work_is_collected_over_ssh(benches: list[Bench]) -> None:
    """A file of 20 MB that an agent made arrives as it was."""
    bench = benches[1]
    paths = await bench.prepare()
    bench.play(paths, "head -c 20000000 /dev/urandom >big; git add big; git commit -qm big")
    collected = await bench.collect(paths)
    assert git(bench.root, "rev-parse", f"{collected.head}:big") == git(bench.checkout(paths), "hash-object", "big")
