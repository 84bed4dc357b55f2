"""Whether the repository's configuration is there to be read."""

from __future__ import annotations

from pathlib import Path

from miyabi.errors import SettingsError
from miyabi.git import Git
from miyabi.settings import CONFIG_FILE

_SKIPPED = "S "


async def require_checked_out(root: Path, *, config: Path | None) -> None:
    """Passes where the configuration is read from another file, is there, or is not in the repository at all.

    Args:
        root: folder of the checkout, or of a bare repository.
        config: another file to read instead, if there is one.

    Raises:
        SettingsError: a sparse checkout leaves it out, so that a run would go on without what it says.
    """
    if config or (root / CONFIG_FILE).exists() or not (root / ".git").exists():
        return
    answer = await Git(root).run("ls-files", "-t", "--", str(CONFIG_FILE))
    if answer.text.startswith(_SKIPPED):
        raise SettingsError(
            f"{root / CONFIG_FILE} is in the repository, but this sparse checkout leaves it out."
            f" Check it out (git sparse-checkout add {CONFIG_FILE.parent}), or name another file with --config."
        )
