"""Where what belongs to no repository is kept."""

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
