"""Ignored files of the clone here that each checkout gets, such as `.env`: found, refused or read."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from os.path import realpath
from pathlib import Path

from miyabi.errors import GitFailed
from miyabi.git import Matches, Repository, ignored_files, matches
from miyabi.settings import Settings, fault_at
from miyabi.text import quote, several

_NAMED = 3


async def require_copies(repository: Repository, settings: Settings, *, file: Path) -> tuple[str, ...]:
    """Checks that each pattern of `copy_files` matches ignored files in the repository and no others.

    Args:
        repository: the user's.
        settings: those of the run.
        file: where they were read from.

    Returns:
        A sentence for each that matches nothing.

    Raises:
        SettingsError: one line that names file, field, what was found and what to do.
    """
    nothing = []
    for number, pattern in enumerate(settings.sessions.copy_files):
        try:
            found = await matches(repository.git, pattern)
            _require(repository.root, pattern, found)
        except (GitFailed, ValueError) as error:
            raise fault_at(("sessions", "copy_files", str(number)), str(error), file=file) from None
        if not found.ignored:
            nothing.append(f"copy_files: {quote(pattern)} matches no ignored file in {repository.root}.")
    return tuple(nothing)


async def read_copies(repository: Repository, settings: Settings) -> dict[str, bytes]:
    """Reads the files as they are now, by path from the repository's root. One that is gone meanwhile is left out.

    Raises:
        GitFailed: git could not find them.
    """
    paths = await ignored_files(repository.git, settings.sessions.copy_files)
    return await asyncio.to_thread(_read, repository.root, paths)


def _read(root: Path, paths: tuple[str, ...]) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for path in paths:
        with suppress(OSError):
            if (root / path).is_file() and not _leaves(root, path):
                files[path] = (root / path).read_bytes()
    return files


def _require(root: Path, pattern: str, found: Matches) -> None:
    what = f"{quote(pattern)} matches"
    if found.tracked:
        named = several(found.tracked, most=_NAMED)
        raise ValueError(f"{what} {named}, which is tracked: a checkout has that already; name only ignored files")
    if found.new:
        named = several(found.new, most=_NAMED)
        raise ValueError(f"{what} {named}, which git does not ignore: add it to .gitignore, or a session commits it")
    if outside := [path for path in found.ignored if _leaves(root, path)]:
        named = several(outside, most=_NAMED)
        raise ValueError(f"{what} {named}, a link that leaves the repository; put the file itself there")
    if unreadable := [path for path in found.ignored if not _is_readable(root / path)]:
        named = several(unreadable, most=_NAMED)
        raise ValueError(f"{what} {named}, which is no file that can be read; mend or remove it")


def _leaves(root: Path, path: str) -> bool:
    return not Path(realpath(root / path)).is_relative_to(realpath(root))  # `resolve` breaks down at a link to itself


def _is_readable(file: Path) -> bool:
    try:
        if not file.is_file():  # to open a pipe would be to wait for a writer
            return False
        with file.open("rb"):
            return True
    except OSError:
        return False
