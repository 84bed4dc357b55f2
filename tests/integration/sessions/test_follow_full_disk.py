"""Our own disk is full while a session is followed: every byte of its output is heard once, and in order."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from miyabi.errors import DiskFull, MiyabiError
from miyabi.machines.local import LocalHost
from miyabi.sessions import RemoteSession
from tests.support.machines.small_disk import small_disk
from tests.support.machines.supervisor import Station, station  # noqa: F401 - a fixture

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a small disk is mounted, which takes root")
AGENT = "printf '%0{first}d\\n' 1; until [ -e go ]; do sleep 0.05; done; seq {more}"


@pytest.fixture
def copies_disk(tmp_path: Path) -> Iterator[Path]:
    """Where our copies are."""
    with small_disk(tmp_path / "ours", "1m") as made:
        yield made


@pytest.mark.parametrize("free_kib", [0, 4, 64])
@pytest.mark.parametrize(("first", "more"), [(100, 3000), (4094, 3000), (4095, 3000), (9000, 30000)])
async def test_no_byte_is_missed(station: Station, copies_disk: Path, *, first: int, more: int, free_kib: int) -> None:
    """Also where a part of what came had room: in the block that the copy has already, or in what was left free."""
    heard: list[bytes] = []
    waits: list[MiyabiError] = []
    filler = copies_disk / "filler"

    def on_output(chunk: bytes) -> None:
        heard.append(chunk)
        if sum(map(len, heard)) == first + 1:
            subprocess.run(["dd", "if=/dev/zero", f"of={filler}", "bs=4096"], check=False, capture_output=True)
            os.truncate(filler, filler.stat().st_size - 1024 * free_kib)
            (station.workspace.parent / "go").mkdir()

    def on_wait(error: MiyabiError) -> None:
        waits.append(error)
        filler.unlink(missing_ok=True)

    station.start("s", AGENT.format(first=first, more=more))
    follower = RemoteSession(LocalHost(), "s", workspace=str(station.workspace))
    await follower.follow(copies_disk / "out", copies_disk / "err", on_output=on_output, on_wait=on_wait)
    assert {type(error) for error in waits} <= {DiskFull}
    assert bool(waits) is (free_kib < 64 or more > 3000)
    assert b"".join(heard) == (copies_disk / "out").read_bytes() == station.file("s", "out").read_bytes()
