"""Files that are whole or not there, and locks by files."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from miyabi.system.full_disk import raised_as_full


def atomic_write(path: Path, text: str) -> None:
    """Writes the file so that a reader, or a crash, meets the old text or the new one, never half of it.

    Raises:
        DiskFull: there is no room for it; the old file is untouched then.
        OSError: the folder is missing or not ours; the same.
    """
    with raised_as_full(path):
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
                file.write(text)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


_MOST_DIGITS = 32


@contextmanager
def locked(file: Path, *, busy: Callable[[str], Exception] | None = None) -> Iterator[None]:
    """Holds the file inside the context; our process id stands in it meanwhile.

    Args:
        file: made where it is not there; stays afterwards, for whoever waits for it.
        busy: makes the exception that is raised where another process has it, from that one's id, `?` where not known;
            None: waits until it is free.

    Raises:
        DiskFull: there is no room for the file.
        OSError: it cannot be opened.
    """
    with raised_as_full(file):
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _take(descriptor, busy)
        yield
    finally:
        os.close(descriptor)


def is_locked(file: Path) -> bool:
    """Returns whether some process is inside `locked` with the file; False where there is none.

    Raises:
        OSError: the file is there and cannot be read.
    """
    try:
        with file.open("rb") as opened:
            fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (FileNotFoundError, BlockingIOError) as reason:
        return isinstance(reason, BlockingIOError)
    return False


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Holds the folder inside the context; the kernel gives it back when our process ends (flock(2)).

    Raises:
        BlockingIOError: another process has it.
        OSError: there is no such folder, or it is a link.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, busy: Callable[[str], Exception] | None) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if busy is None else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        if busy is None:
            raise
        raise busy(os.pread(descriptor, _MOST_DIGITS, 0).decode().strip() or "?") from None
    os.ftruncate(descriptor, 0)
    with suppress(OSError):  # a full disk: who waits then reads `?`
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
