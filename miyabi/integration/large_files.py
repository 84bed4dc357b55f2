"""Files that GitHub takes in no push: it refuses the whole branch, so that the tasks with one are left out by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from miyabi.git import Git, printable_path
from miyabi.sessions import SessionResult
from miyabi.text import several

_MIB = 1 << 20
_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class LargeFile:
    """A file in a commit, and how large it is."""

    path: str
    size_bytes: int


async def large_files(git: Git, new: Sequence[str], *, known: Iterable[str], max_bytes: int) -> tuple[LargeFile, ...]:
    """Finds the files over so many bytes that commits or trees bring, the largest first.

    Args:
        git: where they are.
        new: what is looked at, with all that it is built on.
        known: commits whose files do not count.
        max_bytes: how large a file may be.

    Raises:
        GitFailed: one of them is not here.
    """
    asked = "".join(f"{each}\n" for each in (*new, *(f"^{each}" for each in known))).encode()
    words = ("rev-list", "--objects", "--stdin")
    only = (f"--filter=blob:limit={max_bytes + 1}", "--filter-print-omitted", "--no-object-names")
    rows = (await git.ask(*words, *only, stdin=asked)).lines
    large = {row[1:] for row in rows if row.startswith("~")}
    if not large:
        return ()
    named = (row.partition(" ") for row in (await git.ask(*words, stdin=asked)).lines)
    paths = {blob: printable_path(path) for blob, _, path in named if blob in large}
    sizes = await git.ask("cat-file", "--batch-check=%(objectname) %(objectsize)", stdin="\n".join(large).encode())
    found = (row.split(" ") for row in sizes.lines)
    files = [LargeFile(path=paths.get(blob) or blob, size_bytes=int(size)) for blob, size in found]
    return tuple(sorted(files, key=lambda file: (-file.size_bytes, file.path)))


async def too_large(
    git: Git, results: Mapping[str, SessionResult], *, base: str, max_bytes: int
) -> dict[str, tuple[LargeFile, ...]]:
    """Finds the tasks whose own commits bring a file over so many bytes.

    Args:
        git: where the commits are.
        results: of the tasks to be looked at, which have a head.
        base: commit that the run started from.
        max_bytes: how large a file may be.

    Returns:
        Those files by the task's id, the largest first.

    Raises:
        GitFailed: one of them is not here.
    """
    heads = [result.head for result in results.values() if result.head]
    if not heads or not await large_files(git, heads, known=[base], max_bytes=max_bytes):
        return {}
    found = {}
    for task, result in results.items():
        known = [base, *([result.base] if result.base else [])]
        if result.head and (files := await large_files(git, [result.head], known=known, max_bytes=max_bytes)):
            found[task] = files
    return found


def large_files_words(files: Sequence[LargeFile]) -> str:
    """Says their names and sizes: `data.bin (120.0 MiB) and core (101.5 MiB)`."""
    return several([f"{file.path} ({file.size_bytes / _MIB:,.1f} MiB)" for file in files], most=_NAMED)
