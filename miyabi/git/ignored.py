"""Files of a checkout by pattern: those that git ignores, which no clone has, and those that it does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from miyabi.git.command import Git

_IGNORED = ("--others", "--ignored", "--exclude-standard")


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """What a pattern matches in a checkout, by path from its root.

    Args:
        ignored: files that git ignores.
        tracked: files in the index.
        new: files that are neither.
    """

    ignored: tuple[str, ...]
    tracked: tuple[str, ...]
    new: tuple[str, ...]


async def matches(git: Git, pattern: str) -> Matches:
    """Finds what a pattern matches, `*` within a folder and `**` over any number, as gitglossary(7) has it for `glob`.

    Raises:
        GitFailed: there is no checkout, or the pattern leads into a submodule.
    """
    return Matches(
        ignored=await ignored_files(git, [pattern]),
        tracked=await _files(git, [pattern], "--cached"),
        new=await _files(git, [pattern], "--others", "--exclude-standard"),
    )


async def ignored_files(git: Git, patterns: Sequence[str]) -> tuple[str, ...]:
    """Finds the ignored files that any of the patterns matches.

    Raises:
        GitFailed: as `matches`.
    """
    return await _files(git, patterns, *_IGNORED) if patterns else ()


async def _files(git: Git, patterns: Sequence[str], *kind: str) -> tuple[str, ...]:
    answer = await git.ask("ls-files", "-z", *kind, "--", *(f":(top,glob){pattern}" for pattern in patterns))
    names = set(answer.text.split("\0")) - {""}
    return tuple(sorted(name for name in names if not name.endswith("/")))  # a repository, whatever it is called
