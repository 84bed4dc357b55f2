"""Ignored files of the clone here that each checkout gets, such as `.env`: found, refused or read."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from os.path import realpath
from pathlib import Path

from miyabi.errors import GitFailed, SettingsError
from miyabi.git import Matches, Repository, ignored_files, matches
from miyabi.settings import Settings, fault_at
from miyabi.text import quote, several

MOST_BYTES = 10_000_000
"""Of all copied files together: they go along with each attempt, and what is in them is looked for in all we show."""

_NAMED = 3


async def require_copies(repository: Repository, settings: Settings, *, file: Path) -> tuple[str, ...]:
    """Checks that each pattern of `copy_files` matches ignored files in the repository and no others, and few bytes.

    Args:
        repository: the user's.
        settings: those of the run.
        file: where they were read from.

    Returns:
        A sentence for each that matches nothing.

    Raises:
        SettingsError: one line that names file, field, what was found and what to do.
    """
    nothing, sizes = [], dict[str, int]()
    for number, pattern in enumerate(settings.sessions.copy_files):
        try:
            found = await matches(repository.git, pattern)
            _require(repository.root, pattern, found)
            sizes |= {path: (repository.root / path).stat().st_size for path in found.ignored}
            _require_small(sizes)
        except (GitFailed, ValueError) as error:
            raise fault_at(("sessions", "copy_files", str(number)), str(error), file=file) from None
        if not found.ignored:
            nothing.append(f"copy_files: {quote(pattern)} matches no ignored file in {repository.root}.")
    return tuple(nothing)


async def read_copies(repository: Repository, settings: Settings) -> dict[str, bytes]:
    """Reads the files as they are now, by path from the repository's root. One that is gone meanwhile is left out.

    Raises:
        GitFailed: git could not find them.
        SettingsError: they have become too large.
    """
    paths = await ignored_files(repository.git, settings.sessions.copy_files)
    try:
        return await asyncio.to_thread(_read, repository.root, paths)
    except ValueError as error:
        raise SettingsError(f"sessions.copy_files: {error}") from None


def _read(root: Path, paths: tuple[str, ...]) -> dict[str, bytes]:
    files, sizes = dict[str, bytes](), dict[str, int]()
    for path in paths:
        with suppress(OSError):
            if (root / path).is_file() and not _leaves(root, path):
                sizes[path] = (root / path).stat().st_size
                _require_small(sizes)
                files[path] = (root / path).read_bytes()
    return files


def _require_small(sizes: Mapping[str, int]) -> None:
    if (total := sum(sizes.values())) > MOST_BYTES:
        largest = max(sizes, key=sizes.__getitem__)
        raise ValueError(
            f"the files are {_megabytes(total)} together, of which {largest} is {_megabytes(sizes[largest])}; at most "
            f"{_megabytes(MOST_BYTES)} are copied: name only small files, and have `setup` get what is large"
        )


def _megabytes(octets: int) -> str:
    return f"{octets / 1e6:,.1f} MB"


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
