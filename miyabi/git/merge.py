"""Merges without a checkout, and what is in a history."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from miyabi.errors import GitFailed, MergeConflict
from miyabi.git.attributes import with_attributes_of
from miyabi.git.command import Git, GitResult, printable_path
from miyabi.text import several

AUTHOR = ("Water Spider", "water-spider@localhost")
"""Who signs the commits that are ours."""

_CONFLICT = 1
_UNREAD = "error: Could not read "
"""What git says of a tree that is missing: 2.39 then takes it for empty, and exits with 0; 2.55 with 128."""
_GITLINK = "160000"
_FILES_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class MergedTree:
    """What a merge makes. `files` are those in conflict, sorted; the tree holds them with conflict markers.

    A few conflicts, as of renamed folders, are in no file. `submodules` are those of the files that are one.
    """

    tree: str
    conflicts: bool
    files: tuple[str, ...]
    submodules: tuple[str, ...] = ()


async def merge(git: Git, heads: Sequence[str], *, base: str, message: str) -> str:
    """Returns the commit that holds base and all heads: one of them where it does, or else merges of two at a time.

    Raises:
        MergeConflict: two of them do not merge; `files` says where.
        GitFailed: git could not do it.
    """
    commits = [await _commit(git, name) for name in (base, *heads)]
    current, *others = await independent(git, commits)
    done = [current]
    for other in others:
        tree = await _merged_tree(git, current, other, done=done)
        text = f"{message}\n\nMerges {other} into {' and '.join(done)}.\n"
        current = await commit_tree(git, tree, parents=(current, other), message=text)
        done.append(other)
    return current


async def carry_over(git: Git, head: str, *, since: str, onto: str, message: str) -> str:
    """Makes one commit on top of `onto` that changes there what `head` changed since one of its ancestors.

    That holds nothing else of the history of `head`, as after `git cherry-pick`. Returns its full id, or `onto` where
    that has the change already.

    Raises:
        MergeConflict: the change does not go there; `files` says where.
        GitFailed: git could not do it.
    """
    root = await commit_tree(git, await _tree(git, since), parents=(), message=message, unix_seconds=0)
    ours, theirs = [
        await commit_tree(git, await _tree(git, commit), parents=(root,), message=message) for commit in (onto, head)
    ]
    merged = await merge_trees(git, ours, theirs)
    if merged.conflicts:
        raise await _conflict(git, merged.files, theirs=head, done=(onto,))
    is_there = merged.tree == await _tree(git, onto)
    return onto if is_there else await commit_tree(git, merged.tree, parents=(onto,), message=message)


async def commit_tree(
    git: Git, tree: str, *, parents: Sequence[str], message: str, unix_seconds: int | None = None
) -> str:
    """Makes a commit of ours, as old as the newest of its parents (or as given): made again, it is the same commit.

    Returns:
        Its full id.

    Raises:
        GitFailed: git could not do it.
    """
    if unix_seconds is None:
        dates = (await git.ask("log", "--no-walk", "--format=%ct", *parents, "--")).lines
        unix_seconds = max(int(d) for d in dates)
    date = f"@{unix_seconds} +0000"
    name, email = AUTHOR
    words = [word for parent in parents for word in ("-p", parent)]
    answer = await git.ask(
        "commit-tree",
        tree,
        *words,
        stdin=message.encode(),
        GIT_AUTHOR_NAME=name,
        GIT_AUTHOR_EMAIL=email,
        GIT_AUTHOR_DATE=date,
        GIT_COMMITTER_NAME=name,
        GIT_COMMITTER_EMAIL=email,
        GIT_COMMITTER_DATE=date,
    )
    return answer.text


async def independent(git: Git, commits: Sequence[str]) -> list[str]:
    """Returns the commits without those that another one holds already, each once, in the given order.

    Raises:
        GitFailed: one of them is not here.
    """
    unique = list(dict.fromkeys(commits))
    if len(unique) < 2:  # noqa: PLR2004 - a single one is independent
        return unique
    kept = set((await git.ask("merge-base", "--independent", *unique)).lines)
    return [commit for commit in unique if commit in kept]


async def merge_trees(git: Git, ours: str, theirs: str) -> MergedTree:
    """Makes the tree of a merge, also of one that conflicts (git-merge-tree(1)).

    Raises:
        GitFailed: git could not do it.
    """
    answer = await _merge_tree(git, "-z", "--no-messages", ours, theirs)
    tree, *rows = answer.text.removesuffix("\0").split("\0")
    return MergedTree(
        tree=tree,
        conflicts=answer.exit_status == _CONFLICT,
        files=_paths(rows),
        submodules=_paths(row for row in rows if row.startswith(_GITLINK)),
    )


def _paths(rows: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({printable_path(row.partition("\t")[2]) for row in rows}))


async def conflict_messages(git: Git, ours: str, theirs: str) -> list[str]:
    """Returns what git says of the conflicts of a merge: its lines that begin with `CONFLICT `.

    Raises:
        GitFailed: git could not do it.
    """
    answer = await _merge_tree(git, "--messages", ours, theirs)
    return [line for line in answer.lines if line.startswith("CONFLICT ")]


async def _merge_tree(git: Git, *words: str) -> GitResult:
    """The answer of git's own merge, by the attributes of what is merged into: the word before the last."""
    command = ("merge-tree", "--write-tree", "--allow-unrelated-histories", *words)
    async with with_attributes_of(git, words[-2]) as there:
        answer = await there.run(*command)
    if answer.exit_status not in {0, _CONFLICT} or not answer.stdout or _UNREAD in answer.stderr:
        raise git.failure(answer, *command)
    return answer


