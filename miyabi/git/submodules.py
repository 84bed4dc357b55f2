"""The submodules of a commit, those inside of them too: what of them is in the user's clone, and what is not."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from miyabi.git.clone import Clone, clone_of
from miyabi.git.command import printable_path
from miyabi.git.gitlinks import gitlinks
from miyabi.git.repository import Repository


@dataclass(frozen=True, slots=True, kw_only=True)
class Submodule:
    """One that can be filled.

    Args:
        path: of its files, from the outermost checkout.
        git_folder: of its repository, from the outermost `.git`.
        commit: which one belongs there.
        repository: the user's own, which has that commit.
        clone: what its checkout has besides.
    """

    path: str
    git_folder: str
    commit: str
    repository: Repository
    clone: Clone


@dataclass(frozen=True, slots=True, kw_only=True)
class Submodules:
    """Those of a commit: what can be filled, each before those inside of it; and by path the commits of the others.

    `behind` are the paths of those others that are in the user's clone, at other commits.
    """

    filled: tuple[Submodule, ...] = ()
    missing: tuple[tuple[str, str], ...] = ()
    behind: tuple[str, ...] = ()

    @property
    def commits(self) -> dict[str, str]:
        """The commit at each path."""
        return {each.path: each.commit for each in self.filled} | dict(self.missing)

    @property
    def warning(self) -> str | None:
        """A sentence on those that stay empty, with the commands that would fill them; None where none does."""
        if not self.missing:
            return None
        which = ", ".join(f"{printable_path(path)} ({commit[:12]})" for path, commit in self.missing)
        are, have = ("is", "its commit is") if len(self.missing) == 1 else ("are", "their commits are")
        return (
            f"the submodule{'s' if len(self.missing) > 1 else ''} {which} {are} left empty in sessions and checks: "
            f"{have} not in your clone. To have them: {' && '.join(self._mended())}"
        )

    def _mended(self) -> Iterator[str]:
        for path in self.behind:
            yield printable_path(shlex.join(["git", "-C", path, "fetch"]))
        if len(self.behind) < len(self.missing):
            yield "git submodule update --init --recursive"


async def submodules_of(repository: Repository, commit: str) -> Submodules:
    """Finds the submodules of a commit of the user's repository, those inside of them too.

    Raises:
        GitFailed: git could not read them.
    """
    return await _inside(repository, commit, worktree=repository.root)


async def _inside(
    repository: Repository, commit: str, *, worktree: Path, above: str = "", git_folder: str = ""
) -> Submodules:
    """Those of a repository at the path `above`, whose own is at `git_folder`; both end with `/`, or are empty."""
    filled: list[Submodule] = []
    missing: list[tuple[str, str]] = []
    behind: list[str] = []
    for link in await gitlinks(repository, commit, worktree=worktree):
        path, folder = above + link.path, f"{git_folder}modules/{link.name}"
        if link.repository is None:
            missing.append((path, link.commit))
            behind += [path] if link.is_behind else []
            continue
        files, up = worktree / link.path, "../" * (folder.count("/") + 2)
        clone = await clone_of(link.repository, branch=None, commit=link.commit, worktree=files, checkout=up + path)
        one = Submodule(path=path, git_folder=folder, commit=link.commit, repository=link.repository, clone=clone)
        more = await _inside(link.repository, link.commit, worktree=files, above=f"{path}/", git_folder=f"{folder}/")
        filled += [one, *more.filled]
        missing += more.missing
        behind += more.behind
    return Submodules(filled=tuple(filled), missing=tuple(missing), behind=tuple(behind))
