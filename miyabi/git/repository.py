"""The user's repository: commits and branches of ours come and go; its checkout, index, HEAD and hooks stay alone."""

from __future__ import annotations

import asyncio
import difflib
import hashlib
import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from miyabi.errors import BaseMissing, NotARepository, OutsideRepository
from miyabi.git import bundle as exchange
from miyabi.git import merge as merging
from miyabi.git.attributes import with_attributes_of
from miyabi.git.command import Git, GitResult, printable_path, require_git

SALVAGE_TRAILER = "Miyabi-Salvage"
"""Marks the commits that we made of what an agent left uncommitted."""

_MANY = 500
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


class Changes(BaseModel):
    """What a branch changed against its base."""

    model_config = ConfigDict(frozen=True)

    commits: int = 0
    files: tuple[str, ...] = ()
    insertions: int = 0
    deletions: int = 0
    salvaged: bool = Field(False, description="True where we had to commit what the agent left uncommitted")


class Repository:
    """A git repository of the user: with a checkout, bare, or a linked worktree of one."""

    def __init__(self, *, root: Path, common: Path, object_format: str) -> None:
        self.root = root
        self.common = common
        self.object_format = object_format
        self.key = _key(common, object_format)
        self.git = Git(root)
        self.writing = asyncio.Lock()
        self._submodules: dict[Path, Repository] = {}

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Opens the repository that a path is in.

        Raises:
            OutsideRepository: there is none; the message says what to do.
            NotARepository: there is no such folder, git will not touch it, or it says that it is bare and has a
                checkout; the message says why and what to do.
            GitUnusable: there is no git here, or it is older than 2.38.
        """
        await require_git()
        git = Git(existing_folder(path))
        words = ("rev-parse", "--path-format=absolute", "--git-common-dir", "--show-object-format")
        answer = await git.run(*words, "--is-bare-repository", "--is-inside-work-tree")
        if answer.exit_status:
            raise _not_a_repository(path, answer)
        common, object_format, bare, inside = answer.lines
        if bare == "true":
            root = Path(common)
            _require_no_checkout(existing_folder(path), existing_folder(root))
        elif inside == "true":
            root = Path((await git.ask("rev-parse", "--show-toplevel")).text)
        else:
            raise NotARepository(f"{path}: this is the inside of a git repository. Give the folder above it.")
        return cls(root=existing_folder(root), common=existing_folder(Path(common)), object_format=object_format)

    async def submodule(self, git_folder: Path) -> Repository | None:
        """Returns the repository of a submodule, whose `.git` is that file or folder; None where there is none.

        It is the same one each time.
        """
        words = ("rev-parse", "--path-format=absolute", "--git-common-dir", "--show-object-format")
        answer = await Git(self.common, _at(git_folder)).run(*words)
        if answer.exit_status:
            return None
        common = existing_folder(Path(answer.lines[0]))
        if common not in self._submodules:
            found = Repository(root=common, common=common, object_format=answer.lines[1])
            found.git = Git(common, _at(common))  # its settings name a checkout, which need not be there
            self._submodules[common] = found
        return self._submodules[common]

    async def resolve(self, revision: str) -> str:
        """Returns the full id of the commit that a branch, tag, id or other revision means; a branch wins over a tag.

        Raises:
            BaseMissing: it means none; the message names what is like it.
        """
        names = [revision] if revision in {"HEAD", "@"} else [f"refs/heads/{revision}", revision]
        answer = GitResult(exit_status=1, stdout=b"", stderr="")
        for name in names if revision.strip() else []:
            answer = await self.git.run("rev-parse", "--verify", "--end-of-options", f"{name}^{{commit}}")
            if not answer.exit_status:
                return answer.text
        raise await self._missing(revision, answer)

    async def branch_of(self, revision: str) -> str | None:
        """Returns the branch that a revision names: itself, the one HEAD is on, or that of a remote; or None."""
        for name in (f"refs/heads/{revision}", revision):
            answer = await self.git.run("rev-parse", "--symbolic-full-name", "--end-of-options", name)
            found = re.search(r"^refs/(?:heads|remotes/[^/]+)/(.+)$", answer.text, re.MULTILINE)
            if found and not answer.exit_status:
                return found[1]
        return None

    async def uncommitted(self, *, besides: str = "") -> tuple[str, ...]:
        """Lists the files of the checkout that no commit has as they are; none of a bare repository.

        Left out are ignored files, those below .miyabi, and the one called `besides`, a path from the root.
        """
        words = ("status", "--porcelain", "-z", "--no-renames", "--", ":/", ":(top,exclude).miyabi")
        answer = await Git(self.root).run(*words)
        found = (entry[3:] for entry in answer.stdout.decode(errors="replace").split("\0") if entry)
        return () if answer.exit_status else tuple(path for path in found if path != besides)

    async def merge(self, heads: Sequence[str], *, base: str, message: str) -> str:
        """Returns the commit that holds base and all heads; without a worktree, and the same one every time.

        One of them is the answer where it holds the others already.

        Raises:
            MergeConflict: two of them do not merge; `files` says where.
            GitFailed: git could not do it.
        """
        return await merging.merge(self.git, heads, base=base, message=message)

    async def carry_over(self, head: str, *, since: str, onto: str, message: str) -> str:
        """Returns a commit on top of `onto` that changes there what `head` changed since one of its ancestors.

        Raises:
            MergeConflict: the change does not go there; `files` says where.
            GitFailed: git could not do it.
        """
        return await merging.carry_over(self.git, head, since=since, onto=onto, message=message)

    async def changes(self, base: str, head: str) -> Changes:
        """Counts what head has that base has not.

        Returns:
            Numbers of commits and lines, and the files, sorted, a renamed one under both names; binary ones have no
            lines.

        Raises:
            GitFailed: one of them is not here.
        """
        commits = await self._commits(base, head)
        words = ("diff-tree", "-r", "-z", "--numstat", "--no-renames", "--no-textconv", "--ignore-submodules=none")
        async with with_attributes_of(self.git, head) as git:
            rows = [r.split("\t", 2) for r in (await git.ask(*words, base, head)).text.split("\0") if r]
        return Changes(
            commits=len(commits),
            files=tuple(sorted(printable_path(name) for *_, name in rows)),
            insertions=sum(int(added) for added, *_ in rows if added != "-"),
            deletions=sum(int(gone) for _, gone, _ in rows if gone != "-"),
            salvaged=any(commits.values()),
        )

    async def diff(self, base: str, head: str) -> str:
        """Returns the patch from base to head; a binary file in it is one line.

        Raises:
            GitFailed: one of them is not here.
        """
        words = ("diff-tree", "-r", "-p", "--find-renames", "--no-textconv", "--no-ext-diff", "--no-color")
        async with with_attributes_of(self.git, head) as git:
            return (await git.ask(*words, base, head)).stdout.decode(errors="replace")

    async def salvaged(self, base: str, head: str) -> bool:
        """Returns whether a commit from base to head is ours, made of what an agent left uncommitted.

        Raises:
            GitFailed: one of them is not here.
        """
        return any((await self._commits(base, head)).values())

    async def identity(self) -> tuple[str, str]:
        """Returns the user that commits are made for: as this repository is set up, or else Water Spider.

        Returns:
            Name and e-mail address.
        """
        answer = await self.git.run("config", "-z", "--get-regexp", r"^user\.(name|email)$")
        found = dict(entry.split("\n", 1) for entry in answer.text.split("\0") if "\n" in entry)
        name, email = merging.AUTHOR
        return found.get("user.name") or name, found.get("user.email") or email

    async def branches(self, prefix: str) -> dict[str, str]:
        """Reads every branch of that name or below it.

        Returns:
            The commit's full id by the branch's name, without `refs/heads/`.

        Raises:
            GitFailed: git could not read them.
        """
        answer = await self.git.ask("for-each-ref", "--format=%(refname) %(objectname)", f"refs/heads/{prefix}")
        rows = (line.rsplit(" ", 1) for line in answer.lines)
        return {name.removeprefix("refs/heads/"): commit for name, commit in rows}

    async def delete_branches(self, names: Iterable[str]) -> None:
        """Deletes the branches that are there; whatever is checked out somewhere stays.

        Raises:
            GitFailed: git could not do it.
        """
        refs = [f"refs/heads/{name}" for name in names]
        if refs:
            async with self.writing:
                there = await self._checked_out(refs)
                orders = "".join(f"delete {ref}\n" for ref, where in there.items() if not where)
                await self.git.ask("update-ref", "--stdin", stdin=orders.encode())

    async def contains(self, commits: Collection[str]) -> set[str]:
        """Returns those of the ids that are commits here.

        Raises:
            GitFailed: git could not read them.
        """
        return await exchange.existing(self.git, commits)

    async def is_on_a_remote(self, commit: str) -> bool:
        """Returns whether a branch of a remote holds the commit, as far as is known here.

        Raises:
            GitFailed: the commit is not here.
        """
        return not (await self.git.ask("rev-list", "--max-count=1", commit, "--not", "--remotes")).stdout

    async def bundle(
        self,
        tip: str,
        *,
        known: Collection[str],
        file: Path,
        also: Sequence[str] = (),
        lasting: str | None = None,
    ) -> bool:
        """Writes what `tip`, and other commits and tags, need beyond the known commits; False where that is nothing.

        A store keeps `lasting`, one of them, beyond the run.

        Raises:
            GitFailed: git could not do it.
            OSError: the file cannot be written.
        """
        ends, kind = shallow_ends(self.common), self.object_format
        return await exchange.write_bundle(
            self.git, tip, also=also, known=known, file=file, object_format=kind, shallow=ends, lasting=lasting
        )

    async def _commits(self, base: str, head: str) -> dict[str, bool]:
        """The commits from base to head; True for those that are a salvage."""
        trailer = f"%(trailers:key={SALVAGE_TRAILER},valueonly,separator=%x2C)"
        log = await self.git.ask("log", f"--format=%H {trailer}", f"{base}..{head}", "--")
        return {commit: mark == "true" for commit, _, mark in (line.partition(" ") for line in log.lines)}

    async def _checked_out(self, refs: Sequence[str]) -> dict[str, str]:
        """Those of the refs that are there, with the folder where each is checked out."""
        patterns = refs if len(refs) < _MANY else ["refs/heads"]
        rows = (await self.git.ask("for-each-ref", "--format=%(refname)%00%(worktreepath)", *patterns)).lines
        return {ref: where for ref, _, where in (row.partition("\0") for row in rows) if ref in refs}

    async def _missing(self, revision: str, answer: GitResult) -> BaseMissing:
        if "ambiguous" in answer.stderr:
            return BaseMissing(f"{revision!r} may mean several commits of {self.root}: give more digits of the one.")
        if (await self.git.run("rev-list", "--max-count=1", "--all")).stdout == b"":
            return BaseMissing(f"{self.root} has no commit yet. Make the first one (git commit), then start again.")
        words = ("for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/remotes", "refs/tags")
        ours = [name for name in (await self.git.ask(*words)).lines if not name.startswith("miyabi/")]
        like = [n for n in ours if revision and n.endswith(f"/{revision}")] or difflib.get_close_matches(revision, ours)
        hint = f"Did you mean {' or '.join(like)}?" if like else f"There are: {', '.join(ours[:8]) or 'no branches'}."
        return BaseMissing(f"{self.root} has no branch, tag or commit {revision!r}. {hint}")


def _at(git_folder: Path) -> dict[str, str]:
    """What leads git to a repository, and to no checkout of it."""
    return {"GIT_DIR": str(git_folder), "GIT_WORK_TREE": str(git_folder.parent)}


def existing_folder(path: Path) -> Path:
    """Returns the folder, absolute and without links.

    Raises:
        NotARepository: it is not there, is no folder, or may not be looked into.
    """
    try:
        if path.is_dir():
            return path.resolve()
    except OSError as error:  # such as no right to look
        raise NotARepository(f"{path}: {error.strerror}. Give the folder of a git repository.") from None
    raise NotARepository(f"{path}: there is no such folder. Give the folder of a git repository.")


def _require_no_checkout(path: Path, common: Path) -> None:
    """Checks that a repository which says it is bare has no checkout around it."""
    if not path.is_relative_to(common) and (common / "index").exists():
        raise NotARepository(
            f"{path}: this is a checkout, but {common / 'config'} says core.bare = true, so git does not see its files."
            f" If it is one: git -C {common.parent} config core.bare false"
        )


def shallow_ends(common: Path) -> frozenset[str]:
    """Returns the commits where the history of a shallow clone ends; none in a whole one.

    They are the lines of `shallow` in the repository's folder (gitrepository-layout(5)).
    """
    file = common / "shallow"
    return frozenset(file.read_text().split()) if file.exists() else frozenset()


def _key(common: Path, object_format: str) -> str:
    """A name for the stores on machines: unique by where the repository lies, readable by its name."""
    name = (common.parent if common.name == ".git" else common).name.removesuffix(".git")
    readable = _UNSAFE.sub("-", name).strip("-.")[:40] or "repository"
    digest = hashlib.sha256(f"{common}\0{object_format}".encode("utf-8", "surrogateescape")).hexdigest()
    return f"{readable}-{digest[:8]}"


def _not_a_repository(path: Path, answer: GitResult) -> NotARepository:
    if "dubious ownership" in answer.stderr:
        return NotARepository(
            f"{path}: the git repository belongs to another user, so git does not touch it. "
            f"If you trust it: git config --global --add safe.directory {path.resolve()}"
        )
    if "not a git repository" in answer.stderr:
        # where a `.git` leads nowhere, git names that alone
        kind = OutsideRepository if "not a git repository (or any" in answer.stderr else NotARepository
        return kind(f"{path}: there is no git repository. Go to one, or make one: git init && git commit.")
    return NotARepository(f"{path}: git cannot use this repository: {answer.stderr}")
