"""The head of a git bundle: which commits it brings, which it counts on, and where its pack begins."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

from miyabi.errors import GitFailed

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
        """The header as git reads it; version 2 where that can say everything."""
        if self.object_format == SHA1:
            lines = ["# v2 git bundle"]
        else:
            lines = ["# v3 git bundle", f"@object-format={self.object_format}"]
        lines += [f"-{commit}" for commit in self.prerequisites]
        lines += [f"{commit} {name}" for commit, name in self.tips]
        return "\n".join([*lines, "", ""]).encode()

    @classmethod
    def read(cls, file: BinaryIO) -> Self:
        """The header of a bundle; the file then stands where the pack begins.

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
    """How many objects the pack holds that begins at this byte of a file."""
    with path.open("rb") as file:
        file.seek(offset)
        return int.from_bytes(file.read(12)[8:], "big")


def _commit(text: str) -> str:
    if not _COMMIT.fullmatch(text):
        raise GitFailed(f"the bundle's header holds {text[:80]!r} where a commit belongs")
    return text
