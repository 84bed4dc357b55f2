"""The machine's own cap: never more sessions than slots, whoever asks and whatever died."""

from __future__ import annotations

import fcntl
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from miyabi.sessions import State
from tests.support.machines import supervisor
from tests.support.machines.supervisor import Station, eventually

station = supervisor.station


def test_thirty_starts_at_once_on_three_slots_launch_three(station: Station) -> None:
    """However many orchestrators start at the same moment, no slot is given twice."""
    calls = [station.start_words(f"s{k}", "echo run; sleep 600", slots=3) for k in range(30)]
    assert sorted(station.storm(calls)) == [0] * 3 + [69] * 27
    assert len(station.live()) == 3
    launched = [k for k in range(30) if station.status(f"s{k}").state is State.RUNNING]
    assert sorted(station.live()) == sorted(f"s{k}" for k in launched)
    assert {station.status(f"s{k}").state for k in range(30) if k not in launched} == {State.STAGED}


def test_the_refusal_names_the_holders_and_the_start_may_be_repeated(station: Station) -> None:
    """A refused session stays staged and starts once a slot is free."""
    station.start("first", "sleep 600", slots=1)
    refused = station.start("second", "echo run", slots=1)
    assert refused.returncode == 69
    assert refused.stderr == b"miyabi: 1 of 1 slots are taken by: first\n"
    station.call("cancel", "first", "1")
    assert station.start("second", "echo run", slots=1).returncode == 0
    assert station.ends("second").exit_status == 0


def test_what_comes_for_a_terminal_is_what_runs_there(station: Station) -> None:
    """Not what was refused under the same name before: a session without a terminal, or one with other settings."""
    station.start("r1.a.1", "exec sleep 600", slots=1)
    assert station.start("r1.b.2", "echo headless", setup="exit 3", slots=1).returncode == 69
    for text in (b"echo once", b"echo by hand"):
        assert station.call("put", "r1.b.2", str(len(text)), "0", "0", stdin=text).returncode == 0
    assert station.call("attach", "r1.b.2", "1", "60").returncode == 69
    assert station.call("attach", "r1.b.2", "2", "60").stdout == b"by hand\n"
    station.call("cancel", "r1.a.1", "1")


def test_the_slot_is_held_until_the_check_is_over(station: Station) -> None:
    """What comes after the agent is work, too."""
    gate = station.workspace / "go"
    station.start("first", "true", after=f"until [ -e '{gate}' ]; do sleep 0.05; done", slots=1)
    eventually(lambda: station.status("first").exit_status == 0)
    assert station.start("second", "true", slots=1).returncode == 69
    gate.touch()
    station.ends("first")
    assert station.start("second", "true", slots=1).returncode == 0


def test_a_slot_whose_owner_died_is_free_again(station: Station) -> None:
    """SIGKILL to supervisor and agent: nobody has to tidy up before the next start."""
    station.start("first", "exec sleep 600", slots=1)
    agent = station.agent("first")
    os.kill(station.supervisor("first"), signal.SIGKILL)
    os.kill(agent, signal.SIGKILL)
    eventually(lambda: station.status("first").state is State.LOST)
    assert station.start("second", "true", slots=1).returncode == 0


def test_an_agent_without_its_supervisor_still_holds_its_slot(station: Station) -> None:
    """SIGKILL to the supervisor alone: the agent works on, so its slot is taken until it ends."""
    station.start("first", "while [ ! -e go ]; do sleep 0.05; done", slots=1)
    station.agent("first")
    os.kill(station.supervisor("first"), signal.SIGKILL)
    eventually(lambda: station.status("first").state is State.ORPHAN)
    assert station.start("second", "true", slots=1).returncode == 69
    (station.workspace.parent / "go").touch()
    eventually(lambda: station.status("first").state is State.LOST)
    assert station.start("second", "true", slots=1).returncode == 0


def test_a_stray_in_its_own_session_holds_the_slot_of_a_dead_owner(station: Station) -> None:
    """Supervisor and agent are dead, a tool the agent started works on: that is still this session."""
    station.start("first", "setsid sleep 600 & wait", slots=1)
    agent = station.agent("first")
    eventually(lambda: len(station.processes()) == 3)
    os.kill(station.supervisor("first"), signal.SIGKILL)
    os.kill(agent, signal.SIGKILL)
    eventually(lambda: station.status("first").state is State.ORPHAN)
    assert station.start("second", "true", slots=1).returncode == 69
    assert b" exited rc=137 by=stop " in station.call("cancel", "first", "1").stdout
    assert station.start("second", "true", slots=1).returncode == 0


def test_a_reboot_frees_every_slot(station: Station) -> None:
    """A claim from before the last boot is nobody's, even where its pid is in use again."""
    station.start("first", "sleep 600", slots=1)
    station.agent("first")  # from then on the supervisor leaves its claim alone
    claim = station.file("first", "claim")
    fields = claim.read_text().split()
    boot = boot_id()
    assert fields[2] == boot
    with claim.open("r+") as file:
        file.write(" ".join([*fields[:2], "0" * len(boot), *fields[3:]]).ljust(200))
    assert station.status("first").state is State.LOST
    assert station.start("second", "true", slots=1).returncode == 0


@pytest.mark.parametrize("seed", range(3))
def test_starts_killed_at_any_moment_never_exceed_the_slots(station: Station, seed: int) -> None:
    """Clients are SIGKILLed while they start; whatever got through, no slot is given twice."""
    chance = random.Random(seed)  # noqa: S311 - repeatable trouble, no secret
    for k in range(12):
        words, sent = station.start_words(f"s{k}", "sleep 600", slots=2)
        client = subprocess.Popen(
            station.words("start", *words),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=station.environment,
        )
        assert client.stdin
        client.stdin.write(sent)
        client.stdin.close()
        time.sleep(chance.uniform(0, 0.04))
        client.kill()
        client.wait()
        assert len(station.live()) <= 2
    calls = [station.start_words(f"s{k}", "sleep 600", slots=2) for k in range(12)]
    station.storm(calls)
    assert len(station.live()) == 2


def begin(station: Station, name: str) -> subprocess.Popen[bytes]:
    """A start on one slot, under way."""
    words, sent = station.start_words(name, "sleep 600", slots=1)
    null = subprocess.DEVNULL
    client = subprocess.Popen(
        station.words("start", *words), stdin=subprocess.PIPE, stdout=null, stderr=null, env=station.environment
    )
    assert client.stdin
    client.stdin.write(sent)
    client.stdin.close()
    return client


@pytest.mark.parametrize("turn", range(4))
def test_a_start_killed_while_it_launches_keeps_its_slot(station: Station, turn: int) -> None:
    """SIGKILL the moment the supervisor is born: it goes on, and the next in the queue sees it."""
    station.start("first", "true")
    station.ends("first")
    with (station.workspace / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        clients = [begin(station, name) for name in "ab"]
        time.sleep(0.3)
    born = [Path(f"/proc/{client.pid}/task/{client.pid}/children") for client in clients]
    launching: list[int] = []
    while not launching and any(client.poll() is None for client in clients):  # it may be over before we look
        launching = [k for k in (0, 1) if clients[k].poll() is None and born[k].read_text()]
    for k in launching[:1]:
        clients[k].kill()
    for client in clients:
        client.wait()
    assert len(station.live()) == 1
    assert State.LOST not in {station.status(name).state for name in "ab"}


def boot_id() -> str:
    """This machine's boot id."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
