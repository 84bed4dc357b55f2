"""Detached sessions through RemoteSession, on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from miyabi.errors import MachineFull, MachineNotReady, RemoteFailed, SessionConflict, SessionError
from miyabi.machines.local import LocalHost
from miyabi.sessions import RemoteSession, State, Status, list_sessions, live_sessions
from tests.support.machines import supervisor
from tests.support.machines.supervisor import Station, eventually, gone

station = supervisor.station

NOISE = b"""
k=0
while [ $k -lt 400 ]; do
  k=$((k+1)); echo "$k out \xff\xfe"; echo "$k err" >&2
  [ $((k % 40)) = 0 ] && head -c 300000 /dev/zero | tr '\\0' x && sleep 0.05
done
exit 7
"""


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions of these tests are at home in a folder of their own."""
    monkeypatch.setenv("HOME", str(tmp_path))


def session(station: Station, name: str = "s", *, host: LocalHost | None = None) -> RemoteSession:
    """A session in the station's workspace, so that the station sees and ends what it starts."""
    return RemoteSession(host or LocalHost(), name, workspace=str(station.workspace))


async def start(one: RemoteSession, script: bytes, *, stdin: bytes = b"", after: bytes = b"", slots: int = 9) -> Status:
    """Starts it with limits that do not matter."""
    return await one.start(
        script=script,
        stdin=stdin,
        after=after,
        slots=slots,
        timeout_seconds=60,
        after_timeout_seconds=60,
        linger_seconds=15,
    )


def readers(station: Station) -> list[int]:
    """The processes that read along for somebody."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if os.fsencode(station.workspace) in words and b"follow" in words:
                found.append(int(folder.name))
    return found


async def disturb(station: Station, number: signal.Signals, *, chance: Callable[[], float]) -> None:
    """Sends the signal to the reader, again and again."""
    while True:
        await asyncio.sleep(chance())
        for pid in readers(station):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


async def test_a_session_from_start_to_end(station: Station, tmp_path: Path) -> None:
    """Its input, its output, its two exit statuses and the log of what came after."""
    one = session(station)
    started = await start(one, b"cat; echo oops >&2; exit 7", stdin=b"in\xff\0\n", after=b"echo checked; exit 1")
    assert started.live
    heard: list[bytes] = []
    status = await one.follow(tmp_path / "out", tmp_path / "err", on_output=heard.append)
    assert (status.state, status.exit_status, status.ended_by, status.check_exit) == (State.EXITED, 7, "itself", 1)
    assert b"".join(heard) == (tmp_path / "out").read_bytes() == b"in\xff\0\n"
    assert (tmp_path / "err").read_bytes() == b"\noops\n"
    assert await one.check_log() == b"checked\n"
    again = await start(one, b"cat; echo oops >&2; exit 7", stdin=b"in\xff\0\n", after=b"echo checked; exit 1")
    passing = {"free_kib": status.free_kib, "now": status.now, "over_seconds": status.over_seconds}
    assert replace(again, **passing) == status


async def test_not_a_byte_is_lost_or_doubled_when_readers_die(station: Station, tmp_path: Path) -> None:
    """The reader is killed at random moments: both files and what was heard are exact."""
    one = session(station)
    await start(one, NOISE)
    heard: list[bytes] = []
    chance = random.Random(1)  # noqa: S311 - repeatable trouble, no secret
    trouble = asyncio.create_task(disturb(station, signal.SIGKILL, chance=lambda: chance.uniform(0.01, 0.3)))
    status = await one.follow(tmp_path / "out", tmp_path / "err", on_output=heard.append)
    trouble.cancel()
    assert status.exit_status == 7
    assert (tmp_path / "out").read_bytes() == station.file("s", "out").read_bytes()
    assert (tmp_path / "err").read_bytes() == station.file("s", "err").read_bytes()
    assert b"".join(heard) == (tmp_path / "out").read_bytes()
    assert status.out_bytes > 3_000_000


async def test_a_silent_link_is_left_for_a_new_one(station: Station, tmp_path: Path) -> None:
    """A reader that is stopped says nothing: we take another, and nothing is missing."""
    one = session(station)
    await start(one, b"for k in 1 2 3 4 5 6 7 8; do echo $k; sleep 0.3; done")
    trouble = asyncio.create_task(disturb(station, signal.SIGSTOP, chance=lambda: 0.7))
    status = await one.follow(tmp_path / "out", tmp_path / "err", silence_seconds=0.5)
    trouble.cancel()
    assert status.exit_status == 0
    assert (tmp_path / "out").read_bytes() == b"1\n2\n3\n4\n5\n6\n7\n8\n"
    assert readers(station) == []


async def test_following_again_begins_with_what_we_have(station: Station, tmp_path: Path) -> None:
    """After a restart of ours the file is gone on with, and its content is heard first."""
    one = session(station)
    await start(one, b"echo begun; while [ ! -e go ]; do sleep 0.02; done; echo done")
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1):
            await one.follow(tmp_path / "out", tmp_path / "err")
    assert (tmp_path / "out").read_bytes() == b"begun\n"
    assert (await one.status()).state is State.RUNNING
    (tmp_path / "go").touch()
    heard: list[bytes] = []
    await session(station).follow(tmp_path / "out", tmp_path / "err", on_output=heard.append)
    assert heard == [b"begun\n", b"done\n"]
    assert (tmp_path / "out").read_bytes() == b"begun\ndone\n"


async def test_a_log_that_shrank_is_reported(station: Station, tmp_path: Path) -> None:
    """Less there than here: no byte of it can be trusted, and following ends with a sentence."""
    one = session(station)
    await start(one, b"echo 1234; sleep 600")
    (tmp_path / "out").write_bytes(b"x" * 50)
    with pytest.raises(RemoteFailed, match=r"local: session s: log truncated: stdout has \d+ bytes there, we have 50"):
        await one.follow(tmp_path / "out", tmp_path / "err")


async def test_following_what_nobody_supervises_ends_at_once(station: Station, tmp_path: Path) -> None:
    """Lost, orphaned and unknown sessions have nobody who would tell their end."""
    unknown = await session(station, "unknown").follow(tmp_path / "o1", tmp_path / "e1")
    assert unknown.state is State.NONE
    one = session(station)
    await start(one, b"echo hello; exec sleep 600")
    agent = station.agent("s")
    os.kill(station.supervisor("s"), signal.SIGKILL)
    assert (await one.follow(tmp_path / "o2", tmp_path / "e2")).state is State.ORPHAN
    os.kill(agent, signal.SIGKILL)
    eventually(lambda: gone(agent))
    assert (await one.follow(tmp_path / "o2", tmp_path / "e2")).state is State.LOST
    assert (tmp_path / "o2").read_bytes() == b"hello\n"


async def test_a_stop_ends_it_and_leaves_its_salvage(station: Station, tmp_path: Path) -> None:
    """Stopping and following agree on the end."""
    one = session(station)
    await start(one, b"sleep 600", after=b"echo salvage $MIYABI_STOPPED")
    following = asyncio.create_task(one.follow(tmp_path / "out", tmp_path / "err"))
    stopped = await one.stop(grace_seconds=5)
    assert (stopped.exit_status, stopped.ended_by, stopped.check_exit) == (143, "stop", 0)
    assert (await following).ended_by == "stop"
    assert await one.check_log() == b"salvage 1\n"


async def test_of_a_long_log_the_last_whole_lines_come(station: Station, tmp_path: Path) -> None:
    """What was printed after the end is cut at a line's begin, so that nothing is there in half."""
    one = session(station)
    await start(one, b"true", after=b"seq 100000")
    await one.follow(tmp_path / "out", tmp_path / "err")
    lines = (await one.check_log()).decode().splitlines()
    assert lines == [str(number) for number in range(100001 - len(lines), 100001)]
    assert 64_000 < sum(len(line) + 1 for line in lines) <= 65_536


