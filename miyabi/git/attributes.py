"""Git with the attributes that a commit itself has, in place of those that happen to be checked out."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path, PurePosixPath

from miyabi.git.command import Git, installed_version

_READS_A_COMMIT = (2, 41)
"""The first git with GIT_ATTR_SOURCE: it takes the attributes of the commit that this names."""

_FILE = ".gitattributes"
_REGULAR = "100"
_NEVER = {"..", ".git"}


@asynccontextmanager
async def with_attributes_of(git: Git, commit: str) -> AsyncIterator[Git]:
    """Yields git for the same repository, in which the `.gitattributes` of the commit count and no others.

    What the user's configuration and `info/attributes` say still counts besides, as in `git merge`. Git from 2.41 on is
    told the commit by `GIT_ATTR_SOURCE` (git(1)); an older one gets a folder with those files.

    Raises:
        GitFailed: the commit is not here.
    """
    if await installed_version() >= _READS_A_COMMIT:
        yield git.given({"GIT_ATTR_SOURCE": commit})
        return
    where = (await git.ask("rev-parse", "--absolute-git-dir")).text
    contents = await _attribute_files(git, commit)
    with tempfile.TemporaryDirectory(prefix="miyabi-attributes-") as folder:
        checkout = Path(folder) / "checkout"
        await asyncio.to_thread(_write, checkout, contents)
        index = str(Path(folder) / "index")  # is not there: the user's own holds attributes too
        yield Git(checkout, {"GIT_DIR": where, "GIT_WORK_TREE": str(checkout), "GIT_INDEX_FILE": index})


async def _attribute_files(git: Git, commit: str) -> dict[str, bytes]:
    rows = (row.split("\t", 1) for row in (await git.ask("ls-tree", "-r", "-z", commit)).text.split("\0") if row)
    blobs = {
        path: about.split(" ")[2]
        for about, path in rows
        if path.rpartition("/")[2] == _FILE and about.startswith(_REGULAR) and not _NEVER & {*PurePosixPath(path).parts}
    }
    asked = "".join(f"{blob}\n" for blob in blobs.values()).encode()
    answer = (await git.ask("cat-file", "--batch", stdin=asked)).stdout if blobs else b""
    return dict(zip(blobs, _blobs(answer), strict=True))


def _blobs(batch: bytes) -> Iterator[bytes]:
    """What `cat-file --batch` has printed, object by object; nothing for one that is missing."""
    while batch:
        about, _, rest = batch.partition(b"\n")
        size = about.rsplit(b" ", 1)[1]
        length = int(size) if size.isdigit() else -1
        yield rest[: max(length, 0)]
        batch = rest[length + 1 :]


def _write(checkout: Path, contents: Mapping[str, bytes]) -> None:
    checkout.mkdir()
    for name, content in contents.items():
        file = checkout / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
