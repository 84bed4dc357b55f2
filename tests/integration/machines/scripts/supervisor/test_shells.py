"""The same line works under every shell that people log in with, and every sh that their system has."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from miyabi.machines import quoting
from miyabi.sessions import State
from tests.support.machines import supervisor
from tests.support.machines.supervisor import STUBBORN, Station, eventually, gone, shells

station = supervisor.station

LOGIN_SHELLS = [shell for shell in (*shells(), "tcsh", "fish") if shutil.which(shell.split()[0])]


@pytest.mark.parametrize("shell", shells())
def test_a_session_lives_and_is_stopped_under_any_sh(station: Station, shell: str) -> None:
    """Start, repeat, conflict, follow and stop, whatever sh the machine calls its own."""
    station.shell = tuple(shell.split())
    assert station.start("s", "cat; exit 3", stdin=b"words\n", after="echo checked").returncode == 0
    followed = station.call("follow", "s", "0", "0").stdout
    assert b"D o 0 6\nwords\n" in followed
    assert followed.splitlines()[-1].startswith(b"X miyabi1 s exited rc=3 by=itself check=0 ")
    assert station.start("s", "cat; exit 3", stdin=b"words\n", after="echo checked").returncode == 0
    assert station.start("s", "cat", stdin=b"words\n").returncode == 66
    station.start("t", STUBBORN)
    assert b" exited rc=137 by=stop " in station.call("cancel", "t", "0.1").stdout


@pytest.mark.parametrize("shell", LOGIN_SHELLS)
def test_any_login_shell_runs_our_line(station: Station, tmp_path: Path, shell: str) -> None:
    """A home with a blank and a quote in it arrives whole through sh, csh and fish alike."""
    home = tmp_path / "it's a home"
    (home / "my place" / "bin").mkdir(parents=True)
    shutil.copy(station.script, home / "my place" / "bin" / "supervise.sh")
    words = ["exec", "/bin/sh", "~/my place/bin/supervise.sh", "~/my place", "status", "s"]
    done = subprocess.run(
        [*shell.split(), "-c", quoting.command_line(words)],
        env={"HOME": str(home), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("miyabi1 s none rc=- ")


def test_the_way_of_macos_without_proc(station: Station) -> None:
    """Where there is no /proc, ps tells who lives: sessions end, orphans are told and trees are ended."""
    station.environment["MIYABI_NO_PROC"] = "1"
    station.start("s", "exit 3", after="exit 4")
    assert station.ends("s").check_exit == 4
    station.start("t", f"sh -c '{STUBBORN}' & {STUBBORN}", slots=1)
    agent = station.agent("t")
    assert station.status("t").state is State.RUNNING
    os.kill(station.supervisor("t"), signal.SIGKILL)
    eventually(lambda: station.status("t").state is State.ORPHAN)
    assert station.start("u", "true", slots=1).returncode == 69
    assert b" exited rc=137 by=stop " in station.call("cancel", "t", "0.1").stdout
    assert gone(agent)
    assert station.start("u", "true", slots=1).returncode == 0


def test_a_workspace_with_blanks_and_quotes(tmp_path: Path) -> None:
    """Whatever the folder is called, sessions run in it."""
    odd = Station(tmp_path / 'it\'s $HOME "really" *')
    try:
        odd.start("s", "exit 3", after="echo checked")
        assert odd.ends("s").check_exit == 0
        assert odd.status("s").free_kib
        assert odd.call("rm", "s").returncode == 0
        assert list((odd.workspace / "sessions").iterdir()) == []
    finally:
        odd.clean()


@pytest.mark.skipif(os.geteuid() != 0, reason="perl is hidden by a mount, which takes root")
def test_a_machine_without_perl_says_so(station: Station) -> None:
    """One clear line and an exit status of its own."""
    hide = f'mount --bind /dev/null {shutil.which("perl")} && exec "$@"'
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", hide, "sh", *station.words("status", "s")],
        env=station.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 78
    assert done.stderr.startswith("miyabi: no perl on the PATH of this machine (")
