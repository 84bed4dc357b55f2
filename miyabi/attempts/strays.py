"""How large the work is that a task's branch does not hold and its strays do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from miyabi.git import TIE, Git, merge, with_attributes_of
from miyabi.sessions import Strays

_PARTS_OF_A_STASH = ("index on ", "untracked files on ")
_ROW = re.compile(r"(?:[0-9a-f]+ [0-9a-f]+\n)*(\d+|-)\t(\d+|-)\t(.+)", re.DOTALL)
_FORMAT = "--format=%H%x00%P%x00%ce%x00%s"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Commit:
    parents: Sequence[str]
    is_tie: bool
    is_part_of_stash: bool


async def measure(git: Git, branch: str, *, beyond: Sequence[str]) -> Strays | None:
    """Measures the strays that a branch keeps, None where it holds nothing more than the others.

    Each line of commits is compared with where it began, and a file that several of them changed counts once, with the
    most of its lines. What the user's own branches hold is nobody's work beside a branch. Commits that only tie others
    together do not count, and a stash is one.

    Args:
        git: where the branch is.
        branch: the branch of the strays.
        beyond: commits and branches whose commits do not count: the task's branch, and what that began with.

    Raises:
        GitFailed: one of them is not here.
    """
    commits = await _commits(git, branch, beyond)
    work = {commit: known for commit, known in commits.items() if not known.is_tie}
    if not work:
        return None
    lines = await _lines(git, list(_chains(work)))
    return Strays(
        branch=branch,
        commits=sum(not known.is_part_of_stash for known in work.values()),
        files=len(lines),
        insertions=sum(added for added, _ in lines.values()),
        deletions=sum(gone for _, gone in lines.values()),
    )


async def _commits(git: Git, branch: str, beyond: Sequence[str]) -> dict[str, _Commit]:
    others = ("--exclude=miyabi/*", "--branches", "--tags", "--remotes")
    rows = (await git.ask("log", _FORMAT, f"refs/heads/{branch}", "--not", *beyond, *others, "--")).lines
    fields = (row.split("\0", 3) for row in rows)
    return {
        commit: _Commit(
            parents=parents.split(),
            is_tie=who == merge.AUTHOR[1] and said.startswith(TIE),
            is_part_of_stash=said.startswith(_PARTS_OF_A_STASH),
        )
        for commit, parents, who, said in fields
    }


def _chains(work: Mapping[str, _Commit]) -> Iterator[tuple[str, str | None]]:
    """The last commit of each line of first parents, and the commit that the line began with; None where with none."""
    inner = {known.parents[0] for known in work.values() if known.parents}
    for tip in work:
        if tip not in inner:
            began: str | None = tip
            while began is not None and began in work:
                began = next(iter(work[began].parents), None)
            yield tip, began


async def _lines(git: Git, chains: Sequence[tuple[str, str | None]]) -> dict[str, tuple[int, int]]:
    """Lines added and deleted in each file: of the chain with the most, where several changed it."""
    nothing = (await git.ask("hash-object", "-t", "tree", "--stdin")).text
    ends = "".join(f"{f'{began}^{{tree}}' if began else nothing}\n{tip}^{{tree}}\n" for tip, began in chains)
    trees = (await git.ask("cat-file", "--batch-check=%(objectname)", stdin=ends.encode())).lines
    pairs = "".join(f"{began.split(' ')[0]} {tip}\n" for began, tip in zip(trees[::2], trees[1::2], strict=True))
    words = (
        "diff-tree",
        "--stdin",
        "-r",
        "-z",
        "--numstat",
        "--no-renames",
        "--no-textconv",
        "--ignore-submodules=none",
    )
    found: dict[str, tuple[int, int]] = {}
    async with with_attributes_of(git, chains[0][0]) as there:
        answer = await there.ask(*words, stdin=pairs.encode())
    for row in answer.text.split("\0"):
        if match := _ROW.fullmatch(row):
            lines = tuple(0 if figure == "-" else int(figure) for figure in match.group(1, 2))
            before = found.get(match[3], (0, 0))
            found[match[3]] = max(before[0], lines[0]), max(before[1], lines[1])
    return found
