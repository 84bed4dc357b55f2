"""Starting on the machine: once, all or nothing, with exactly what was sent."""

from __future__ import annotations

from typing import Any

import pytest

from miyabi.sessions import State
from tests.support.machines import supervisor
from tests.support.machines.supervisor import Station, eventually

station = supervisor.station

_OF_GLIBC = 0b11 << 31
"""Two signals of the C library's own, which its posix_spawn leaves ignored."""


def test_twelve_starts_at_once_launch_once(station: Station) -> None:
    """However many ask at once, the agent runs once and everybody attaches."""
    call = station.start_words("s", "echo run; sleep 0.3")
    assert station.storm([call] * 12) == [0] * 12
    assert station.ends("s").exit_status == 0
    assert station.file("s", "out").read_bytes() == b"run\n"


def test_a_repeat_attaches_even_when_all_is_over(station: Station) -> None:
    """Asking again after the end answers with the end and starts nothing."""
    station.start("s", "echo run; exit 3")
    station.ends("s")
    assert b" exited rc=3 by=itself " in station.start("s", "echo run; exit 3").stdout
    assert station.file("s", "out").read_bytes() == b"run\n"


def test_other_parts_under_the_same_name_are_refused(station: Station) -> None:
    """A name stands for one content: another script, input or after is a conflict."""
    station.start("s", "cat", stdin=b"a", after="true")
    assert station.start("s", "cat ", stdin=b"a", after="true").returncode == 66
    assert station.start("s", "cat", stdin=b"b", after="true").returncode == 66
    refused = station.start("s", "cat", stdin=b"a", after="false")
    assert refused.returncode == 66
    assert refused.stderr == b"miyabi: session s exists with another after\n"


@pytest.mark.parametrize("part", ["cmd", "input", "after"])
def test_what_was_refused_may_come_back_with_other_parts(station: Station, part: str) -> None:
    """It never ran: another build may make its script otherwise, and then that is what runs, once there is a slot."""
    station.start("holder", "sleep 600")
    old: dict[str, Any] = {"cmd": "echo old; cat", "stdin": b"words\n", "after": "echo after"}
    new = (
        old | {"cmd": {"cmd": "echo new; cat"}, "input": {"stdin": b"others\n"}, "after": {"after": "echo later"}}[part]
    )
    assert [station.start("s", slots=1, **parts).returncode for parts in (old, new, new)] == [69, 69, 69]
    station.call("cancel", "holder", "1")
    assert station.start("s", slots=1, **new).returncode == 0
    station.ends("s")
    said = station.file("s", "out").read_bytes() + station.call("log", "s", "1000").stdout
    assert (
        said
        == {
            "cmd": b"new\nwords\nafter\n",
            "input": b"old\nothers\nafter\n",
            "after": b"old\nwords\nlater\n",
        }[part]
    )
    assert station.start("s", slots=1, **old).returncode == 66


def test_input_that_came_short_starts_nothing(station: Station) -> None:
    """A link cut while sending looks like the end of the input: nothing is staged, nothing stays."""
    words, sent = station.start_words("s", "echo run", stdin=b"prompt")
    assert station.call("start", *words, stdin=sent[:-1]).returncode == 65
    assert station.status("s").state is State.NONE
    assert list((station.workspace / "sessions").iterdir()) == []
    assert station.call("start", *words, stdin=sent).returncode == 0


def test_the_agent_gets_its_input_and_its_mark(station: Station) -> None:
    """Input arrives byte for byte, the session's name is in the environment, the home is the place."""
    text = bytes(range(256)) * 300
    station.start("s", 'printf "%s %s\\n" "$MIYABI_SESSION" "$PWD"; cat; echo oops >&2', stdin=text)
    status = station.ends("s")
    home = station.environment["HOME"].encode()
    assert station.file("s", "out").read_bytes() == b"s " + home + b"\n" + text
    assert station.file("s", "err").read_bytes() == b"\noops\n"
    assert status.out_bytes == len(station.file("s", "out").read_bytes())
    assert status.free_kib


def test_our_files_are_private_and_the_agents_are_the_users(station: Station) -> None:
    """Prompts and output are readable by the user only; the agent works with the user's own umask."""
    station.shell = ("sh", "-c", 'umask 002; exec sh "$0" "$@"')
    station.start("s", "umask")
    station.ends("s")
    assert station.file("s", "out").read_bytes().strip() == b"0002"
    assert station.file("s", "input").stat().st_mode & 0o077 == 0
    assert station.file("s", "out").parent.stat().st_mode & 0o077 == 0


def test_the_agent_is_a_session_of_its_own_with_default_signals(station: Station) -> None:
    """No terminal, no group and no ignored signal of ours reaches the agent."""
    masks = "while read -r name value; do case $name in SigBlk:|SigIgn:) echo $value;; esac; done </proc/$$/status"
    station.start("s", f"ps -o pid=,pgid=,sid= -p $$; {masks}")  # no child: a shell that forks blocks them for a moment
    station.ends("s")
    ids, *signals = station.file("s", "out").read_text().splitlines()
    assert len(set(ids.split())) == 1
    assert [int(mask, 16) & ~_OF_GLIBC for mask in signals] == [0, 0]


def test_a_mac_is_kept_awake_for_as_long_as_the_supervisor_lives(station: Station) -> None:
    """Where there is caffeinate, it is told whom to wait for."""
    stub = station.workspace.parent / "caffeinate"
    stub.write_text('#!/bin/sh\necho "$@" >"$HOME/awake"\n')
    stub.chmod(0o700)
    station.environment["PATH"] += f":{stub.parent}"
    station.start("s", "while [ ! -s awake ]; do sleep 0.02; done")
    assert station.ends("s").exit_status == 0
    assert (stub.parent / "awake").read_text() == f"-is -w {station.supervisor('s')}\n"


def test_what_was_stopped_before_it_came_never_starts(station: Station) -> None:
    """A stop that overtakes its start wins."""
    assert b" exited rc=143 by=stop " in station.call("cancel", "s", "1").stdout
    assert b" exited rc=143 by=stop " in station.start("s", "echo run").stdout
    assert not station.file("s", "cmd").exists()
    assert station.live() == []


def test_names_that_are_no_names_are_refused(station: Station) -> None:
    """Nothing outside the sessions' folder can be named."""
    for name in ("../x", ".hidden", "a/b", "", "a b", "x" * 201):
        assert station.call("status", name).returncode == 64
    assert station.call("shout", "s").returncode == 64


def test_removed_sessions_leave_nothing(station: Station) -> None:
    """A session can be forgotten when it is over, not before; its name is then free again."""
    station.start("s", "sleep 600")
    assert station.call("rm", "s").returncode == 70
    station.call("cancel", "s", "1")
    assert station.call("rm", "s").returncode == 0
    assert list((station.workspace / "sessions").iterdir()) == []
    assert list((station.workspace / "slots").iterdir()) == []
    station.start("s", "echo again")
    station.ends("s")
    assert station.file("s", "out").read_bytes() == b"again\n"


def test_the_list_names_every_session(station: Station) -> None:
    """One line a session, by name."""
    station.start("b", "exit 2")
    station.start("a", "exit 1")
    eventually(lambda: station.live() == [])
    lines = station.call("list").stdout.decode().splitlines()
    assert [line.split()[1:4] for line in lines] == [["a", "exited", "rc=1"], ["b", "exited", "rc=2"]]
