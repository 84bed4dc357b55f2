"""A file that one process at a time holds; the kernel gives it back however that one ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def held(file: Path, *, busy: Callable[[str], Exception]) -> Iterator[None]:
    """Inside, the file is ours and has our process id.

    Args:
        file: made where it is not there; stays afterwards, for whoever waits for it.
        busy: makes what is raised where another process has it, out of that one's id, `?` where that is not known.
    """
    with open(file, "a+", encoding="utf-8", opener=_private) as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            raise busy(handle.read().strip() or "?") from None
        handle.truncate(0)
        handle.write(f"{os.getpid()}\n")
        handle.flush()
        yield


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
