"""Files of a run's folder that are not what they should be."""

from __future__ import annotations

from pathlib import Path


def damage_file(file: Path, *, is_folder: bool = False) -> None:
    """Something that is not what it should be is where the file was."""
    file.unlink(missing_ok=True)
    if is_folder:
        file.mkdir()
    else:
        file.write_text("{")
