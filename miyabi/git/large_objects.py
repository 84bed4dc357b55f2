"""Git LFS at the orchestrator: which objects commits name, and where the user's clone keeps them."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Self

from miyabi.git.clone import Clone, quoted
from miyabi.git.command import Git
from miyabi.git.repository import Repository
from miyabi.system import raised_as_full
from miyabi.text import count

_POINTER_BYTES = 1024
"""Every pointer is smaller: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md."""

_POINTER = re.compile(
    rb"version https://(?:git-lfs\.github\.com|hawser\.github\.com)/spec/v1\n(?:ext-[^\n]*\n)*"
    rb"oid sha256:([0-9a-f]{64})\nsize ([0-9]{1,18})\n?"
)
_SMALL_BLOBS = ("--filter=object:type=blob", f"--filter=blob:limit={_POINTER_BYTES}")
_CHUNK_BYTES = 1 << 20

# No server is asked from a checkout: what it needs is there already, and a pointer stays where that is nowhere.
_CONFIG = """\
[filter "lfs"]
	clean = git-lfs clean -- %f
	smudge = git-lfs smudge -- %f
	process = git-lfs filter-process
	required = true
[lfs]
	skipDownloadErrors = true
	url = file:///orchestrator
	pushUrl = file:///orchestrator
	storage = {storage}
"""


async def lfs_objects(git: Git, new: Sequence[str], *, known: Iterable[str] = ()) -> dict[str, int]:
    """Finds the LFS objects that commits or trees name, with all that they are built on.

    Args:
        git: where they are.
        new: what is looked at.
        known: commits whose objects do not count.

    Returns:
        The size of each object in bytes by its SHA-256, as its pointer says.

    Raises:
        GitFailed: one of them is not here.
    """
    asked = "".join(f"{each}\n" for each in (*new, *(f"^{each}" for each in known))).encode()
    words = ("rev-list", "--objects", "--no-object-names", *_SMALL_BLOBS, "--stdin")
    small = (await git.ask(*words, stdin=asked)).stdout
    answer = await git.ask("cat-file", "--batch", "--buffer", stdin=small) if small else None
    found = map(_POINTER.fullmatch, _blobs(answer.stdout)) if answer else ()
    return {pointer[1].decode(): int(pointer[2]) for pointer in found if pointer}


async def lfs_objects_of(git: Git, commit: str) -> dict[str, int]:
    """Finds the LFS objects of a commit's own files.

    Returns:
        The size of each object in bytes by its SHA-256, as its pointer says.

    Raises:
        GitFailed: the commit is not here.
    """
    return await lfs_objects(git, [f"{commit}^{{tree}}"])


def with_lfs(clone: Clone, *, storage: str = "lfs") -> Clone:
    """Adds to a clone what a checkout needs that uses Git LFS.

    Args:
        clone: what every checkout has.
        storage: folder of its LFS objects; a relative one is below its `.git`.
    """
    return replace(clone, config=clone.config + _CONFIG.format(storage=quoted(storage)))


@dataclass(frozen=True, slots=True)
class Storage:
    """Where the user's clone keeps its LFS objects."""

    folder: Path

    @classmethod
    async def of(cls, repository: Repository) -> Self:
        """Finds that of the repository, as `lfs.storage` says: git-lfs-config(5)."""
        answer = await repository.git.run("config", "--type=path", "--get", "lfs.storage")
        return cls(repository.common / ((not answer.exit_status and answer.text) or "lfs"))

    def path(self, oid: str) -> Path:
        """Returns where the object of that SHA-256 is, if it is here."""
        return self.folder / "objects" / oid[:2] / oid[2:4] / oid

    def lacking(self, objects: Mapping[str, int]) -> dict[str, int]:
        """Finds those of the objects that are not here, whole.

        Returns:
            The size of each in bytes by its SHA-256, as in `objects`.
        """
        return {oid: size for oid, size in objects.items() if not _is_there(self.path(oid), size)}

    @contextmanager
    def incoming(self) -> Iterator[Path]:
        """Yields a new file for what `take` takes; gone afterwards.

        Raises:
            DiskFull: there is no room.
            OSError: the folder cannot be written.
        """
        folder = self.folder / "tmp"
        with raised_as_full(folder):
            folder.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix="miyabi-", dir=folder)
            os.close(handle)
        try:
            yield Path(name)
        finally:
            Path(name).unlink(missing_ok=True)

    def take(self, arrived: Path, objects: Mapping[str, int]) -> bool:
        """Keeps the objects that a file holds one behind the other; False where they are not what they should be.

        Those before the first wrong one are kept.

        Raises:
            DiskFull: there is no room.
            OSError: the folder cannot be written.
        """
        with arrived.open("rb") as source, raised_as_full(self.folder):
            return all(self._keep(source, oid, size) for oid, size in objects.items())

    def _keep(self, source: BinaryIO, oid: str, size: int) -> bool:
        digest, left = hashlib.sha256(), size
        with self.incoming() as file:
            with file.open("wb") as out:
                while left and (chunk := source.read(min(left, _CHUNK_BYTES))):
                    digest.update(chunk)
                    out.write(chunk)
                    left -= len(chunk)
                out.flush()
                os.fsync(out.fileno())
            if digest.hexdigest() != oid:
                return False
            self.path(oid).parent.mkdir(parents=True, exist_ok=True)
            file.chmod(0o444)
            file.replace(self.path(oid))
        return True


async def missing_lfs_objects(repository: Repository, commit: str) -> tuple[str, ...]:
    """Says in a sentence which LFS objects of the commit's files are not in the user's clone; nothing where all are.

    Raises:
        GitFailed: the commit is not here.
    """
    lacking = (await Storage.of(repository)).lacking(await lfs_objects_of(repository.git, commit))
    if not lacking:
        return ()
    are = "is" if len(lacking) == 1 else "are"
    found = f"{count(len(lacking), 'Git LFS object')} of {commit[:10]} {are} not in {repository.root}"
    todo = f"git lfs fetch REMOTE {commit[:10]}"
    return (f"{found}: sessions and checks get pointers in place of these files. To have them: {todo}",)


def _is_there(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False


def _blobs(batch: bytes) -> Iterator[bytes]:
    """The blobs in what `cat-file --batch` has printed."""
    at = 0
    while at < len(batch):
        end = batch.index(b"\n", at)
        about = batch[at:end].split(b" ")
        length = int(about[2]) if about[-1].isdigit() else -1
        if about[1] == b"blob":
            yield batch[end + 1 : end + 1 + length]
        at = end + length + 2
