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
    """Whether that is what it says."""
    return error.errno in _ERRNOS or isinstance(error, DiskFull)


def says_full(text: str) -> bool:
    """Whether that is what a program says."""
    return _WORDS.search(text) is not None


def disk_full(error: OSError, path: Path | str | None = None) -> DiskFull:
    """The error for it, which names the file."""
    if isinstance(error, DiskFull):
        return error
    return DiskFull(f"{path or error.filename or 'this computer'}: {error.strerror}. Make room on this computer.")


@contextmanager
def raised_as_full(path: Path) -> Iterator[None]:
    """Inside, a full disk is raised as DiskFull; other errors stay as they are."""
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise disk_full(error, path) from error
        raise
