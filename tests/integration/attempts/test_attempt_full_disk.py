"""The orchestrator's own disk is full at each step of an attempt: it waits, and the outcome is as without."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from miyabi.errors import BadInput, DiskFull, GitDiskFull, MiyabiError
from miyabi.runs import Run
from miyabi.sessions import Outcome, State
from tests.support.git.repositories import git
from tests.support.machines.small_disk import small_disk
from tests.support.values.runs import Workshop, workshop  # noqa: F401 - a fixture

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a small disk is mounted, which takes root")

CLAUDE = """#!/bin/sh
cat >/dev/null
until [ -e "${0%/*}/gates/go" ]; do sleep 0.05; done
head -c 30000 /dev/zero | tr '\\0' x
echo
head -c 9000 /dev/urandom >a.txt; git add a.txt; git commit -qm work
echo '{"type":"result","subtype":"success","is_error":false,"result":"done","num_turns":1}'
"""


class SmallDisk:
    """The disk that the repository and its runs lie on."""

    def __init__(self, folder: Path) -> None:
        self._filler = folder / "filler"
        self.waits: list[MiyabiError] = []

    def fill(self) -> None:
        """Nothing goes there any more."""
        with self._filler.open("wb", buffering=0) as file:
            while True:
                try:
                    file.write(bytes(4096))
                except OSError:
                    return

    def make_room(self, error: MiyabiError) -> None:
        """There is room again, now that this was met."""
        self.waits.append(error)
        self._filler.unlink(missing_ok=True)


@pytest.fixture
def disk(workshop: Workshop) -> Iterator[SmallDisk]:
    """A small disk, not full yet."""
    repository = workshop.folder / "repository"
    made = repository.rename(workshop.folder / "made")
    with small_disk(repository, "6m"):
        shutil.copytree(made, repository, dirs_exist_ok=True)
        workshop.claude.write_text(CLAUDE)
        yield SmallDisk(repository)


async def attempted(
    workshop: Workshop,
    live: Run,
    disk: SmallDisk,
    *,
    on_exit: Callable[[], None] = lambda: None,
    when_running: Callable[[], None] = lambda: None,
) -> None:
    """The task's attempt succeeds, and has waited for room."""
    attempt = await workshop.attempt(live)
    attempt.on_wait, attempt.on_exit = disk.make_room, on_exit
    task = asyncio.create_task(attempt.run())
    async with asyncio.timeout(120):
        while (await workshop.status()).state is not State.RUNNING:
            await asyncio.sleep(0.05)
    when_running()
    workshop.open_gate()
    result = await task
    assert (result.outcome, result.attempt, result.changes.files) == (Outcome.SUCCEEDED, 1, ("a.txt",))
    assert live.folder.results() == (result,)
    assert git(workshop.folder / "repository", "rev-parse", str(result.branch)) == result.head
    assert (live.folder.attempt("a") / "stdout.jsonl").read_bytes().count(b"x" * 30000) == 1
    assert disk.waits


async def test_when_an_attempt_begins(workshop: Workshop, disk: SmallDisk) -> None:
    """Nothing is started before what a later orchestrator must know is on the disk."""
    live = await workshop.run()
    disk.fill()
    await attempted(workshop, live, disk)
    assert {type(error) for error in disk.waits} <= {DiskFull, GitDiskFull}


async def test_while_a_session_talks(workshop: Workshop, disk: SmallDisk) -> None:
    """Its output is taken up where our copy ends, each byte once."""
    await attempted(workshop, await workshop.run(), disk, when_running=disk.fill)
    assert {type(error) for error in disk.waits} == {DiskFull}


async def test_when_a_session_is_over(workshop: Workshop, disk: SmallDisk) -> None:
    """Git has no room for its commits; they are fetched again."""
    await attempted(workshop, await workshop.run(), disk, on_exit=disk.fill)
    assert GitDiskFull in {type(error) for error in disk.waits}


async def test_when_the_result_is_kept(workshop: Workshop, disk: SmallDisk) -> None:
    """It counts at once and is written when there is room; until then the end of the run says that it is not."""
    live = await workshop.run()
    result = live.no_session("a", outcome=Outcome.MERGE_CONFLICT, error=MiyabiError("x"))
    disk.fill()
    live.keep(result)
    assert (live.folder.results(), live.every_result(), live.results["a"]) == ((), (result,), result)
    with pytest.raises(DiskFull, match="No space left on device"):
        live.end()
    disk.make_room(DiskFull())
    live.end()
    assert (live.folder.results(), live.folder.info().ended is not None) == ((result,), True)


async def test_a_run_that_cannot_begin(workshop: Workshop, disk: SmallDisk) -> None:
    """A disk that is full before a run is one line of bad input, and nothing stays of it."""
    disk.fill()
    with pytest.raises(BadInput, match="No space left on device"):
        await workshop.run()
    assert list((workshop.folder / "repository").glob(".miyabi/runs/r1/*")) == []


@pytest.mark.parametrize("is_early", [True, False])
async def test_a_disk_that_stays_full(workshop: Workshop, disk: SmallDisk, *, is_early: bool) -> None:
    """When patience is over it is told where the work is; the next run fetches it, and starts nothing twice."""
    live = await workshop.run(patience=0.5)
    attempt = await workshop.attempt(live)
    if is_early:
        async with asyncio.timeout(120):
            task = asyncio.create_task(attempt.run())
            while (await workshop.status()).state is not State.RUNNING:
                await asyncio.sleep(0.05)
            disk.fill()
            workshop.open_gate()
            result = await task
    else:
        attempt.on_exit = disk.fill
        workshop.open_gate()
        result = await attempt.run()
    assert result.outcome is Outcome.NOT_COLLECTED
    assert "No space left on device" in str(result.error_text)
    assert "miyabi orchestrate --run r1" in str(result.error_text)
    disk.make_room(DiskFull())
    again = await (await workshop.attempt(await workshop.run())).run()
    assert (again.outcome, again.attempt, again.changes.files) == (Outcome.SUCCEEDED, 1, ("a.txt",))
