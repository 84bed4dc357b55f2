"""A machine whose disk is full: no exit status lost, nothing half done."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from miyabi.session_status import State
from tests.support.sessions import Station

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a small disk is mounted, which takes root")
FILL = "dd if=/dev/zero bs=4096 2>/dev/null || exit 28"
"""An agent that writes until the disk is full."""


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Station]:
    """A machine whose workspace lies on a disk of 1 MB."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)], check=True)
    station = Station(tmp_path)
    try:
        yield station
    finally:
        station.clean()
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_an_agent_that_fills_the_disk_keeps_its_exit_status(small: Station) -> None:
    """The end is told by a rename, which needs no room."""
    small.start("s", FILL)
    status = small.ends("s")
    assert (status.exit_status, status.ended_by) == (28, "itself")
    assert status.free_kib == 0
    assert small.live() == []


def test_a_disk_filled_by_others_loses_no_exit_status(small: Station) -> None:
    """The same for an agent that could write nothing any more, and for what comes after it."""
    small.start("s", "while [ ! -e go ]; do sleep 0.05; done; exit 7", after="exit 5")
    small.agent("s")
    fill(small)
    (small.workspace.parent / "go").mkdir()
    status = small.ends("s")
    assert (status.exit_status, status.check_exit) == (7, 5)


def test_no_start_on_a_full_disk(small: Station) -> None:
    """It is refused as such, leaves nothing, and works once there is room."""
    small.start("first", "true")
    small.ends("first")
    filler = fill(small)
    refused = small.start("s", "echo run", stdin=b"x" * 9000)
    assert refused.returncode == 73
    assert b"No space left on device" in refused.stderr
    assert sorted(p.name for p in (small.workspace / "sessions").iterdir()) == ["first"]
    assert small.status("s").state is State.NONE
    filler.unlink()
    assert small.start("s", "echo run", stdin=b"x" * 9000).returncode == 0
    assert small.ends("s").exit_status == 0


def test_no_claim_on_a_full_disk(small: Station) -> None:
    """Where only the claim finds no room any more, nothing runs and no slot is held."""
    small.start("holder", "sleep 600", slots=1)
    assert small.start("s", "echo run", slots=1).returncode == 69
    filler = fill(small)
    refused = small.start("s", "echo run", slots=2)
    assert refused.returncode == 73
    assert small.live() == ["holder"]
    assert small.status("s").state is State.STAGED
    assert b" exited rc=143 by=stop " in small.call("cancel", "holder", "1").stdout
    filler.unlink()
    assert small.start("s", "echo run", slots=1).returncode == 0


def fill(station: Station) -> Path:
    """A file that takes all the room there is."""
    path = station.workspace.parent / "filler"
    subprocess.run(["dd", "if=/dev/zero", f"of={path}", "bs=4096"], check=False, capture_output=True)
    return path
