"""What a session did in the submodules of its checkout: kept in the user's own clones of them, and put into words."""

from __future__ import annotations

import shlex
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from miyabi.attempts import strays
from miyabi.git import STRAYS, Repository, Submodule, Submodules, conflict_markers, printable_path
from miyabi.sessions import Collected, Inside, InSubmodule, strays_words
from miyabi.text import redact


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectedWork:
    """The work of a session in one submodule, which is on the task's branches there.

    Args:
        inside: which one.
        repository: the user's own, which has the work.
        collected: what of it.
    """

    inside: Inside
    repository: Repository
    collected: Collected


async def collect(
    inside: Sequence[Inside],
    *,
    known: Submodules,
    collect: Callable[[Repository, str], Awaitable[Collected]],
) -> tuple[tuple[CollectedWork, ...], tuple[str, ...]]:
    """Collects the work in each submodule that the user's clone has.

    Args:
        inside: those that the machine has.
        known: those of the user's clone.
        collect: collects the task in that repository, which began with that commit.

    Returns:
        What was collected of each; and in words those that stay on the machine, since the clone has them no more.

    Raises:
        MiyabiError: as `collect` raises.
    """
    here = {each.repository.key: each.repository for each in known.filled}
    found_inside = [
        CollectedWork(inside=one, repository=here[one.key], collected=await collect(here[one.key], one.base))
        for one in inside
        if one.key in here
    ]
    return tuple(found_inside), tuple(f"{one.path} (a submodule)" for one in inside if one.key not in here)


async def outcomes(
    found_inside: Sequence[CollectedWork], *, repository: Repository, branch: str, before: Submodules, after: Submodules
) -> tuple[InSubmodule, ...]:
    """Says what of submodules others lack: each commit that only this clone has, work that the branch does not name.

    Args:
        found_inside: the work in submodules.
        repository: the user's, around them.
        branch: the task's, here and in each submodule.
        before: the submodules that its branch began with.
        after: those that it names now.

    Raises:
        GitFailed: git could not read them.
    """
    new = [each for each in after.filled if before.commits.get(each.path) != each.commit]
    lines = [
        _unpublished(each, _paths(each, before), root=repository.root, branch=branch)
        for each in new
        if not await each.repository.is_on_a_remote(each.commit)
    ]
    away = {path: commit for path, commit in after.missing if before.commits.get(path) != commit}
    for path, commit in away.items():
        only = f", only on {branch}{STRAYS} of the repository around it"
        kept = only if await _is_on(f"refs/heads/{branch}{STRAYS}", commit, repository) else ""
        lines.append(InSubmodule(text=f"{_which(path, commit)} is in no clone of it here{kept}"))
    return (*lines, *[line for one in found_inside for line in await _unnamed(one, branch, after)])


def left_there(found_inside: Sequence[CollectedWork]) -> tuple[str, ...]:
    """Lists what was not committed in submodules for its size or number, with the path of each submodule before it."""
    return tuple(
        f"{printable_path(one.inside.path)}/{what}" for one in found_inside for what in one.collected.left_there
    )


async def unresolved(found_inside: Sequence[CollectedWork], *, after: Submodules) -> tuple[str, ...]:
    """Finds the files in submodules with conflicts that the session did not resolve, as they are called from the top.

    Args:
        found_inside: the work in submodules.
        after: those that the task's branch names now.

    Raises:
        GitFailed: git could not read them.
    """
    return tuple(
        [f"{printable_path(one.inside.path)}/{file}" for one in found_inside for file in await _unresolved(one, after)]
    )


async def _unresolved(one: CollectedWork, after: Submodules) -> set[str]:
    """On the task's branch there and in the commit that its own branch names, which may be another."""
    named = after.commits.get(one.inside.path)
    heads = {one.collected.head, *(await one.repository.contains([named]) if named else ())} - {one.inside.base}
    files = set(one.collected.unmerged)
    for head in heads:
        files |= {*await conflict_markers.left_by_session(one.repository.git, head, base=one.inside.base)}
    return files


def _paths(one: Submodule, before: Submodules) -> tuple[str, ...]:
    """Where it may be in the user's checkout: the branch may have moved it."""
    key = one.repository.key
    return (one.path, *(each.path for each in before.filled if each.repository.key == key))


def _unpublished(one: Submodule, paths: Sequence[str], *, root: Path, branch: str) -> InSubmodule:
    at = next((path for path in paths if _is_at(root / path, one.repository)), None)
    where = ["-C", at] if at else [f"--git-dir={one.repository.common}"]
    push = shlex.join(["git", *where, "push", "origin", f"{one.commit[:12]}:refs/heads/{branch}"])
    text = (
        f"{_which(one.path, one.commit)} is nowhere but in the clone that the run was started in; "
        "push it before others need it"
    )
    return InSubmodule(text=text, command=redact(printable_path(push)))


def _is_at(folder: Path, repository: Repository) -> bool:
    dot = folder / ".git"
    try:
        there = dot if dot.is_dir() else folder / dot.read_text().removeprefix("gitdir:").strip()
        return there.samefile(repository.common)
    except (OSError, ValueError):
        return False


async def _is_on(ref: str, commit: str, repository: Repository) -> bool:
    return not (await repository.git.run("merge-base", "--is-ancestor", commit, ref)).exit_status


def _which(path: str, commit: str) -> str:
    return f"commit {commit[:12]} of the submodule {redact(printable_path(path))}, which its branch names,"


async def _unnamed(one: CollectedWork, branch: str, after: Submodules) -> list[InSubmodule]:
    """What is on the task's branches in a submodule and not in the commits that the task's own branch names of it."""
    named = {each.commit for each in after.filled if each.repository.key == one.repository.key}
    named |= {commit for path, commit in after.missing if path == one.inside.path}
    git, known = one.repository.git, await one.repository.contains([one.inside.base, *named])
    found = [await strays.measure(git, branch, beyond=[*known])] if one.collected.head not in known else []
    if one.collected.strays:
        found.append(await strays.measure(git, one.collected.strays, beyond=[*known, one.collected.head]))
    where = f"in the submodule {redact(printable_path(one.inside.path))}, and not in what its branch names of it"
    return [InSubmodule(text=f"{strays_words(each)} {where}") for each in found if each]
