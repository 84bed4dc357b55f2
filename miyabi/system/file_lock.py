"""A file that one process at a time holds; the kernel gives it back however that one ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from miyabi.system.full_disk import told_as_full

_MOST_DIGITS = 32


@contextmanager
def held(file: Path, *, busy: Callable[[str], Exception]) -> Iterator[None]:
    """Inside, the file is ours and has our process id.

    Args:
        file: made where it is not there; stays afterwards, for whoever waits for it.
        busy: makes what is raised where another process has it, out of that one's id, `?` where that is not known.

    Raises:
        DiskFull: there is no room for the file.
    """
    with told_as_full(file):
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _take(descriptor, busy)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, busy: Callable[[str], Exception]) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise busy(os.pread(descriptor, _MOST_DIGITS, 0).decode().strip() or "?") from None
    os.ftruncate(descriptor, 0)
    with suppress(OSError):  # a full disk: who waits is told `?`
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
