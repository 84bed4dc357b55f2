"""The disk of this computer is full: the one error for it, whichever call met it."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from miyabi.errors import DiskFull

_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT})
_WORDS = re.compile(r"No space left on device|[Qq]uota exceeded|Out of disk ?space")


def is_full(error: OSError) -> bool:
    """Returns whether the error says that a disk or a quota is full."""
    return error.errno in _ERRNOS or isinstance(error, DiskFull)


def says_full(text: str) -> bool:
    """Returns whether a program's output says that a disk or a quota is full."""
    return _WORDS.search(text) is not None


def disk_full(error: OSError, path: Path | str | None = None) -> DiskFull:
    """Makes a DiskFull that names the file; one that is a DiskFull already is returned as it is."""
    if isinstance(error, DiskFull):
        return error
    return DiskFull(f"{path or error.filename or 'this computer'}: {error.strerror}. Make room on this computer.")


@contextmanager
def raised_as_full(path: Path) -> Iterator[None]:
    """Raises an OSError from inside as DiskFull where a full disk is its reason; other errors stay as they are.

    Raises:
        DiskFull: the disk or the quota is full.
    """
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise disk_full(error, path) from error
        raise
