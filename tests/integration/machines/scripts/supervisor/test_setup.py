"""What comes before the agent: in its slot, not on its clock, and without it there is no agent."""

from __future__ import annotations

import pytest

from miyabi.sessions import State
from tests.support.machines import supervisor
from tests.support.machines.supervisor import STUBBORN, Station, eventually

station = supervisor.station


def test_the_agent_begins_when_its_set_up_has_passed(station: Station) -> None:
    """It holds the slot from the set-up on, and none of its seconds has gone by then."""
    gate = station.workspace / "go"
    waits = f"echo one; until [ -e '{gate}' ]; do sleep 0.05; done; echo two >&2; echo made >'{station.workspace}/made'"
    station.start("s", f"cat '{station.workspace}/made'", setup=waits, slots=1, seconds=1, after="echo over")
    eventually(lambda: station.file("s", "setup.log").exists() and station.file("s", "setup.log").read_bytes() != b"")
    assert station.start("t", "true", slots=1).returncode == 69
    station.call("status", "s")
    eventually(lambda: station.status("s").now > station.file("s", "claim").stat().st_ctime + 1)
    gate.touch()
    end = station.ends("s")
    assert (end.exit_status, end.ended_by, end.check_exit) == (0, "itself", 0)
    assert station.file("s", "out").read_bytes() == b"made\n"
    assert station.call("log", "s", "100", "setup").stdout == b"one\ntwo\n"
    assert station.call("log", "s", "100").stdout == b"over\n"


@pytest.mark.parametrize(
    ("setup", "seconds", "ended_by", "status"),
    [("echo no; exit 7", 600, "setup", 7), (STUBBORN, 0.3, "setup_timeout", 137)],
)
def test_no_agent_without_its_set_up(station: Station, setup: str, seconds: float, ended_by: str, status: int) -> None:
    """One that fails, or takes too long, is the end: neither the agent nor what comes after it runs."""
    station.environment["MIYABI_GRACE_SECONDS"] = "0.2"
    station.start("s", "echo agent", setup=setup, setup_seconds=seconds, after="echo after")
    end = station.ends("s")
    assert (end.exit_status, end.ended_by, end.check_exit, end.out_bytes) == (status, ended_by, None, 0)
    assert not station.file("s", "check.log").exists()
    assert station.live() == []


def test_a_stop_during_the_set_up(station: Station) -> None:
    """It ends the set-up as it ends an agent, and says that it was a stop."""
    station.start("s", "echo agent", setup="exec sleep 600")
    station.agent("s")
    assert b"by=stop" in station.call("cancel", "s", "1").stdout
    assert station.status("s").out_bytes == 0


def test_another_set_up_is_another_session(station: Station) -> None:
    """A repeat with the same parts attaches; one with another set-up does not."""
    station.start("s", "true", setup="exit 3")
    assert station.start("s", "true", setup="exit 3").returncode == 0
    refused = station.start("s", "true", setup="exit 4")
    assert (refused.returncode, refused.stderr) == (66, b"miyabi: session s exists with another setup\n")
    assert station.ends("s").state is State.EXITED


def test_each_slot_has_a_number_and_ports_of_its_own(station: Station) -> None:
    """Set-up, agent and check have the same; no two sessions that live have one, and what is free is given again."""
    says = 'echo "$MIYABI_SLOT $MIYABI_PORT"'
    gate = station.workspace / "go"
    waits = f"{says}; until [ -e '{gate}' ]; do sleep 0.05; done"
    calls = [station.start_words(f"s{k}", waits, setup=says, after=says, slots=3) for k in range(3)]
    assert station.storm(calls) == [0, 0, 0]
    eventually(lambda: all(station.status(f"s{k}").out_bytes for k in range(3)))
    said = [station.file(f"s{k}", "out").read_text() for k in range(3)]
    assert sorted(said) == ["0 20000\n", "1 20020\n", "2 20040\n"]
    first = said.index("0 20000\n")
    station.call("cancel", f"s{first}", "1")
    station.start("again", waits, slots=3)
    eventually(lambda: station.status("again").out_bytes > 0)
    assert station.file("again", "out").read_text() == "0 20000\n"
    gate.touch()
    for k in set(range(3)) - {first}:
        station.ends(f"s{k}")
        logs = [station.file(f"s{k}", f"{name}.log").read_text() for name in ("setup", "check")]
        assert logs == [said[k], said[k]]
