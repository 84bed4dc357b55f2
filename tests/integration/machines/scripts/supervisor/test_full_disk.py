"""A machine whose disk is full: no exit status lost, nothing half done."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from miyabi.claude import Evidence, Transcript
from miyabi.claude.outcome import decide
from miyabi.sessions import Outcome, State
from tests.support.claude.messages_api import MessagesApi
from tests.support.claude.real import claude_binary, claude_environment, messages_api  # noqa: F401 - a fixture
from tests.support.machines.supervisor import Station

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a small disk is mounted, which takes root")
FILL = "dd if=/dev/zero bs=4096 2>/dev/null || exit 28"
"""An agent that writes until the disk is full."""
WAIT = "until [ -e go ]; do sleep 0.05; done"


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
    small.start("s", f"{WAIT}; exit 7", after="exit 5")
    small.agent("s")
    fill(small)
    (small.workspace.parent / "go").mkdir()
    status = small.ends("s")
    assert (status.exit_status, status.check_exit) == (7, 5)


@pytest.mark.parametrize("characters", [1, 350, 4000])
def test_the_last_words_find_room(small: Station, characters: int) -> None:
    """What an agent says last on stderr is kept on a full disk, so that its end is explained whenever it is read."""
    small.start("s", f'{WAIT}; printf %s "$(cat)" >&2; exit 1', stdin=b"w" * characters)
    small.agent("s")
    filler = fill(small)
    (small.workspace.parent / "go").mkdir()
    status = small.ends("s")
    filler.unlink()
    assert small.file("s", "err").read_bytes() == b"\n" + b"w" * characters
    assert (status.exit_status, status.free_kib) == (1, 0)


@pytest.mark.parametrize("also", ["", "home"])
def test_a_claude_that_could_save_nothing(
    small: Station,
    messages_api: MessagesApi,
    also: str,
    tmp_path: Path,
) -> None:
    """The real one works to its end, its output is lost, and it says so; that is no failed launch."""
    with tempfile.TemporaryDirectory() as elsewhere:
        home = (tmp_path / also if also else Path(elsewhere)) / "claude"
        home.mkdir(parents=True)
        environment = claude_environment(messages_api.url, home=home)
        words = [f"{name}={value}" for name, value in environment.items()]
        call = [str(claude_binary()), "-p", "--output-format", "stream-json", "--verbose"]
        small.start("s", f"{WAIT}; exec {shlex.join(['env', *words, *call])}", stdin=b"Do it.")
        small.agent("s")
        filler = fill(small)
        (tmp_path / "go").mkdir()
        status = small.ends("s")
        filler.unlink()
    stderr = small.file("s", "err").read_text()
    decision = decide(Transcript(), Evidence(agent_exit=status.exit_status, stderr=stderr))
    assert small.file("s", "out").read_bytes() == b""
    assert (decision.outcome, decision.error_kind) == (Outcome.KILLED, "crashed")
    assert "could not save all of the output sent to a file" in str(decision.error_text)
    assert ("transcript" in stderr) is bool(also)


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
