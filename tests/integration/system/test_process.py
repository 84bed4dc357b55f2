"""The end of a child process of ours that still has much to say, or whose own child holds its pipes."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from miyabi.git import Git
from miyabi.integration.verify import run_plainly
from miyabi.machines.local import LocalHost
from tests.support.machines.supervisor import eventually, gone

ENDLESS = "echo $$ >pid; exec yes"


async def test_a_reader_that_leaves_a_stream_in_mid_output(tmp_path: Path) -> None:
    """It gets away, however much was read ahead for it, and the command ends."""

    async def leave() -> None:
        async with LocalHost().stream(["sh", "-c", f"cd {tmp_path}; {ENDLESS}"]) as chunks:
            await anext(chunks)
            await asyncio.sleep(0.3)  # the pipe fills, and is read from no further
            raise OSError("our disk is full")

    async with asyncio.timeout(120):
        with pytest.raises(OSError, match="our disk is full"):
            await leave()
    eventually(lambda: gone(int((tmp_path / "pid").read_text())))


async def test_a_command_whose_child_left_it_and_holds_its_output(tmp_path: Path) -> None:
    """The stream's reader gets away from it; a child in a session of its own is not ours to end."""
    left = f"setsid sh -c 'echo $$ >{tmp_path}/pid; exec sleep 600' & exec yes"
    async with asyncio.timeout(120), LocalHost().stream(["sh", "-c", left]) as chunks:
        await anext(chunks)
        while not ((tmp_path / "pid").exists() and (tmp_path / "pid").read_text()):
            await asyncio.sleep(0.05)
    pid = int((tmp_path / "pid").read_text())
    assert not gone(pid)
    os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("who", ["git", "verification", "host"])
async def test_whoever_is_cancelled_while_a_command_talks(tmp_path: Path, who: str) -> None:
    """It ends at once, and so does the command."""
    command = f"cd {tmp_path}; {ENDLESS}"
    work: dict[str, Coroutine[Any, Any, object]] = {
        "git": Git(tmp_path).run("-c", f"alias.endless=!{command}", "endless"),
        "verification": run_plainly(command, folder=tmp_path, timeout_seconds=60, label="1 of 1"),
        "host": LocalHost().run(["sh", "-c", command]),
    }
    chosen = asyncio.create_task(work.pop(who))
    for other in work.values():
        other.close()
    await asyncio.to_thread(eventually, lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text() != "")
    await asyncio.sleep(0.1)
    chosen.cancel()
    async with asyncio.timeout(120):
        with pytest.raises(asyncio.CancelledError):
            await chosen
    eventually(lambda: gone(int((tmp_path / "pid").read_text())))
