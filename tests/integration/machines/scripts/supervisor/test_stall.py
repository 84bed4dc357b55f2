"""A session that says nothing is ended by its machine, and so is one that is still there at its hour."""

from __future__ import annotations

import shlex

import pytest

from tests.integration.machines.scripts.supervisor.test_linger import AGENT, INIT, RESULT, SAYS, TOOL, says, started
from tests.support.machines import supervisor
from tests.support.machines.supervisor import STUBBORN, Station, eventually

station = supervisor.station

AFTER = 'echo "stopped=${MIYABI_STOPPED:-no}"'
WAITS = "exec sleep 600"


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(":", id="not a word"),
        pytest.param(says(INIT, {**SAYS, "message": {"content": [TOOL]}}), id="a tool that hangs"),
        pytest.param(says(INIT, started(AGENT), RESULT), id="an agent in the background that hangs"),
    ],
)
def test_silence_ends_a_session(station: Station, said: str) -> None:
    """Whatever it was at, its whole tree with it; what comes after is told of a stop."""
    station.environment["MIYABI_GRACE_SECONDS"] = "0.3"
    stubborn = f"(setsid sh -c {shlex.quote(STUBBORN)} &)"
    station.start("s", f"{stubborn}; {said}; {WAITS}", after=AFTER, linger=0.2, stall=1)
    assert station.ends("s").ended_by == "stalled"
    assert station.call("log", "s", "99").stdout == b"stopped=1\n"
    assert station.processes() == []


def test_any_byte_is_a_sign_of_life(station: Station) -> None:
    """Half a line, of whatever program: for four times as long as its silence may last."""
    ticks = "n=0; while [ $n -lt 40 ]; do printf .; n=$((n+1)); sleep 0.2; done"
    station.start("s", f"{ticks}; exit 5", linger=0.2, stall=2)
    assert station.ends("s").ended_by == "itself"


def test_a_result_is_no_stall(station: Station) -> None:
    """What stays after its last result lingers, however much sooner the other silence would be over."""
    station.start("s", f"{says(INIT, RESULT)}; {WAITS}", linger=1.5, stall=0.3)
    assert station.ends("s").ended_by == "lingered"


def test_a_machine_that_slept_was_not_silent(station: Station) -> None:
    """The time in which nobody could look does not count: the supervisor sleeps for three stalls of its session."""
    sleeps = "kill -STOP $PPID; sleep 3; kill -CONT $PPID"
    station.start("s", f"{sleeps}; echo awake; exit 5", linger=0.5, stall=1)
    assert station.ends("s").ended_by == "itself"


def test_its_hour_is_a_stop(station: Station) -> None:
    """The machine ends it by itself, in its set-up too; what it did is salvaged, and its slot is free."""
    for session, parts in {"a": {"cmd": WAITS, "after": AFTER}, "b": {"cmd": "exit 7", "setup": WAITS}}.items():
        station.start(session, parts.pop("cmd"), **parts, stop_seconds=1)
        assert station.ends(session).ended_by == "stop"
    assert station.call("log", "a", "99").stdout == b"stopped=1\n"
    assert station.live() == []


def test_a_check_ends_at_its_hour(station: Station) -> None:
    """A session that is over has its check cut short, as by a stop."""
    station.start("s", "exit 0", after=WAITS, stop_seconds=1)
    status = station.ends("s")
    assert (status.exit_status, status.ended_by, status.check_exit) == (0, "stop", None)


def test_the_time_limit_comes_first(station: Station) -> None:
    """Where it is the shorter one it is a time limit as ever."""
    station.start("s", WAITS, seconds=0.5, stop_seconds=500)
    eventually(lambda: not station.live())
    assert station.status("s").ended_by == "timeout"
