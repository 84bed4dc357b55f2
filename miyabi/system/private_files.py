"""Files and folders that only their owner may read, whatever the umask: what sessions say may hold secrets."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from miyabi.system.full_disk import raised_as_full

_FILE, _FOLDER = 0o600, 0o700


def make_folder(path: Path, *, levels: int = 1) -> None:
    """Makes the folder; the last `levels` of its path are closed to others, also where they were there already.

    Raises:
        DiskFull: there is no room for it.
        OSError: it cannot be made there.
    """
    own = [path, *path.parents][:levels]
    with raised_as_full(path):
        own[-1].parent.mkdir(parents=True, exist_ok=True)
        for folder in reversed(own):
            folder.mkdir(mode=_FOLDER, exist_ok=True)
            if folder.stat().st_mode & 0o077:
                with suppress(PermissionError):  # whose folder it is decides
                    folder.chmod(_FOLDER)


def open_to_append(path: Path) -> BinaryIO:
    """Opens the file, unbuffered, to be written at its end.

    Raises:
        OSError: as `open`.
    """
    return open_file(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)


def write_bytes(path: Path, content: bytes) -> None:
    """Writes the file anew.

    Raises:
        DiskFull: there is no room for it.
        OSError: as `open`.
    """
    with raised_as_full(path), open_file(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as file:
        left = memoryview(content)
        while left:
            left = left[file.write(left) :]


def open_file(path: Path, flags: int) -> BinaryIO:
    """Opens the file, unbuffered, closed to others before anything is written.

    Args:
        path: made where `flags` say so, with mode 0600.
        flags: those of os.open(); with O_APPEND it is written at its end.

    Raises:
        OSError: as `open`.
    """
    handle = os.open(path, flags | os.O_CLOEXEC, _FILE)
    with suppress(PermissionError):  # a file that was there has kept its mode until now
        os.fchmod(handle, _FILE)
    return os.fdopen(handle, "wb" if not flags & os.O_APPEND else "ab", buffering=0)
