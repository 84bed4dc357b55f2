"""supervise.sh as a machine runs it, with a workspace of its own: `station`."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from miyabi.machines import install
from miyabi.sessions import State, Status
from miyabi.sessions.protocol import parse_status

STUBBORN = "trap '' TERM; while :; do sleep 0.05; done"
"""sh text of an agent that no TERM ends."""


def eventually(promise: Callable[[], bool], *, seconds: float = 120) -> None:
    """Returns as soon as it holds.

    Raises:
        AssertionError: it did not come to hold in time.
    """
    deadline = time.monotonic() + seconds
    while not promise():
        assert time.monotonic() < deadline, "it did not come to hold in time"
        time.sleep(0.01)


class Station:
    """One machine's supervise.sh, called as a host calls it."""

    def __init__(self, folder: Path, *, shell: Sequence[str] = ("sh",)) -> None:
        self.workspace = folder / "workspace"
        self.workspace.mkdir(parents=True)
        self.script = folder / "supervise.sh"
        self.script.write_bytes(install.script("supervise"))
        self.shell = tuple(shell)
        self.environment = {"HOME": str(folder), "PATH": os.environ["PATH"]}

    def words(self, verb: str, *words: str) -> list[str]:
        """The command line."""
        return [*self.shell, str(self.script), str(self.workspace), verb, *words]

    def call(self, verb: str, *words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """One call, however it ends."""
        line = self.words(verb, *words)
        return subprocess.run(line, input=stdin, env=self.environment, capture_output=True, check=False, timeout=240)

    def start(self, session: str, cmd: str, **more: Any) -> subprocess.CompletedProcess[bytes]:
        """`start`, with the agent's sh text, and more as `start_words` takes it."""
        words, sent = self.start_words(session, cmd, **more)
        return self.call("start", *words, stdin=sent)

    def start_words(
        self,
        session: str,
        cmd: str,
        *,
        stdin: bytes = b"",
        after: str = "",
        setup: str = "",
        slots: int = 99,
        seconds: float = 600,
        after_seconds: float = 600,
        linger: float = 600,
        setup_seconds: float = 600,
        stall: float = 0,
        stop_seconds: float = 0,
    ) -> tuple[list[str], bytes]:
        """What `start` is given: its words and its stdin."""
        parts = (cmd.encode(), stdin, after.encode(), setup.encode())
        limits = [str(slots), *map(str, (seconds, after_seconds, linger, setup_seconds, stall, stop_seconds))]
        return [session, *limits, *(str(len(part)) for part in parts)], b"".join(parts)

    def storm(self, calls: Sequence[tuple[Sequence[str], bytes]]) -> list[int]:
        """Many `start` calls at once; their exit statuses."""
        return self.at_once([(self.words("start", *words), sent) for words, sent in calls])

    def at_once(self, calls: Sequence[tuple[Sequence[str], bytes]]) -> list[int]:
        """Many command lines with their input at once; their exit statuses."""
        pipe = subprocess.PIPE
        running = [
            subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, env=self.environment) for words, _ in calls
        ]
        for process, (_, sent) in zip(running, calls, strict=True):  # all wait for their input: now they race
            assert process.stdin
            process.stdin.write(sent)
            process.stdin.close()
            process.stdin = None
        for process in running:
            process.communicate(timeout=240)
        return [process.returncode for process in running]

    def status(self, session: str) -> Status:
        """Where it stands."""
        return parse_status(self.call("status", session).stdout.decode())[1]

    def live(self) -> list[str]:
        """Who holds a slot."""
        return [line.split()[1] for line in self.call("live").stdout.decode().splitlines()]

    def ends(self, session: str, *, seconds: float = 120) -> Status:
        """Its status once it is over."""
        eventually(lambda: self.status(session).state is State.EXITED, seconds=seconds)
        return self.status(session)

    def file(self, session: str, name: str) -> Path:
        """One of the session's files."""
        return self.workspace / "sessions" / session / name

    def supervisor(self, session: str) -> int:
        """The supervisor's pid."""
        return int(self.file(session, "claim").read_text().split()[0])

    def agent(self, session: str) -> int:
        """The agent's pid, once it is there."""
        eventually(lambda: self.file(session, "claim").read_text().split()[3] != "0")
        return int(self.file(session, "claim").read_text().split()[3])

    def processes(self) -> list[int]:
        """Everything that runs of this workspace: supervisors, agents, strays."""
        return [int(p.name) for p in Path("/proc").glob("[0-9]*") if p.name != str(os.getpid()) and self._ours(p)]

    def _ours(self, process: Path) -> bool:
        with contextlib.suppress(OSError):
            if f"MIYABI_WORKSPACE={self.workspace}".encode() in (process / "environ").read_bytes().split(b"\0"):
                return process.joinpath("stat").read_text().rpartition(")")[2].split()[0] != "Z"
            return (process / "fd" / "2").readlink().is_relative_to(self.workspace)
        return False

    def clean(self) -> None:
        """Ends whatever a test left running."""
        deadline = time.monotonic() + 120
        while left := self.processes():
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            assert time.monotonic() < deadline, f"still running: {left}"


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    """A machine's supervise.sh; nothing of it runs afterwards."""
    here = Station(tmp_path)
    try:
        yield here
    finally:
        here.clean()


def gone(pid: int) -> bool:
    """Whether a process has ended; one that only waits to be reaped has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in {"Z", "X"}
    except OSError:
        return True


def shells() -> list[str]:
    """The shells that this machine has, of those that people have on theirs."""
    wanted = ("sh", "dash", "bash", "bash --posix", "zsh", "mksh", "posh", "busybox sh")
    return [shell for shell in wanted if shutil.which(shell.split()[0])]
