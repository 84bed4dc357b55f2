"""Commits travel as bundles, both ways.

The header is that of gitformat-bundle(5), the pack behind it that of gitformat-pack(5).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from io import SEEK_END
from pathlib import Path
from typing import BinaryIO, Self

from miyabi.errors import GitFailed
from miyabi.git.command import Git

KNOWN = "refs/miyabi/known"
"""Below it a machine's store keeps what is the user's own history, and so outlives a run."""

BASE = "refs/miyabi/base"
SHALLOW = "refs/miyabi/shallow"
"""Names under which a bundle says to a store where a shallow history ends."""

_LOOSE_OBJECTS = 100  # as git's own receive.unpackLimit: a pack for each task would slow every look-up
_LOOSE_BYTES = 1 << 20


class PrerequisiteMissing(GitFailed):
    """The bundle counts on commits that are not here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """What has to travel: the commits on the edge of what is known already, and those where a shallow history ends."""

    boundary: tuple[str, ...]
    shallow: tuple[str, ...]
    empty: bool


async def existing(git: Git, commits: Collection[str]) -> set[str]:
    """Returns those of the ids that are commits here.

    Raises:
        GitFailed: git could not read them.
    """
    if not commits:
        return set()
    asked = "".join(f"{commit}\n" for commit in commits).encode()
    answer = await git.ask("cat-file", "--batch-check=%(objectname) %(objecttype)", stdin=asked)
    return {words[0] for line in answer.lines if (words := line.split(" ")) and words[-1] == "commit"}


async def write_bundle(
    git: Git,
    tip: str,
    *,
    known: Collection[str],
    file: Path,
    object_format: str,
    shallow: frozenset[str],
    also: Sequence[str] = (),
    lasting: str | None = None,
) -> bool:
    """Writes what `tip` and `also`, commits or tags, need beyond the known commits; False where that is nothing.

    A store keeps `lasting`, one of them, beyond the run, as it keeps what the user's own refs hold.

    Raises:
        GitFailed: git could not do it, e.g. because objects are missing or the disk is full.
        OSError: the file cannot be written.
    """
    extent = await _extent(git, [tip, *also], known=known, shallow=shallow)
    tags = set(also) - await existing(git, also)  # their own objects: those of their commits may all be known
    if extent.empty and not tags:
        return False
    lasts = tip == lasting or await _of_the_user(git, tip)
    kept = {tip: f"{KNOWN}/{tip}" if lasts else BASE} | ({lasting: f"{KNOWN}/{lasting}"} if lasting else {})
    tips = (*kept.items(), *((commit, f"{SHALLOW}/{commit}") for commit in extent.shallow))
    header = BundleHeader(tips=tips, prerequisites=extent.boundary, object_format=object_format)
    with file.open("wb") as out:
        out.write(header.to_bytes())
        out.flush()
        words = ("pack-objects", "--revs", "--thin", "--stdout", "--delta-base-offset", "-q")
        await git.ask(*words, stdin=_range([tip, *also], known), stdout=out)
    return True


async def unpack(git: Git, file: Path) -> BundleHeader:
    """Takes a bundle's objects in; refs are the caller's business.

    A pack of fewer than 100 objects and 1 MiB becomes loose objects, a larger one stays a pack.

    Raises:
        PrerequisiteMissing: it counts on commits that are not here.
        GitFailed: it is no bundle, is damaged, or the disk is full.
    """
    with file.open("rb") as source:
        header = BundleHeader.read(source)
        offset = source.tell()
        size = source.seek(0, SEEK_END)
    if missing := set(header.prerequisites) - await existing(git, header.prerequisites):
        raise PrerequisiteMissing(f"the bundle counts on commits that are not here: {', '.join(sorted(missing))}")
    small = objects_in_pack(file, offset=offset) < _LOOSE_OBJECTS and size < _LOOSE_BYTES
    words = ("unpack-objects", "-q") if small else ("index-pack", "--stdin", "--fix-thin")
    with file.open("rb", buffering=0) as pack:
        pack.seek(offset)
        await git.ask(*words, stdin=pack)
    return header


