"""Where the command keeps what belongs to no repository."""

from __future__ import annotations

import os
from pathlib import Path

from miyabi.errors import SettingsError


def miyabi_home() -> Path:
    """Returns `MIYABI_HOME`, or `~/.miyabi`, as an absolute path.

    Raises:
        SettingsError: it is the home of nobody.
    """
    given = os.environ.get("MIYABI_HOME") or "~/.miyabi"
    try:
        return Path(given).expanduser().absolute()
    except RuntimeError:
        text = f"MIYABI_HOME: {given!r}: there is no such home. Set MIYABI_HOME to a folder of yours."
        raise SettingsError(text) from None


def repository_root(folder: Path) -> Path:
    """Finds the nearest folder upwards that is a checkout, the folder itself where none is. Asks no git."""
    return nearest_with(".git", folder) or folder.absolute()


def nearest_with(name: str, folder: Path) -> Path | None:
    """Finds the nearest folder upwards that has something of that name; None where none has."""
    here = folder.absolute()
    return next((path for path in (here, *here.parents) if (path / name).exists()), None)
