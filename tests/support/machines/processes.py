"""What really runs on machines, seen in the processes of this computer: `Watch`."""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.support.cli.background import Watching

_EVERY_SECONDS = 0.05
_LOOKS = 20  # after a second without our mark a process is somebody else's


class Watch(Watching):
    """Looks every 50 ms which sessions with workspaces below a folder live, by the environment of their processes.

    `peak` is how many sessions lived at once below a workspace, at most; `starts` has the pids of each session's
    `claude`.
    """

    def __init__(self, below: Path) -> None:
        super().__init__(every_seconds=_EVERY_SECONDS)
        self._below = below
        self.peak: Counter[Path] = Counter()
        self.starts: defaultdict[str, set[int]] = defaultdict(set)
        self._live: dict[Path, set[str]] = {}
        self._looks: Counter[int] = Counter()
        self._ours: set[int] = set()

    def live(self, workspace: Path) -> set[str]:
        """The sessions that lived there at the last look."""
        return self._live.get(workspace, set())

    def look(self) -> None:
        """Which sessions live now."""
        live: defaultdict[Path, set[str]] = defaultdict(set)
        for pid in self._suspects():
            if (session := _session(pid)) and session[0].is_relative_to(self._below):
                self._ours.add(pid)
                live[session[0]].add(session[1])
                if _is_started(pid):
                    self.starts[session[1]].add(pid)
        self._live = dict(live)
        self.peak |= Counter({workspace: len(sessions) for workspace, sessions in live.items()})

    def _suspects(self) -> Iterator[int]:
        pids = {int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()}
        self._ours &= pids  # a number that is free will be another's
        self._looks = Counter({pid: self._looks[pid] + 1 for pid in pids})
        return (pid for pid in pids if pid in self._ours or self._looks[pid] <= _LOOKS)


def _session(pid: int) -> tuple[Path, str] | None:
    """Workspace and name of the session that a process belongs to; None of one that has ended or is no session's."""
    pairs = (line.partition(b"=") for line in _read(pid, "environ").split(b"\0"))
    known = {name.decode(): value.decode() for name, _, value in pairs if name.startswith(b"MIYABI_")}
    if "MIYABI_WORKSPACE" in known and "MIYABI_SESSION" in known:
        return Path(known["MIYABI_WORKSPACE"]), known["MIYABI_SESSION"]
    return None


def _is_started(pid: int) -> bool:
    """Whether it is the claude of a session, and no fork of it, which has its words for a moment."""
    if not _is_claude(pid):
        return False
    parent = int((_read(pid, "stat").rpartition(b")")[2].split() or [b"", b"0"])[1])
    return parent > 0 and not _is_claude(parent)


def _is_claude(pid: int) -> bool:
    return not {b"--session-id", b"--resume"}.isdisjoint(_read(pid, "cmdline").split(b"\0"))


def _read(pid: int, file: str) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/{file}").read_bytes()
    return b""


def at_most(seconds: float) -> float:
    """So many seconds on a computer that does nothing else, more where several want each of its cores."""
    return seconds * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def eventually(promise: Callable[[], object], *, seconds: float = 240, why: Callable[[], str] = str) -> None:
    """Returns as soon as it holds; AssertionError with `why()` when it does not come to hold in time."""
    deadline = time.monotonic() + seconds
    while not promise():
        assert time.monotonic() < deadline, f"it did not come to hold within {seconds:g} s: {why()}"
        time.sleep(0.05)


def working_in(folder: Path) -> list[int]:
    """The processes whose working directory it is: a server in its home, and what that has started. Needs /proc."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink() == folder:
                found.append(int(process.name))
        except OSError:  # it has ended, or is another user's
            continue
    return found
