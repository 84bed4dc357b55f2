"""Where a command is called: the repository around the folder, as git sees it."""

from __future__ import annotations

from pathlib import Path


def repository_root(folder: Path) -> Path:
    """The nearest folder upwards that is a repository's checkout, the folder itself where none is."""
    here = folder.absolute()
    return next((path for path in (here, *here.parents) if (path / ".git").exists()), here)
