"""A set-up that is begun ahead: never two in one checkout, whatever breaks off, and it has no slot and no number."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from miyabi.sessions import State
from tests.support.machines import supervisor
from tests.support.machines.supervisor import STUBBORN, Station, eventually, gone

station = supervisor.station

AHEAD, FIRST, SECOND = "r.t.0", "r.t.1", "r.t.2"


def ahead(station: Station, setup: str, *, seconds: float = 600) -> subprocess.CompletedProcess[bytes]:
    """`ahead` with the sh text of the set-up."""
    text = setup.encode()
    return station.call("ahead", AHEAD, str(seconds), str(len(text)), stdin=text)


def gated(station: Station, more: str = "true") -> tuple[str, Path, Path]:
    """A set-up that breaks down where it meets another one, and ends once there is the file; and where each begins."""
    gate, begun, alone = station.workspace / "go", station.workspace / "begun", station.workspace / "alone"
    text = f"""
        mkdir '{alone}' || {{ echo two >>'{begun}'; exit 99; }}
        trap "rmdir '{alone}'" EXIT; trap 'exit 143' TERM
        echo one >>'{begun}'
        until [ -e '{gate}' ]; do sleep 0.05; done; {more}
        """
    return text, gate, begun


def lines(file: Path) -> list[str]:
    """Its lines; none where it is not there."""
    return file.read_text().splitlines() if file.exists() else []


def test_it_has_no_slot_and_no_number(station: Station) -> None:
    """It runs beside a full machine; what would be another session's is not in its environment."""
    station.environment |= {"MIYABI_SLOT": "7", "MIYABI_PORT": "7"}
    station.start("r.other.1", "exec sleep 600", slots=1)
    assert ahead(station, 'echo "${MIYABI_SLOT-none} ${MIYABI_PORT-none}"').returncode == 0
    assert station.ends(AHEAD).ended_by == "itself"
    assert station.file(AHEAD, "setup.log").read_text() == "none none\n"
    assert station.live() == ["r.other.1"]


def test_the_session_waits_for_it(station: Station) -> None:
    """With its slot, until the set-up has ended; then its own is run, which finds that it is done, and the agent."""
    text, gate, begun = gated(station)
    ahead(station, text)
    eventually(lambda: lines(begun) == ["one"])
    station.start(FIRST, "echo agent", setup=text, slots=1)
    assert station.start("r.other.1", "true", slots=1).returncode == 69
    assert (station.status(FIRST).state, station.file(FIRST, "setup.log").exists()) == (State.RUNNING, False)
    gate.touch()
    assert station.ends(FIRST).ended_by == "itself"
    assert station.file(FIRST, "out").read_bytes() == b"agent\n"
    assert lines(begun) == ["one", "one"]


@pytest.mark.parametrize(
    ("setup", "seconds", "ended_by", "status"),
    [("echo no; exit 7", 600, "setup", 7), (f"echo no; {STUBBORN}", 0.3, "setup_timeout", 137)],
)
def test_one_that_failed_is_the_sessions_own(
    station: Station, setup: str, seconds: float, ended_by: str, status: int
) -> None:
    """The same set-up is not tried again by its session, which has its lines; another session of the task tries it."""
    station.environment["MIYABI_GRACE_SECONDS"] = "0.2"
    ahead(station, setup, seconds=seconds)
    station.start(FIRST, "echo agent", setup=setup)
    end = station.ends(FIRST)
    assert (end.ended_by, end.exit_status, end.out_bytes) == (ended_by, status, 0)
    logs = [station.file(each, "setup.log").read_bytes() for each in (AHEAD, FIRST)]
    assert logs[0] == logs[1]
    assert (logs[0] == b"no\n") or ended_by == "setup_timeout"
    station.start(SECOND, "echo agent", setup="echo yes")
    assert station.ends(SECOND).out_bytes == 6
    assert station.call("log", SECOND, "100", "setup").stdout == b"yes\n"


def test_many_requests_are_one_set_up(station: Station) -> None:
    """Whoever asks again, as after a link that dropped, meets the one that runs; so does a session that begins then."""
    text, gate, begun = gated(station)
    sent = text.encode()
    words = station.words("ahead", AHEAD, "600", str(len(sent)))
    start, parts = station.start_words(FIRST, "echo agent", setup=text)
    calls = [(words, sent)] * 5 + [(station.words("start", *start), parts)] + [(words, sent)] * 5
    assert set(station.at_once(calls)) <= {0, 70}
    gate.touch()
    assert station.ends(FIRST).ended_by == "itself"
    assert "two" not in lines(begun)
    assert ahead(station, text).returncode in {0, 70}
    assert station.live() == []


def test_it_does_not_begin_once_a_session_has(station: Station) -> None:
    """A request that was long on its way is refused, also where the session is over or was forbidden."""
    station.start(FIRST, "true")
    station.ends(FIRST)
    refused = ahead(station, "touch made")
    assert (refused.returncode, refused.stderr) == (70, b"miyabi: session r.t.1 has begun\n")
    station.call("cancel", "r.u.0", "1")
    late = station.call("ahead", "r.u.0", "600", "4", stdin=b"true")
    assert (late.returncode, station.status("r.u.0").ended_by) == (0, "stop")
    assert not station.file("r.u.0", "setup.log").exists()


@pytest.mark.parametrize("session", [AHEAD, FIRST])
def test_a_stop(station: Station, session: str) -> None:
    """Of it, or of its session, which waits or has not come yet: nothing of it runs on, and no agent begins."""
    text, gate, begun = gated(station)
    ahead(station, text)
    eventually(lambda: lines(begun) == ["one"])
    assert b"by=stop" in station.call("cancel", session, "1").stdout
    assert station.status(AHEAD).state is State.EXITED
    gate.touch()
    station.start(FIRST, "echo agent", setup=text)
    assert station.ends(FIRST).out_bytes == (6 if session == AHEAD else 0)
    assert lines(begun) == (["one", "one"] if session == AHEAD else ["one"])


def test_a_stop_of_the_session_that_waits(station: Station) -> None:
    """It ends what it waits for, and was stopped itself."""
    text, _, begun = gated(station)
    ahead(station, text)
    station.start(FIRST, "echo agent", setup=text)
    assert b"by=stop" in station.call("cancel", FIRST, "1").stdout
    assert (station.status(AHEAD).ended_by, station.status(FIRST).out_bytes) == ("stop", 0)
    assert station.processes() == []
    assert lines(begun) in ([], ["one"])


def test_a_supervisor_that_was_killed(station: Station) -> None:
    """What it left running is ended by the session that comes, before its own set-up begins."""
    text, gate, begun = gated(station)
    ahead(station, text)
    eventually(lambda: lines(begun) == ["one"])
    running = station.agent(AHEAD)
    os.kill(station.supervisor(AHEAD), signal.SIGKILL)
    eventually(lambda: station.status(AHEAD).state is State.ORPHAN)
    station.start(FIRST, "echo agent", setup=text)
    eventually(lambda: gone(running))
    gate.touch()
    assert station.ends(FIRST).ended_by == "itself"
    assert lines(begun) == ["one", "one"]
