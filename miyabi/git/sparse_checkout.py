"""Whether a file of the repository that is read here is there to be read, as its configuration."""

from __future__ import annotations

from pathlib import Path

from miyabi.errors import SettingsError
from miyabi.git.command import Git

_SKIPPED = "S "


async def require_checked_out(root: Path, file: Path, *, config: Path | None) -> None:
    """Checks that the file is there, is not in the repository at all, or another one is read in its place.

    Args:
        root: folder of the checkout, or of a bare repository.
        file: the configuration, seen from there.
        config: another file to read instead, if there is one.

    Raises:
        SettingsError: a sparse checkout leaves it out, so that a run would go on without what it says.
    """
    if config or (root / file).exists() or not (root / ".git").exists():
        return
    answer = await Git(root).run("ls-files", "-t", "--", str(file))
    if answer.text.startswith(_SKIPPED):
        raise SettingsError(
            f"{root / file} is in the repository, but this sparse checkout leaves it out."
            f" Check it out (git sparse-checkout add {file.parent}), or name another file with --config."
        )
