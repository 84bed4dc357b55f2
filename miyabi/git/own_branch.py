"""A branch that is ours to move: never one that somebody has put commits of their own on, or has checked out."""

from __future__ import annotations

from miyabi.errors import GitFailed
from miyabi.git import merge
from miyabi.git.repository import Repository


async def require_ours(repository: Repository, branch: str, *, base: str) -> None:
    """Passes where the branch is not there, or holds nothing but ours.

    Args:
        repository: where it is.
        branch: its name, of the form `<folder>/<name>`; what the other branches of that folder hold is ours.
        base: a commit that holds nothing of ours.

    Raises:
        GitFailed: it holds commits of other people; the message says what to do.
    """
    folder, _, name = branch.rpartition("/")
    there = (await repository.branches(branch)).get(branch)
    if there is None:
        return
    words = ("log", "--format=%h %ce", there, "--not", base, f"--exclude={branch}", f"--branches={folder}/*")
    rows = [line.split(" ", 1) for line in (await repository.git.ask(*words, "--")).lines]
    if strangers := [commit for commit, committer in rows if committer != merge.AUTHOR[1]]:
        raise GitFailed(
            f"{branch} holds commits that are not of this run ({', '.join(strangers[:3])}) and is left alone. "
            f"Keep them under another name, then try again: git branch -m {branch} {folder.replace('/', '-')}-{name}"
        )


async def place(repository: Repository, branch: str, *, head: str, base: str) -> None:
    """Puts the branch at its head, where it is not there already; where that is the base it goes: nothing is on it.

    Raises:
        GitFailed: it would have to move but is checked out somewhere, or git could not do it.
    """
    if head == base:
        await repository.delete_branches([branch])
        return
    async with repository.writing:
        before = (await repository.branches(branch)).get(branch)
        if before == head:
            return
        await _require_not_checked_out(repository, branch)
        nothing = "0" * len(head)
        words = ("update-ref", "-m", "miyabi: integrated", f"refs/heads/{branch}", head, before or nothing)
        await repository.git.ask(*words)


async def _require_not_checked_out(repository: Repository, branch: str) -> None:
    words = ("for-each-ref", "--format=%(worktreepath)", f"refs/heads/{branch}")
    if where := (await repository.git.ask(*words)).text:
        raise GitFailed(
            f"{branch} is checked out in {where} and is left alone. "
            f"Go to another branch there (git switch), then try again."
        )
