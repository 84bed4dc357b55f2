"""Where the command keeps what belongs to no repository."""

from __future__ import annotations

import os
from pathlib import Path


def miyabi_home() -> Path:
    """`MIYABI_HOME`, or `~/.miyabi`."""
    return Path(os.environ.get("MIYABI_HOME") or "~/.miyabi").expanduser().absolute()
