"""How sessions end: by themselves, by the clock, by us; and what comes after, and what is left."""

from __future__ import annotations

import os
import signal

import pytest

from miyabi.sessions import State
from tests.support.machines import supervisor
from tests.support.machines.supervisor import STUBBORN, Station, eventually, gone

station = supervisor.station

SALVAGE = 'echo "stopped=${MIYABI_STOPPED:-no} agent=$MIYABI_AGENT_EXIT"; exit 4'
TREE = f'(setsid sh -c "{STUBBORN}" & echo $! >>pids; exec sh -c "{STUBBORN}") & echo $! >>pids; {STUBBORN}'
"""An agent, a child and a grandchild in a session of its own; none of them heeds TERM."""


def pids(station: Station) -> list[int]:
    """Those that the tree has written down."""
    path = station.workspace.parent / "pids"
    eventually(lambda: path.exists() and len(path.read_text().split()) == 2)
    return [int(word) for word in path.read_text().split()]


def test_exit_status_and_check_are_kept_apart(station: Station) -> None:
    """The agent's end and what comes after it are two figures, and the log is kept."""
    station.start("s", "exit 3", after=SALVAGE)
    status = station.ends("s")
    assert (status.exit_status, status.ended_by, status.check_exit) == (3, "itself", 4)
    assert station.call("log", "s", "1000").stdout == b"stopped=no agent=3\n"
    assert station.call("log", "s", "3").stdout == b"=3\n"


@pytest.mark.parametrize(("name", "status"), [("TERM", 143), ("KILL", 137), ("SEGV", 139)])
def test_an_agent_killed_by_others_is_reported_as_sh_tells_it(station: Station, name: str, status: int) -> None:
    """A signal that is not ours is 128 and its number, ended by itself."""
    station.start("s", f"kill -{name} $$")
    ended = station.ends("s")
    assert (ended.exit_status, ended.ended_by) == (status, "itself")


def test_the_time_limit_ends_a_tree_that_ignores_term(station: Station) -> None:
    """Without any orchestrator the machine ends everything below the agent, and salvages."""
    station.environment["MIYABI_GRACE_SECONDS"] = "0.3"
    station.start("s", TREE, after=SALVAGE, seconds=0.7)
    children = pids(station)
    status = station.ends("s")
    assert (status.exit_status, status.ended_by, status.check_exit) == (137, "timeout", 4)
    assert station.call("log", "s", "1000").stdout == b"stopped=1 agent=137\n"
    assert all(gone(pid) for pid in children)


def test_a_stop_ends_a_tree_that_ignores_term(station: Station) -> None:
    """The same for a stop, whose grace is given with it."""
    station.start("s", TREE, after=SALVAGE)
    children = pids(station)
    assert b" exited rc=137 by=stop check=4 " in station.call("cancel", "s", "0.3").stdout
    assert station.call("log", "s", "1000").stdout == b"stopped=1 agent=137\n"
    assert all(gone(pid) for pid in children)


def test_a_stop_gives_the_agent_its_grace(station: Station) -> None:
    """An agent that ends well on TERM is not killed, and its own exit status is kept."""
    station.start("s", "trap 'sleep 0.3; echo tidy; exit 9' TERM; echo up; while :; do sleep 0.05; done")
    eventually(lambda: station.status("s").out_bytes > 0)
    assert b" exited rc=9 by=stop " in station.call("cancel", "s", "10").stdout
    assert station.file("s", "out").read_bytes() == b"up\ntidy\n"


def test_what_the_agent_leaves_behind_is_ended(station: Station) -> None:
    """Children in the background, also those who made a session of their own and lost their parent."""
    station.start("s", "sleep 600 & echo $! >>pids; (setsid sleep 600 & echo $! >>pids); exit 0")
    status = station.ends("s")
    assert (status.exit_status, status.ended_by) == (0, "itself")
    assert all(gone(pid) for pid in pids(station))
    assert station.processes() == []


def test_nothing_comes_after_where_nothing_was_asked(station: Station) -> None:
    """Without an `after` there is no check to tell of."""
    station.start("s", "true")
    assert station.ends("s").check_exit is None


def test_an_after_that_takes_too_long_is_ended(station: Station) -> None:
    """Its tree goes the way of the agent's; the agent's own end stays what it was."""
    station.environment["MIYABI_GRACE_SECONDS"] = "0.2"
    station.start("s", "exit 0", after=f"echo begun; {TREE}", after_seconds=0.5)
    children = pids(station)
    status = station.ends("s")
    assert (status.exit_status, status.ended_by, status.check_exit) == (0, "itself", None)
    assert station.call("log", "s", "1000").stdout.startswith(b"begun\n")
    assert all(gone(pid) for pid in children)


def test_a_stop_during_the_check_ends_the_check(station: Station) -> None:
    """The session was stopped then, though its agent had ended by itself: nobody knows what the check had said."""
    station.start("s", "exit 0", after="sleep 600")
    eventually(lambda: station.status("s").exit_status == 0)
    assert b" exited rc=0 by=stop check=- " in station.call("cancel", "s", "5").stdout


def test_stopping_twice_salvages_once(station: Station) -> None:
    """A second stop while the first one's salvage runs waits for it."""
    station.start("s", "sleep 600", after="sleep 0.5; echo salvaged")
    station.agent("s")
    call = (station.words("cancel", "s", "5"), b"")
    assert station.at_once([call] * 3) == [0, 0, 0]
    assert station.file("s", "check.log").read_bytes() == b"salvaged\n"


def test_a_stop_after_the_end_changes_nothing(station: Station) -> None:
    """What is over stays as it was."""
    station.start("s", "exit 5")
    station.ends("s")
    assert b" exited rc=5 by=itself " in station.call("cancel", "s", "1").stdout


def test_an_orphan_can_be_stopped(station: Station) -> None:
    """Without its supervisor a tree is still found and ended, by whoever asks."""
    station.start("s", TREE)
    children = pids(station)
    os.kill(station.supervisor("s"), signal.SIGKILL)
    eventually(lambda: station.status("s").state is State.ORPHAN)
    assert b" exited rc=137 by=stop " in station.call("cancel", "s", "0.3").stdout
    assert all(gone(pid) for pid in children)
    assert station.live() == []


def test_a_polite_signal_to_the_supervisor_changes_nothing(station: Station) -> None:
    """HUP, INT and TERM are not for it: it stays with its session."""
    station.start("s", "while [ ! -e go ]; do sleep 0.05; done; exit 6")
    station.agent("s")
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        os.kill(station.supervisor("s"), number)
    assert station.status("s").state is State.RUNNING
    (station.workspace.parent / "go").touch()
    assert station.ends("s").exit_status == 6


def test_a_reused_pid_is_not_taken_for_the_supervisor(station: Station) -> None:
    """The same pid with another start time is somebody else."""
    station.start("s", "exec sleep 600")
    agent = station.agent("s")
    os.kill(station.supervisor("s"), signal.SIGKILL)
    os.kill(agent, signal.SIGKILL)
    claim = station.file("s", "claim")
    fields = claim.read_text().split()
    claim.write_text(" ".join([str(os.getpid()), "1", *fields[2:]]).ljust(200) + "\n")
    eventually(lambda: station.status("s").state is State.LOST)
