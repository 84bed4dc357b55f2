"""Git LFS objects travel between the user's clone and a machine, both ways; only those that the other side lacks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from miyabi.errors import ConnectionDropped
from miyabi.git import Clone, Repository, Storage, lfs_objects, lfs_objects_of, uses_lfs, with_lfs
from miyabi.machines import Completed
from miyabi.sessions.names import SessionPaths

_BATCH_BYTES = 8 << 20
_BATCH_OBJECTS = 200
_SECONDS = 900.0
_BYTES_PER_SECOND = 100_000

_LACKS, _PUT, _GET = "large-lacks", "large-put", "large-get"


class RunVerb(Protocol):
    """Runs a verb of our script on the machine."""

    async def __call__(
        self,
        verb: str,
        *words: str,
        doing: str,
        stdin: bytes | Path = b"",
        stdout: Path | None = None,
        timeout_seconds: float = 300,
    ) -> Completed:
        """Runs a verb of the script and returns its end, which is a good one.

        Raises:
            MachineError: it failed there, or as `Host.run`.
        """


class LargeTravel:
    """The LFS objects of one repository, and those on one machine."""

    def __init__(self, repository: Repository, *, machine: str, call: RunVerb) -> None:
        self._repository = repository
        self._machine = machine
        self._call = call
        self._shipping = asyncio.Lock()
        self._uses: dict[str, bool] = {}

    async def ship(self, paths: SessionPaths, *, commit: str, clone: Clone) -> Clone:
        """Sends the LFS objects of a commit to the machine, where the commit uses Git LFS.

        An object that is not here is left out.

        Args:
            paths: of the task.
            commit: what is to be checked out.
            clone: what every checkout has.

        Returns:
            What a checkout of the commit has besides: `clone`, with Git LFS set up where it is used.

        Raises:
            MachineNotReady: there is no git-lfs on the machine, and it is needed.
            MachineDiskFull: there is no room.
            MachineError: as `Host.run`.
            GitFailed: the commit is not here.
        """
        git = self._repository.git
        if commit not in self._uses:
            self._uses[commit] = await uses_lfs(git, commit)
        if not self._uses[commit]:
            return clone
        storage = await Storage.of(self._repository)
        async with self._shipping:  # the next task needs most of what this one does
            lacking = await self._lacking(paths, await lfs_objects_of(git, commit), where="store")
            away = await asyncio.to_thread(storage.lacking, lacking)
            for batch in _batches({oid: size for oid, size in lacking.items() if oid not in away}):
                await self._put(paths, batch, storage)
        return with_lfs(clone)

    async def collect(self, paths: SessionPaths, new: Sequence[str], *, base: str) -> tuple[str, ...]:
        """Collects the LFS objects that a task's commits name.

        Args:
            paths: of the task.
            new: the commits, which are here.
            base: what they are built on.

        Returns:
            The SHA-256 of those that are nowhere, sorted.

        Raises:
            ConnectionDropped: what came is not what was asked for.
            MachineError: as `Host.run`.
            DiskFull: there is no room here.
            GitFailed: git could not do it.
        """
        objects = await lfs_objects(self._repository.git, new, known=[base]) if set(new) != {base} else {}
        if not objects:
            return ()
        storage = await Storage.of(self._repository)
        wanted = await asyncio.to_thread(storage.lacking, objects)
        lost = await self._lacking(paths, wanted, where="task")
        for batch in _batches({oid: size for oid, size in wanted.items() if oid not in lost}):
            await self._get(paths, batch, storage)
        return tuple(sorted(lost))

    async def _lacking(self, paths: SessionPaths, objects: Mapping[str, int], *, where: str) -> dict[str, int]:
        if not objects:
            return {}
        asked = "".join(f"{oid}:{size}\n" for oid, size in objects.items()).encode()
        words = (_LACKS, paths.run, paths.task, where)
        answer = await self._call(*words, doing="look for its LFS objects", stdin=asked)
        return {oid: objects[oid] for oid in answer.stdout.decode("ascii", "replace").split() if oid in objects}

    async def _put(self, paths: SessionPaths, batch: Mapping[str, int], storage: Storage) -> None:
        files = [storage.path(oid) for oid in batch]
        sent = files[0] if len(files) == 1 else await asyncio.to_thread(_joined, files)
        words = (_PUT, paths.run, paths.task, self._repository.object_format, *_named(batch))
        await self._call(*words, doing="keep LFS objects", stdin=sent, timeout_seconds=_seconds(batch))

    async def _get(self, paths: SessionPaths, batch: Mapping[str, int], storage: Storage) -> None:
        with storage.incoming() as file:
            words = (_GET, paths.run, paths.task, *_named(batch))
            await self._call(*words, doing="bring LFS objects", stdout=file, timeout_seconds=_seconds(batch))
            if not await asyncio.to_thread(storage.take, file, batch):
                message = f"{self._machine}: LFS objects of {paths.branch} arrived damaged."
                raise ConnectionDropped(message, machine=self._machine)


def _batches(objects: Mapping[str, int]) -> Iterator[dict[str, int]]:
    """Small ones together; a large one goes alone, straight from its file."""
    batch: dict[str, int] = {}
    for oid, size in objects.items():
        if batch and (len(batch) == _BATCH_OBJECTS or sum(batch.values()) + size > _BATCH_BYTES):
            yield batch
            batch = {}
        batch[oid] = size
    if batch:
        yield batch


def _joined(files: Sequence[Path]) -> bytes:
    return b"".join(file.read_bytes() for file in files)


def _named(batch: Mapping[str, int]) -> list[str]:
    return [f"{oid}:{size}" for oid, size in batch.items()]


def _seconds(batch: Mapping[str, int]) -> float:
    return _SECONDS + sum(batch.values()) / _BYTES_PER_SECOND
