"""The submodules that a commit names, and the repositories of the user's clone that hold them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from miyabi.git.repository import Repository

_PATHS = r"^submodule\..*\.path$"
_GITLINK = "160000"
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\\]")
_NEVER = {"", ".", "..", ".git"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Gitlink:
    """One submodule of a commit, as its `.gitmodules` says.

    Args:
        name: as git calls its repository below `modules`.
        path: where its files are.
        commit: which one belongs there.
        repository: the user's, which has that commit; None where there is none, or the name cannot be used.
        is_behind: whether the clone has the submodule, and not that commit of it.
    """

    name: str
    path: str
    commit: str
    repository: Repository | None = None
    is_behind: bool = False


async def gitlinks(repository: Repository, commit: str, *, worktree: Path) -> tuple[Gitlink, ...]:
    """Reads the submodules of a commit, those inside of them not.

    Args:
        repository: the user's, which has the commit.
        commit: whose submodules they are.
        worktree: where the user has it checked out, if anywhere.

    Returns:
        One for each, by path; none where the commit has no `.gitmodules` (gitmodules(5)) that can be read.

    Raises:
        GitFailed: git could not read the commit.
    """
    answer = await repository.git.run("config", "--blob", f"{commit}:.gitmodules", "-z", "--get-regexp", _PATHS)
    entries = (entry.split("\n", 1) for entry in answer.text.split("\0") if "\n" in entry)
    named_in_file = {key.removeprefix("submodule.").removesuffix(".path"): path for key, path in entries}
    paths = {name: path for name, path in named_in_file.items() if _is_plain(path)}
    if answer.exit_status or not paths:
        return ()
    words = ("--literal-pathspecs", "ls-tree", "-z", "--full-tree", commit, "--", *paths.values())
    rows = (row.split("\t", 1) for row in (await repository.git.ask(*words)).text.split("\0") if row)
    commits = {path: about.split(" ")[2] for about, path in rows if about.startswith(_GITLINK)}
    named = {path: name for name, path in paths.items() if path in commits}
    usable = _usable(named)
    links = [Gitlink(name=name, path=path, commit=commits[path]) for path, name in sorted(named.items())]
    return tuple(
        [await _found(repository, link, worktree / link.path) if link.path in usable else link for link in links]
    )


def _usable(named: Mapping[str, str]) -> set[str]:
    """The paths whose names lead nowhere else: those are whatever somebody wrote into a file."""
    folders = {path: PurePosixPath(name.casefold()).parts for path, name in named.items()}
    return {
        path
        for path, name in named.items()
        if _is_plain(name) and not any(_is_in(folders[path], other) for at, other in folders.items() if at != path)
    }


def _is_plain(name: str) -> bool:
    parts = name.split("/")
    return not (_UNSAFE.search(name) or name.startswith("-") or _NEVER & {part.casefold() for part in parts})


def _is_in(folder: Sequence[str], other: Sequence[str]) -> bool:
    """Whether one of the two folders is, or is in, the other."""
    short = min(len(folder), len(other))
    return folder[:short] == other[:short]


async def _found(outer: Repository, link: Gitlink, worktree: Path) -> Gitlink:
    """With the repository that has its commit: the one that is checked out there, or that git keeps by its name."""
    is_behind = False
    for git_folder in (worktree / ".git", outer.common / "modules" / link.name):
        found = await outer.submodule(git_folder)
        if found and link.commit in await found.contains([link.commit]):
            return replace(link, repository=found)
        is_behind = is_behind or found is not None
    return replace(link, is_behind=is_behind)
