"""The repository that a person names, and the settings that hold in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from miyabi.errors import OutsideRepository, SettingsError
from miyabi.git import Repository, existing_folder
from miyabi.settings import CONFIG_FILE, Settings

_SKIPPED = "S "


async def open_repository(path: Path, *, config: Path | None = None, **arguments: Any) -> tuple[Repository, Settings]:
    """Opens the repository that a path is in, and reads its settings.

    Args:
        path: folder of the repository, or one in it.
        config: another file to read than the repository's own; it must exist.
        arguments: settings that win over everything, shaped like the file.

    Raises:
        BadInput: NotARepository or GitUnusable, or SettingsError: the configuration is not checked out or cannot be
            used.
    """
    repository = await Repository.open(path)
    if config is None:
        await _require_checked_out(repository)
    return repository, Settings.load(repository.root, config=config, **arguments)


async def settings_at(path: Path, *, config: Path | None = None, **arguments: Any) -> tuple[Path, Settings]:
    """Reads the settings of the repository that a path is in, of the folder itself where it is in none.

    Takes what `open_repository` takes.

    Returns:
        The root of the repository, or that folder; and the settings.

    Raises:
        BadInput: as `open_repository`, but for a folder that is in no repository.
    """
    try:
        repository, settings = await open_repository(path, config=config, **arguments)
    except OutsideRepository:
        return existing_folder(path), Settings.load(existing_folder(path), config=config, **arguments)
    return repository.root, settings


async def _require_checked_out(repository: Repository) -> None:
    """Checks that the configuration is there, or is not in the repository at all.

    Raises:
        SettingsError: a sparse checkout leaves it out, so that a run would go on without what it says.
    """
    file = repository.root / CONFIG_FILE
    if file.exists() or not (repository.root / ".git").exists():
        return
    answer = await repository.git.run("ls-files", "-t", "--", str(CONFIG_FILE))
    if answer.text.startswith(_SKIPPED):
        raise SettingsError(
            f"{file} is in the repository, but this sparse checkout leaves it out."
            f" Check it out (git sparse-checkout add {CONFIG_FILE.parent}), or name another file with --config."
        )
