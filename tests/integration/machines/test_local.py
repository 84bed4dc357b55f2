"""This machine as a host."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from miyabi.errors import MachineError
from miyabi.machines.local import LocalHost
from tests.support.machines.supervisor import eventually, gone


async def test_a_command_is_reported_as_it_ended() -> None:
    """Both outputs are raw bytes, and no exit status is an exception."""
    done = await LocalHost().run(["sh", "-c", r"printf 'a\377'; echo b >&2; exit 3"])
    assert (done.exit_status, done.stdout, done.stderr) == (3, b"a\xff", b"b\n")
    assert (await LocalHost().run(["no-such-command-here"])).exit_status == 127
    assert (await LocalHost().run(["sh", "-c", "kill -9 $$"])).exit_status == 137


async def test_files_go_in_and_out(tmp_path: Path) -> None:
    """A file of ours is read as stdin, another takes the output."""
    (tmp_path / "in").write_bytes(b"\0" * 300_000)
    done = await LocalHost().run(["cat"], stdin=tmp_path / "in", stdout=tmp_path / "out")
    assert done.stdout == b""
    assert (tmp_path / "out").read_bytes() == b"\0" * 300_000


async def test_input_that_nobody_reads_is_no_trouble() -> None:
    """A command may end before it has read everything."""
    assert (await LocalHost().run(["true"], stdin=b"x" * 1_000_000)).exit_status == 0


async def test_our_secrets_do_not_reach_the_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment is that of a login, not ours."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "secret")
    monkeypatch.setenv("LC_TIME", "C")
    names = {line.split(b"=")[0] for line in (await LocalHost().run(["env"])).stdout.splitlines()}
    assert names <= {
        b"HOME",
        b"PATH",
        b"USER",
        b"LOGNAME",
        b"SHELL",
        b"LANG",
        b"TMPDIR",
        b"LC_TIME",
        b"PWD",
        b"OLDPWD",
        b"SHLVL",
        b"_",
        b"LC_CTYPE",
        b"LC_ALL",
    }
    assert {b"HOME", b"PATH", b"LC_TIME"} <= names


async def test_a_command_starts_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As over SSH: the working folder is the home, and `~/` is it, too."""
    monkeypatch.setenv("HOME", str(tmp_path))
    done = await LocalHost().run(["sh", "-c", 'pwd; echo "$1"', "sh", "~/a b"])
    assert done.stdout.decode() == f"{tmp_path}\n{tmp_path}/a b\n"


async def test_a_command_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    """The error names the machine and the command; nothing of it is left."""
    words = ["sh", "-c", f"echo $$ >{tmp_path}/pid; sleep 600; true"]
    with pytest.raises(MachineError, match=r"box: a command took longer than 0\.3 s and was ended: sh"):
        await LocalHost("box").run(words, timeout_seconds=0.3)
    eventually(lambda: gone(int((tmp_path / "pid").read_text())))


async def test_a_cancelled_command_is_ended(tmp_path: Path) -> None:
    """Whoever stops waiting leaves no process behind."""
    running = asyncio.create_task(LocalHost().run(["sh", "-c", f"echo $$ >{tmp_path}/pid; sleep 600; true"]))
    await asyncio.to_thread(eventually, lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text() != "")
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    eventually(lambda: gone(int((tmp_path / "pid").read_text())))


async def test_a_stream_comes_as_it_is_written_and_ends_with_its_reader(tmp_path: Path) -> None:
    """Chunks arrive while the command runs; leaving the context ends it."""
    words = ["sh", "-c", f"echo $$ >{tmp_path}/pid; echo one; sleep 0.1; echo two; sleep 600; true"]
    async with LocalHost().stream(words) as chunks:
        heard = [await anext(chunks), await anext(chunks)]
    assert heard == [b"one\n", b"two\n"]
    eventually(lambda: gone(int((tmp_path / "pid").read_text())))


async def test_a_stream_that_is_over_ends() -> None:
    """The end of the output is the end of the iteration."""
    async with LocalHost().stream(["printf", "abc"]) as chunks:
        assert [chunk async for chunk in chunks] == [b"abc"]