async def test_a_machine_that_is_full_says_who_is_there(station: Station) -> None:
    """One over its slots is refused there; it starts when there is room."""
    first, second = session(station, "first"), session(station, "second")
    await start(first, b"sleep 600", slots=1)
    with pytest.raises(MachineFull, match=r"^local: 1 of 1 slots are taken by: first\.$"):
        await start(second, b"true", slots=1)
    assert [name for name, _ in await live_sessions(LocalHost(), workspace=str(station.workspace))] == ["first"]
    await first.stop(grace_seconds=1)
    assert (await start(second, b"true", slots=1)).state in {State.RUNNING, State.EXITED}


async def test_a_name_stands_for_one_content(station: Station) -> None:
    """Other parts under the same name are a conflict with a next step."""
    one = session(station)
    await start(one, b"true")
    with pytest.raises(SessionConflict, match=r"session s exists with another cmd\. Remove it there first"):
        await start(one, b"false")


async def test_sessions_are_listed_and_forgotten(station: Station) -> None:
    """What runs cannot be forgotten, what is over can."""
    host = LocalHost()
    one, two = session(station, "one", host=host), session(station, "two", host=host)
    await start(one, b"sleep 600")
    await start(two, b"sleep 600")
    with pytest.raises(SessionError, match=r"session one is running: cancel it first"):
        await one.remove()
    await one.stop(grace_seconds=1)
    await one.remove()
    listed = await list_sessions(host, workspace=str(station.workspace))
    assert [(name, status.state) for name, status in listed] == [("two", State.RUNNING)]


async def test_a_workspace_that_was_wiped_is_furnished_again(station: Station) -> None:
    """Somebody removed our scripts while we ran: they are put there again."""
    host = LocalHost()
    assert await list_sessions(host, workspace=str(station.workspace)) == ()
    for script in (station.workspace / "bin").iterdir():
        script.unlink()
    assert await list_sessions(host, workspace=str(station.workspace)) == ()


async def test_a_workspace_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    """A file where the folder should be: the sentence names it and the way out."""
    (tmp_path / "file").touch()
    with pytest.raises(MachineNotReady, match=r"the workspace .*/file/w cannot be written: .* set another `workspace`"):
        await list_sessions(LocalHost(), workspace=str(tmp_path / "file" / "w"))