async def _merged_tree(git: Git, ours: str, theirs: str, *, done: Sequence[str]) -> str:
    merged = await merge_trees(git, ours, theirs)
    if merged.conflicts:
        raise await _conflict(git, merged.files, theirs=theirs, done=done)
    return merged.tree


async def _conflict(git: Git, files: tuple[str, ...], *, theirs: str, done: Sequence[str]) -> MergeConflict:
    others = " and ".join([await _label(git, commit) for commit in done])
    shown = several(files, most=_FILES_SHOWN)
    return MergeConflict(
        f"{await _label(git, theirs)} does not merge with {others}: both changed {shown}. "
        "Let one of the two tasks depend on the other, or merge the branches by hand and start from there.",
        files=files,
    )


async def _label(git: Git, commit: str) -> str:
    """What a person calls the commit: the task's branch where one is there."""
    found = await git.ask("for-each-ref", f"--points-at={commit}", "--format=%(refname:short)", "refs/heads")
    return min(found.lines, key=lambda name: (not name.startswith("miyabi/"), name), default=commit[:12])


async def _tree(git: Git, commit: str) -> str:
    return (await git.ask("rev-parse", "--verify", "--end-of-options", f"{commit}^{{tree}}")).text


async def _commit(git: Git, name: str) -> str:
    answer = await git.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    if answer.exit_status:
        raise GitFailed(f"{git.folder} has no commit {name} any more. Was the branch that held it deleted?")
    return answer.text


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The commits beyond a base, and when each was made, the base too: seconds since 1970."""

    parents: Mapping[str, Sequence[str]]
    unix_seconds: Mapping[str, int]

    @classmethod
    async def read(cls, git: Git, *, base: str, heads: Collection[str]) -> Self:
        """Reads the commits of the heads that the base has not.

        Raises:
            GitFailed: one of them is not here.
        """
        words = ("rev-list", "--timestamp", "--parents")
        asked = "".join(f"{commit}\n" for commit in (base, *heads, f"^{base}")).encode()
        beyond = (await git.ask(*words, "--stdin", stdin=asked)).lines
        rows = [line.split(" ") for line in (*beyond, *(await git.ask(*words, "--max-count=1", base)).lines)]
        return cls(
            parents={commit: parents for _, commit, *parents in rows if commit != base},
            unix_seconds={commit: int(seconds) for seconds, commit, *_ in rows},
        )

    def beyond(self, head: str, held: Collection[str]) -> set[str]:
        """Returns the commits of head that neither the base nor `held` has; none where they have all of it."""
        new: set[str] = set()
        ahead = [head]
        while ahead:
            commit = ahead.pop()
            if commit in self.parents and commit not in held and commit not in new:
                new.add(commit)
                ahead.extend(self.parents[commit])
        return new
