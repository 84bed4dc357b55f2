"""Which processes a command has made: its descendants, and those that left it but carry its mark in their environment.

/proc on Linux, ps elsewhere. Only the standard library: `miyabi.system.guarded_command` runs without any other.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")
_IS_LINUX = (_PROC / "self/stat").exists()
_STEPS = 200
_PAUSE_SECONDS = 0.02
_KILL_SECONDS = 5.0


class Process(NamedTuple):
    """A process that lives: no zombie."""

    pid: int
    parent: int
    group: int


def end_tree(leader: int, *, mark: str, grace_seconds: float, on_wait: Callable[[], object]) -> None:
    """Ends a command and all that it has made: TERM, and KILL to what is left after the grace.

    Args:
        leader: process id of the command, which leads a process group of its own.
        mark: `NAME=value` in the environment that it was given.
        grace_seconds: how long what listens to TERM may take to tidy up.
        on_wait: called again and again; reaps the command itself.
    """
    known = {leader}
    for ending, seconds in ((signal.SIGTERM, grace_seconds), (signal.SIGKILL, _KILL_SECONDS)):
        deadline, signalled = time.monotonic() + seconds, set[int]()
        while (left := _groups(leader, known, mark=mark)) and time.monotonic() < deadline:
            for group in left - signalled:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(group, ending)
            signalled |= left
            on_wait()
            time.sleep(_PAUSE_SECONDS)


def _groups(leader: int, known: set[int], *, mark: str) -> set[int]:
    """The process groups that are left of it; those that were found once are `known` from then on."""
    table = _linux_table() if _IS_LINUX else _ps_table()
    mine = {pid for pid in table if _is_below(pid, leader, table)} | (_marked(mark) & table.keys())
    known |= {table[pid].group for pid in mine} - {0, os.getpgrp()}
    return known & {process.group for process in table.values()}


def _is_below(pid: int, leader: int, table: Mapping[int, Process]) -> bool:
    for _ in range(_STEPS):  # the table is read piece by piece, so parents may lead in a circle
        if pid == leader or pid not in table:
            break
        pid = table[pid].parent
    return pid == leader


def _linux_table() -> dict[int, Process]:
    found = {}
    for folder in _PROC.iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError, ValueError):
                state, parent, group, *_ = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
                if state not in {"Z", "X"}:
                    found[int(folder.name)] = Process(int(folder.name), int(parent), int(group))
    return found


def _ps_table() -> dict[int, Process]:
    rows = (line.split() for line in _ps("-o", "pid=", "-o", "ppid=", "-o", "pgid=", "-o", "stat="))
    return {int(row[0]): Process(*map(int, row[:3])) for row in rows if not row[3].startswith("Z")}


def _marked(mark: str) -> set[int]:
    """Those that carry the mark, as far as we may see that."""
    if not _IS_LINUX:
        return {int(line.split()[0]) for line in _ps("-E", "-ww", "-o", "pid=", "-o", "command=") if mark in line}
    found, wanted = set[int](), b"\0%b\0" % mark.encode()
    for folder in _PROC.iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                if wanted in b"\0%b" % (folder / "environ").read_bytes():
                    found.add(int(folder.name))
    return found


def _ps(*words: str) -> list[str]:
    done = subprocess.run(["ps", "-A", *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    return done.stdout.decode(errors="replace").splitlines()