async def require_complete(git: Git, commits: Sequence[str], *, known: Sequence[str]) -> None:
    """Checks that everything that the commits need beyond the known ones is here.

    Raises:
        GitFailed: an object is missing.
    """
    words = ("rev-list", "--objects", "--quiet", "--stdin")
    answer = await git.run(*words, stdin="".join([*(f"{c}\n" for c in commits), *(f"^{c}\n" for c in known)]).encode())
    if answer.exit_status:
        raise GitFailed(f"what arrived in {git.folder} is not complete: {answer.stderr}")


def _range(tips: Sequence[str], known: Collection[str]) -> bytes:
    return "".join([*(f"{tip}\n" for tip in tips), *(f"^{commit}\n" for commit in sorted(known))]).encode()


async def _extent(git: Git, tips: Sequence[str], *, known: Collection[str], shallow: frozenset[str]) -> Extent:
    if not known and not shallow:
        return Extent(boundary=(), shallow=(), empty=False)
    lines = (await git.ask("rev-list", "--boundary", "--stdin", stdin=_range(tips, known))).lines
    boundary = tuple(line[1:] for line in lines if line.startswith("-"))
    inside = {line for line in lines if not line.startswith("-")}
    return Extent(boundary=boundary, shallow=tuple(sorted(shallow & inside)), empty=not inside)


async def _of_the_user(git: Git, commit: str) -> bool:
    """Whether one of the user's own refs holds the commit."""
    words = ("rev-list", "--max-count=1", commit, "--not", "--exclude=refs/heads/miyabi/*", "--all")
    return not (await git.ask(*words)).stdout


SHA1 = "sha1"
_SIGNATURES = (b"# v2 git bundle\n", b"# v3 git bundle\n")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleHeader:
    """What stands before the pack. `tips` are (commit, name) pairs."""

    tips: tuple[tuple[str, str], ...]
    prerequisites: tuple[str, ...] = ()
    object_format: str = SHA1

    def to_bytes(self) -> bytes:
        """Makes the header as git reads it; version 2 where that can say everything."""
        if self.object_format == SHA1:
            lines = ["# v2 git bundle"]
        else:
            lines = ["# v3 git bundle", f"@object-format={self.object_format}"]
        lines += [f"-{commit}" for commit in self.prerequisites]
        lines += [f"{commit} {name}" for commit, name in self.tips]
        return "\n".join([*lines, "", ""]).encode()

    @classmethod
    def read(cls, file: BinaryIO) -> Self:
        """Reads the header of a bundle; the file then stands where the pack begins.

        Raises:
            GitFailed: these bytes are no bundle, or one that only a newer git understands.
        """
        if file.readline() not in _SIGNATURES:
            raise GitFailed("what arrived is not a git bundle")
        tips, prerequisites, object_format = [], [], SHA1
        while (line := file.readline()) not in (b"\n", b""):
            text = line.decode("utf-8", "surrogateescape").rstrip("\n")
            if text.startswith("@object-format="):
                object_format = text.partition("=")[2]
            elif text.startswith("-"):
                prerequisites.append(_commit(text[1:].split(" ")[0]))
            else:
                commit, _, name = text.partition(" ")
                tips.append((_commit(commit), name))
        return cls(tips=tuple(tips), prerequisites=tuple(prerequisites), object_format=object_format)


def objects_in_pack(path: Path, *, offset: int) -> int:
    """Returns how many objects the pack holds that begins at this byte of a file: its bytes 8 to 11, big-endian."""
    with path.open("rb") as file:
        file.seek(offset)
        return int.from_bytes(file.read(12)[8:], "big")


def _commit(text: str) -> str:
    if not _COMMIT.fullmatch(text):
        raise GitFailed(f"the bundle's header holds {text[:80]!r} where a commit belongs")
    return text
