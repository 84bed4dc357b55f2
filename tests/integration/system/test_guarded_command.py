"""A guarded command sees no secret, and nothing of it stays: however it ends, and whoever ends it."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from miyabi.system import guarded_command, process_tree
from tests.support.machines.processes import eventually
from tests.support.machines.supervisor import gone

SLEEPS = "open('{name}', 'w').write(str(os.getpid())); time.sleep(1000)"
DAEMON = f"import os, time; os.fork() and os._exit(0); os.setsid(); {SLEEPS}"
GROUPED = f"import os, time; os.setpgid(0, 0); {SLEEPS.format(name='grouped')}"
STUBBORN = "(trap '' TERM; sh -c 'echo $PPID >stubborn'; while :; do sleep 1; done)"
TREE = f'{sys.executable} -c "{GROUPED}" & {STUBBORN} & wait'

PIPE_BYTES = 65_536

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a guarded command in the test's folder, in the environment of an orchestrator with a token."""
    started: list[subprocess.Popen[str]] = []

    def begin(command: str, *, seconds: float = 60) -> subprocess.Popen[str]:
        words = guarded_command.guarded(command, timeout_seconds=seconds)
        environment = os.environ | {"GITHUB_TOKEN": "a-token-of-the-orchestrator"}
        process = subprocess.Popen(words, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def daemon(name: str) -> str:
    """A command that leaves its parents, its group and its session; its process id is in the file."""
    return f'{sys.executable} -c "{DAEMON.format(name=name)}"'


def pid_in(file: Path) -> int:
    """The process id, once it is there."""
    eventually(lambda: file.exists() and file.read_text().strip() != "")
    return int(file.read_text())


def unread(process: subprocess.Popen[str]) -> int:
    """Bytes of its output that wait to be read."""
    assert process.stdout
    return int.from_bytes(fcntl.ioctl(process.stdout, termios.FIONREAD, bytes(4)), sys.byteorder)


def test_no_secret_is_in_any_environment(start: Start) -> None:
    """Neither the command nor the process that guards it has what only the orchestrator may know."""
    process = start("env; tr '\\0' '\\n' </proc/$PPID/environ; echo end")
    output, _ = process.communicate(timeout=120)
    assert output.endswith("end\n")
    assert "a-token-of" not in output
    assert output.count("PATH=") == 2


def test_what_left_the_command_is_ended_with_it(start: Start, tmp_path: Path) -> None:
    """A daemon with a session of its own does not outlive the command that started it."""
    process = start(f"{daemon('one')}; until test -s one; do sleep 0.05; done; echo up")
    assert process.communicate(timeout=120) == ("up\n", None)
    assert process.returncode == 0
    assert gone(pid_in(tmp_path / "one"))


def test_a_time_limit_ends_the_whole_tree(start: Start, tmp_path: Path) -> None:
    """At its time limit the command goes, its children in groups of their own, and what ignores TERM."""
    process = start(TREE, seconds=2)
    said, _ = process.communicate(timeout=120)
    assert (process.returncode, said) == (124, "\nended after 2 s: that is its time limit\n")
    assert [gone(pid_in(tmp_path / name)) for name in ("grouped", "stubborn")] == [True, True]


@pytest.mark.parametrize("is_linux", [True, False])
def test_a_tree_is_found_by_proc_and_by_ps(is_linux: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001 - a parameter of the test
    """On Linux and as on macOS, all that descends from a command is ended."""
    monkeypatch.setattr(process_tree, "_IS_LINUX", is_linux)
    process = subprocess.Popen(["/bin/sh", "-c", TREE], cwd=tmp_path, start_new_session=True)
    pids = [pid_in(tmp_path / name) for name in ("grouped", "stubborn")]
    process_tree.end_tree(process.pid, mark="NOBODY=has", grace_seconds=0.5, on_wait=process.poll)
    process.wait(10)
    assert [*map(gone, pids)] == [True, True]


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_who_ends_the_guard_ends_the_command(start: Start, ending: signal.Signals, tmp_path: Path) -> None:
    """It lets the command tidy up, and is not kept from that by a second signal."""
    process = start(f"trap 'sleep 1; echo tidy >tidied; exit' TERM; {daemon('one')}; sleep 1000 & wait")
    left = pid_in(tmp_path / "one")
    process.send_signal(ending)
    time.sleep(0.3)
    process.send_signal(ending)
    process.communicate(timeout=120)
    assert process.returncode == 128 + ending
    assert (tmp_path / "tidied").read_text() == "tidy\n"
    assert gone(left)


def test_output_that_nobody_reads_does_not_keep_it(start: Start) -> None:
    """Who ends it need not read what it still has to say."""
    process = start("yes")
    eventually(lambda: unread(process) >= PIPE_BYTES)
    process.terminate()
    assert process.wait(10) == 128 + signal.SIGTERM


def test_an_orchestrator_that_is_killed_leaves_nothing_behind(tmp_path: Path) -> None:
    """Where nobody waits for it any more, the command is ended, though it says nothing that could fail to be read."""
    command = f"{daemon('one')}; echo $$ >shell; sleep 1000"
    program = f"import subprocess; subprocess.run({guarded_command.guarded(command, timeout_seconds=600)!r})"
    orchestrator = subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path)
    pids = [pid_in(tmp_path / name) for name in ("one", "shell")]
    orchestrator.kill()
    orchestrator.wait()
    eventually(lambda: all(map(gone, pids)))


def test_both_ways_see_the_same_processes() -> None:
    """What ps tells is what /proc tells, as far as both have been there all along."""
    before, listed, after = process_tree._linux_table(), process_tree._ps_table(), process_tree._linux_table()
    lasting = before.keys() & after.keys()
    assert {pid: listed[pid] for pid in lasting} == {pid: after[pid] for pid in lasting}
