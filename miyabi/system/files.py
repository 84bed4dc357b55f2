"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from miyabi.system.full_disk import told_as_full


def write_text(path: Path, text: str) -> None:
    """Write the file so that a reader, or a crash, meets the old text or the new one, never half of it.

    Raises:
        DiskFull: there is no room for it; the old file is untouched then.
        OSError: the folder is missing or not ours; the same.
    """
    with told_as_full(path):
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
                file.write(text)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
