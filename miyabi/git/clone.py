"""What a session's repository has besides its own branch: what a clone of the user's repository would have."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from miyabi.errors import SettingsError
from miyabi.git.gitlinks import Gitlink, gitlinks
from miyabi.git.remote.url import RemoteUrl
from miyabi.git.repository import Repository, shallow_ends

_NOWHERE = "/orchestrator/"
"""A path that is nowhere: git is led there before it can ask anybody."""

_REFUSAL = (
    "miyabi: nothing is fetched or pushed from here: Water Spider does that where it was started. "
    "Commit your work: it is collected when the session ends."
)
_REFUSE = f"sh -c 'echo \"{_REFUSAL}\" >&2; exit 1'"
_PACKED = "# pack-refs with: peeled fully-peeled sorted "


@dataclass(frozen=True)
class Clone:
    """What makes a fresh repository look like a clone: the content of three files below `.git`.

    Args:
        config: settings to add to the repository's own.
        shallow: the commits where the history ends; empty in a whole one.
        packed_refs: branches and tags.
        tips: the commits and tags that those name, which must be there; the first is where the run starts from.
    """

    config: str
    shallow: str
    packed_refs: str
    tips: tuple[str, ...]

    @cached_property
    def text(self) -> bytes:
        """The three files one behind the other, each after a line `== NAME`."""
        parts = {"config": self.config, "shallow": self.shallow, "packed-refs": self.packed_refs}
        return "".join(f"== {name}\n{part}" for name, part in parts.items()).encode("utf-8", "surrogateescape")

    @cached_property
    def name(self) -> str:
        """Its name on a machine: the first 32 digits of its content's SHA-256."""
        return hashlib.sha256(self.text).hexdigest()[:32]

    def put_into(self, folder: Path) -> None:
        """Makes a fresh repository look like it. `folder` is its `.git`.

        Raises:
            OSError: a file there cannot be written.
        """
        with (folder / "config").open("a", encoding="utf-8", errors="surrogateescape") as config:
            config.write(self.config)
        (folder / "packed-refs").write_text(self.packed_refs, encoding="utf-8", errors="surrogateescape")
        if self.shallow:
            (folder / "shallow").write_text(self.shallow, encoding="utf-8", errors="surrogateescape")


async def clone_of(
    repository: Repository,
    *,
    branch: str | None,
    commit: str,
    also: Mapping[str, str] | None = None,
    worktree: Path | None = None,
    checkout: str | None = None,
) -> Clone:
    """Makes what `git clone --single-branch` would give: the branch, also as `origin/BRANCH`, and its history's tags.

    No address in it holds a credential, and what would fetch or push says who does that instead.

    Args:
        repository: the user's.
        branch: the one that the run starts from; None where it starts from a mere commit.
        commit: the commit it stands at.
        also: further branches that it has as `origin/BRANCH`, each with its commit.
        worktree: where the user has it checked out; None: in the root of the repository.
        checkout: for a submodule, the path from its `.git` to its files.

    Raises:
        GitFailed: git could not read the refs.
    """
    further = dict(also or {})
    heads = {f"refs/remotes/origin/{name}": oid for name, oid in further.items()}
    if branch:
        heads |= {f"refs/heads/{branch}": commit, f"refs/remotes/origin/{branch}": commit}
    tags = await _tags(repository, commit)
    rows = {name: f"{oid} {name}\n" for name, oid in heads.items()} | {
        name: f"{oid} {name}\n" + (f"^{peeled}\n" if peeled else "") for name, (oid, peeled) in tags.items()
    }
    refs = "".join([f"{_PACKED}\n", *(rows[name] for name in sorted(rows, key=str.encode))])
    ends = "".join(f"{end}\n" for end in sorted(shallow_ends(repository.common)))
    return Clone(
        config=_config(await _address(repository), branch)
        + (f"[core]\n\tworktree = {quoted(checkout)}\n" if checkout else "")
        + "".join(
            [await _active(link) for link in await gitlinks(repository, commit, worktree=worktree or repository.root)]
        ),
        shallow=ends,
        packed_refs=refs,
        tips=(commit, *(oid for oid, _ in tags.values()), *further.values()),
    )


async def _active(link: Gitlink) -> str:
    """What `git submodule init` writes; nothing for one that is not initialised."""
    if link.repository is None:
        return ""
    url = quoted(await _address(link.repository))
    return f"[submodule {quoted(link.name)}]\n\tactive = true\n\turl = {url}\n"


async def _tags(repository: Repository, commit: str) -> dict[str, tuple[str, str]]:
    """Each tag in the commit's history: its object, and what that leads to where it is an object of its own."""
    words = ("for-each-ref", f"--merged={commit}", "--format=%(objectname) %(*objectname) %(refname)", "refs/tags")
    rows = (line.split(" ", 2) for line in (await repository.git.ask(*words)).lines)
    return {name: (oid, peeled) for oid, peeled, name in rows}


async def _address(repository: Repository) -> str:
    """Where `origin` is for people, without any login; a place of our own where there is none to show."""
    answer = await repository.git.run("config", "--get", "remote.origin.url")
    try:
        url = RemoteUrl.parse(answer.text)
    except SettingsError:
        return _NOWHERE
    if answer.exit_status or url.scheme not in {"https", "http", "ssh", "git"}:
        return _NOWHERE
    bare = url.address.partition("?")[0].partition("#")[0].rstrip("/")
    return bare if bare.endswith(".git") else f"{bare}.git"


def _config(address: str, branch: str | None) -> str:
    lines = [
        *("[gc]", "\tauto = 0", "[maintenance]", "\tauto = false", "[push]", "\tdefault = current"),
        *('[remote "origin"]', f"\turl = {quoted(address)}", "\tfetch = +refs/heads/*:refs/remotes/origin/*"),
        *(f"\t{service} = {quoted(_REFUSE)}" for service in ("uploadpack", "receivepack")),
    ]
    if address != _NOWHERE:
        lines += [f'[url "{_NOWHERE}"]', f"\tinsteadOf = {quoted(address)}"]
    if branch:
        lines += [f"[branch {quoted(branch)}]", "\tremote = origin", f"\tmerge = {quoted(f'refs/heads/{branch}')}"]
    return "".join(f"{line}\n" for line in lines)


def quoted(value: str) -> str:
    """Quotes a value for a configuration file of git (git-config(1), "Syntax")."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'
