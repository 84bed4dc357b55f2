"""Branches of ours: what sessions did is received under its name, and the user's own branch is moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from miyabi.errors import GitFailed
from miyabi.git import bundle, merge
from miyabi.git.command import GitResult
from miyabi.git.repository import Repository

STRAYS = "+strays"
"""Ends the name of the branch that keeps what a task's branch does not hold: amended, reset, stashed commits."""

TIE = "Stray commits of"
"""How the message of a commit of ours begins that only holds others together: its tree says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ref:
    commit: str
    checked_out: str


async def require_name_free(repository: Repository, branch: str) -> None:
    """Checks that a branch of that name can be made: no branch is called like one of its folders.

    Raises:
        GitFailed: there is one; the message says how to rename it.
    """
    parts = branch.split("/")
    folders = ["/".join(parts[:n]) for n in range(1, len(parts))]
    asked = "".join(f"refs/heads/{folder}\n" for folder in folders).encode()
    answer = await repository.git.ask("cat-file", "--batch-check", stdin=asked)
    for folder, line in zip(folders, answer.lines, strict=True):
        if not line.endswith(" missing"):
            raise _in_the_way(repository, branch, folder)


async def heads_of(repository: Repository, branch: str) -> tuple[str, ...]:
    """Returns the commits of the task that are here already: where its branch and that of its strays stand.

    Raises:
        GitFailed: git could not read the refs.
    """
    return tuple(ref.commit for ref in (await _refs(repository, [branch, branch + STRAYS])).values())


async def receive(
    repository: Repository,
    file: Path,
    *,
    branch: str,
    head: str,
    strays: str | None,
    base: str,
    to_strays: bool = False,
) -> str | None:
    """Puts the branch at `head`, out of a bundle (an empty file where nothing is new).

    The branch may move anywhere: what it held and `head` does not goes to the strays. With `to_strays` it stays where
    it is if it is there, and `head` goes to the strays.

    Returns:
        The name of the strays' branch; None where nothing had to go there.

    Raises:
        bundle.PrerequisiteMissing: the bundle counts on commits that are not here; ask for one with everything.
        GitFailed: the bundle does not bring `head`, the branch is checked out, or git could not do it.
    """
    async with repository.writing:
        if _size(file):
            tips = {name: commit for commit, name in (await bundle.unpack(repository.git, file)).tips}
            if tips.get(f"refs/heads/{branch}", head) != head:
                raise GitFailed(f"{branch}: the bundle does not hold the head {head} that the machine named.")
        arrived = [head, *([strays] if strays else [])]
        there = await _refs(repository, [branch, branch + STRAYS])
        await bundle.require_complete(repository.git, arrived, known=[base, *(ref.commit for ref in there.values())])
        tip = there[branch].commit if to_strays and branch in there else head
        kept = await _strays(repository, branch, head=tip, others=[r.commit for r in there.values()] + arrived)
        await _move(repository, {branch: tip} | ({branch + STRAYS: kept} if kept else {}), there=there)
        return branch + STRAYS if kept else None


async def _strays(repository: Repository, branch: str, *, head: str, others: Sequence[str]) -> str | None:
    """One commit that holds everything of the others which head does not hold."""
    left = [commit for commit in await merge.independent(repository.git, [head, *others]) if commit != head]
    if len(left) <= 1:
        return left[0] if left else None
    tree = (await repository.git.ask("rev-parse", f"{left[0]}^{{tree}}")).text
    message = f"{TIE} {branch}\n\nWhat the branch held before and holds no longer.\n"
    return await merge.commit_tree(repository.git, tree, parents=left, message=message)


async def _move(repository: Repository, wanted: dict[str, str], *, there: dict[str, _Ref]) -> None:
    moved = {name: commit for name, commit in wanted.items() if name not in there or there[name].commit != commit}
    for name in moved:
        if name in there and there[name].checked_out:
            raise GitFailed(
                f"{name} is checked out in {there[name].checked_out} and is left alone. "
                f"Go to another branch there (git switch), then collect again: the work is safe on the machine."
            )
    orders = [f"update refs/heads/{n} {c} {there[n].commit if n in there else _none(c)}\n" for n, c in moved.items()]
    words = ("update-ref", "-m", "miyabi: collected", "--stdin")
    answer = await repository.git.run(*words, stdin="".join(orders).encode())
    if answer.exit_status:
        raise await _failure(repository, next(iter(wanted)), answer)


async def _failure(repository: Repository, branch: str, answer: GitResult) -> GitFailed:
    for folder in await repository.branches(branch):
        if folder.startswith(f"{branch}/"):
            return _in_the_way(repository, branch, folder)
    try:
        await require_name_free(repository, branch)
    except GitFailed as error:
        return error
    return repository.git.failure(answer, "update-ref")


async def _refs(repository: Repository, names: Sequence[str]) -> dict[str, _Ref]:
    words = ("for-each-ref", "--format=%(refname)%00%(objectname)%00%(worktreepath)")
    rows = (await repository.git.ask(*words, *(f"refs/heads/{name}" for name in names))).lines
    found = (row.split("\0") for row in rows)
    refs = {ref.removeprefix("refs/heads/"): _Ref(commit=c, checked_out=where) for ref, c, where in found}
    return {name: ref for name, ref in refs.items() if name in names}


def _size(file: Path) -> int:
    return file.stat().st_size


def _none(like: str) -> str:
    return "0" * len(like)


def _in_the_way(repository: Repository, branch: str, other: str) -> GitFailed:
    return GitFailed(
        f"{repository.root}: the branch {branch} cannot be made, because there is a branch {other}. "
        f"Rename that one: git branch -m {other} {other.replace('/', '-')}-old"
    )


async def require_ours(repository: Repository, branch: str, *, base: str) -> None:
    """Checks that the branch is not there, or holds nothing but ours.

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
    if foreign := [commit for commit, committer in rows if committer != merge.AUTHOR[1]]:
        raise GitFailed(
            f"{branch} holds commits that are not of this run ({', '.join(foreign[:3])}) and is left alone. "
            f"Keep them under another name, then try again: git branch -m {branch} {folder.replace('/', '-')}-{name}"
        )


async def move_branch(repository: Repository, branch: str, *, head: str, base: str) -> None:
    """Puts the branch at its head, where it is not there already; deletes it where that is the base: nothing is on it.

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
