"""Child processes: how they begin, and those of which only the end counts."""

from __future__ import annotations

import asyncio
import os
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path

import pytest

from miyabi.system import exit_status, kill_group, spawn


async def test_a_child_is_what_it_is_told_to_be(tmp_path: Path) -> None:
    """It runs there, in that environment alone, and leads a group of its own."""
    line = 'echo "$(pwd -P) ${GIVEN-} ${HOME-none}"; exec ps -o pgid= -p $$'
    words, given = ["/bin/sh", "-c", line], {"GIVEN": "yes", "PATH": os.environ["PATH"]}
    child = await spawn(words, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL, env=given, cwd=str(tmp_path))
    output, _ = await child.communicate()
    assert output.decode().split() == [str(tmp_path), "yes", "none", str(child.pid)]


@pytest.mark.parametrize("turns", [0, 1, 2, 5])
async def test_a_child_whose_start_is_cancelled(turns: int) -> None:
    """However far it had come, nothing of it is left: its output ends, which it and its own child would keep open."""
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as ours:
        with os.fdopen(writer, "wb") as theirs:
            words = ["/bin/sh", "-c", "sleep 600 & wait"]
            starting = asyncio.ensure_future(spawn(words, stdin=DEVNULL, stdout=theirs, stderr=DEVNULL, env=os.environ))
            for _ in range(turns):
                await asyncio.sleep(0)
            if starting.done():
                await kill_group(await starting)
            starting.cancel()
            await asyncio.wait([starting])
        assert await asyncio.to_thread(ours.read) == b""


async def test_a_child_that_cannot_be_started(tmp_path: Path) -> None:
    """That is an OSError: there is no such command, or no such folder."""
    for word, folder in (("/nonexistent/command", None), ("/bin/sh", str(tmp_path / "nowhere"))):
        with pytest.raises(FileNotFoundError):
            await spawn([word], stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL, env={}, cwd=folder)


@pytest.mark.parametrize(("command", "status"), [("exit 0", 0), ("exit 3", 3), ("read line", 1), ("kill -9 $$", -9)])
def test_how_a_command_ends(command: str, status: int) -> None:
    """Its exit status, or the signal that ended it; there is nothing to read for it."""
    assert exit_status(["/bin/sh", "-c", command], timeout_seconds=20) == status


def test_what_it_says_is_not_shown(capfd: pytest.CaptureFixture[str]) -> None:
    """Neither its output nor its complaints reach the user."""
    assert exit_status(["/bin/sh", "-c", "echo out; echo err >&2"], timeout_seconds=20) == 0
    assert capfd.readouterr() == ("", "")


def test_a_command_that_does_not_end() -> None:
    """It is ended."""
    with pytest.raises(TimeoutError, match="sleep"):
        exit_status(["sleep", "60"], timeout_seconds=0.1)


def test_a_command_that_is_not_there() -> None:
    """That is an OSError as any."""
    with pytest.raises(FileNotFoundError):
        exit_status(["/nonexistent/command"], timeout_seconds=20)
