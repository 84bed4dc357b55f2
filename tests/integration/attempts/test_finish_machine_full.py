"""A machine whose disk is full when a session ends: it is waited for as one that is away, then told."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from miyabi.errors import MachineDiskFull, MiyabiError
from miyabi.runs import Run
from miyabi.sessions import Outcome
from tests.support.machines.small_disk import small_disk
from tests.support.values.runs import Workshop, workshop  # noqa: F401 - a fixture

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a small disk is mounted, which takes root")

SAYS = {"type": "result", "subtype": "success", "is_error": False, "result": "done", "num_turns": 1}
CLAUDE = """#!/bin/sh
cat >/dev/null
echo done >a.txt; git add a.txt; git commit -qm work
{more}
echo '{says}'
dd if=/dev/zero of={disk}/filler bs=4096 2>/dev/null
exit 0
"""
"""Works, and when it has said so the disk becomes full."""
LEFT = {
    "nothing more": ("", ("a.txt",)),
    "uncommitted": ("echo left >left.txt", ("a.txt", "left.txt")),
    "many uncommitted": ("mkdir d; for n in 1 2 3 4 5 6 7 8; do head -c 20000 /dev/urandom >d/$n; done", ()),
    "another branch": ("git checkout -qb other; echo o >o.txt; git add .; git commit -qm o; git checkout -q -", ()),
    "stashed": ("echo s >>a.txt; git stash -q", ("a.txt",)),
}


@pytest.fixture
def machine_disk(workshop: Workshop) -> Iterator[Path]:
    """The small disk that the machine's workspace lies on."""
    with small_disk(workshop.folder / "m1", "6m") as made:
        yield made


async def begun(workshop: Workshop, machine_disk: Path, *, more: str = "", patience: float = 60) -> Run:
    """A run whose one session will find the disk full at its end."""
    workshop.claude.write_text(CLAUDE.format(more=more, says=json.dumps(SAYS), disk=machine_disk))
    return await workshop.run(patience=patience, check="true")


@pytest.mark.parametrize("left", LEFT)
async def test_a_disk_that_has_room_again(workshop: Workshop, machine_disk: Path, left: str) -> None:
    """Whatever a session left, it is fetched once there is room, and the outcome is as without."""
    more, files = LEFT[left]
    live = await begun(workshop, machine_disk, more=more)
    waits: list[MiyabiError] = []

    def make_room(error: MiyabiError) -> None:
        waits.append(error)
        (machine_disk / "filler").unlink(missing_ok=True)

    attempt = await workshop.attempt(live)
    attempt.on_wait = make_room
    result = await attempt.run()
    assert (result.outcome, result.error_text) == (Outcome.SUCCEEDED, None)
    assert set(files) <= set(result.changes.files)
    assert {type(error) for error in waits} == {MachineDiskFull}


async def test_a_disk_that_stays_full(workshop: Workshop, machine_disk: Path) -> None:
    """When patience is over it is told what to free and how to go on; the next run fetches the work."""
    live = await begun(workshop, machine_disk, more=LEFT["uncommitted"][0], patience=0.5)
    result = await (await workshop.attempt(live)).run()
    assert (result.outcome, result.error_kind) == (Outcome.NOT_COLLECTED, "MachineDiskFull")
    assert f"the disk of {machine_disk} is full" in str(result.error_text)
    assert "miyabi orchestrate --run r1" in str(result.error_text)
    (machine_disk / "filler").unlink()
    again = await workshop.run(check="true")
    result = await (await workshop.attempt(again)).run()
    assert (result.outcome, result.attempt, result.changes.files) == (Outcome.SUCCEEDED, 1, ("a.txt", "left.txt"))
