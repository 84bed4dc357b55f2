"""Following a session over links that break: no byte lost, no byte twice, because our own files are the cursor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from miyabi.errors import (
    ConnectionDropped,
    DiskFull,
    MachineError,
    MachineUnreachable,
    MiyabiError,
    RemoteFailed,
    SessionError,
)
from miyabi.machines import Host
from miyabi.sessions import supervisor
from miyabi.sessions.protocol import Data, Frame, FrameReader, Heartbeat, Over, Status, Truncated
from miyabi.system import Retry, disk_full, is_full, is_our_disk, may_pass, private_files

SILENCE_SECONDS = 10.0
"""The machine speaks every 3 s; a link that is silent for so long is dead."""
_CHUNK_BYTES = 65536


class Copy:
    """Our copy of one output file; its size is how far we are."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = private_files.open_to_append(path)
        self.size = self._file.tell()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._file.close()

    def append(self, content: bytes) -> None:
        """Writes all of it, so that it stays when we are killed the next moment.

        Raises:
            DiskFull: our own disk takes no more.
            SessionError: it cannot be written for another reason.
        """
        left = memoryview(content)
        try:
            while left:
                written = self._file.write(left)
                self.size += written
                left = left[written:]
        except OSError as error:
            if is_full(error):
                raise disk_full(error, self._path) from error
            raise SessionError(
                f"{self._path}: the output cannot be kept: {error}. The session goes on; make room and run again."
            ) from error

    def again(self, on_output: Callable[[bytes], None]) -> None:
        """Passes on everything that it holds already, in chunks of at most 64 KiB.

        Raises:
            OSError: it cannot be read.
        """
        with self._path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                on_output(chunk)


class Follower:
    """One follow of one session, over as many links as it takes."""

    def __init__(
        self,
        host: Host,
        session: str,
        workspace: str,
        *,
        on_output: Callable[[bytes], None],
        on_wait: Callable[[MiyabiError], None],
    ) -> None:
        self._host = host
        self._session = session
        self._workspace = workspace
        self._on_output = on_output
        self._on_wait = on_wait
        self._copies: dict[str, Copy] = {}
        self._silence_seconds = SILENCE_SECONDS
        self._retry = self._room = Retry(patience_seconds=0)

    async def run(
        self, out: Path, err: Path, *, patience_seconds: float, silence_seconds: float = SILENCE_SECONDS
    ) -> Status:
        """Follows the session to its end as `RemoteSession.follow` says.

        Raises:
            SessionError: our own disk has been full for so long. The session goes on.
            MachineUnreachable: nothing was heard for `patience_seconds`. The session may still run.
            MachineError: permanent trouble with the machine, or it has less of the output than we have.
        """
        self._silence_seconds = silence_seconds
        with ExitStack() as files:
            self._copies = {"o": files.enter_context(Copy(out)), "e": files.enter_context(Copy(err))}
            self._copies["o"].again(self._on_output)
            self._retry = Retry(patience_seconds=patience_seconds)
            self._retry.worked()
            self._room = Retry(patience_seconds=patience_seconds, passes=is_our_disk)
            while True:
                try:
                    return await self._once()
                except (MachineError, DiskFull) as error:
                    self._require_patience(error)
                    self._on_wait(error)
                await self._retry.pause()

    async def _once(self) -> Status:
        """Over one link, to the end.

        Raises:
            ConnectionDropped: the link broke or fell silent.
        """
        offsets = [str(self._copies[name].size) for name in ("o", "e")]
        words = await supervisor.command(self._host, self._workspace, ["follow", self._session, *offsets])
        reader = FrameReader()
        async with self._host.stream(words) as chunks:
            async for chunk in self._until_silent(chunks):
                for frame in self._frames(reader, chunk):
                    if isinstance(frame, Over):
                        return self._all_of_it(frame.status)
                    self._take(frame)
        # A reader that cannot start and a link that closed look the same: asking brings out the error of the first.
        await supervisor.ask(self._host, self._workspace, ["status", self._session])
        raise self._dropped("closed")

    def _frames(self, reader: FrameReader, chunk: bytes) -> list[Frame]:
        try:
            return reader.feed(chunk)
        except ValueError as error:
            raise supervisor.unexpected_output(self._host.name, error) from error

    async def _until_silent(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        while True:
            try:
                async with asyncio.timeout(self._silence_seconds):
                    chunk = await anext(chunks, b"")
            except TimeoutError:
                raise self._dropped(f"silent for {self._silence_seconds:g} s") from None
            if not chunk:
                return
            yield chunk

    def _take(self, frame: Frame) -> None:
        match frame:
            case Data(stream, offset, content):
                self._add(stream, offset, content)
            case Truncated(stream, size):
                raise self._shorter(stream, size)
            case Heartbeat() | Over():
                pass
        self._retry.worked()

    def _add(self, stream: str, offset: int, content: bytes) -> None:
        copy = self._copies[stream]
        if offset != copy.size:
            raise self._broken(f"its output goes on at byte {offset}, ours ends at {copy.size}")
        try:
            copy.append(content)
        finally:  # a part of it may have found room, and is not asked for again
            if stream == "o" and copy.size > offset:
                self._on_output(content[: copy.size - offset])
        self._room.forget()

    def _all_of_it(self, status: Status) -> Status:
        for stream, size in (("o", status.out_bytes), ("e", status.err_bytes)):
            if size < self._copies[stream].size:
                raise self._shorter(stream, size)
        return status

    def _require_patience(self, error: MachineError | DiskFull) -> None:
        """Passes what may pass, while patience lasts."""
        if self._retry.allows(error) or self._room.allows(error):
            return
        if is_our_disk(error):
            raise SessionError(f"{error} The session goes on; its output is taken up when you run again.") from error
        if not may_pass(error):
            raise error
        silent = self._retry.failing_seconds
        raise MachineUnreachable(
            f"{self._host.name}: nothing heard of session {self._session} for {silent:.0f} s ({error}). "
            "It may still run there: run again to go on with it.",
            machine=self._host.name,
        ) from error

    def _dropped(self, how: str) -> ConnectionDropped:
        machine = self._host.name
        return ConnectionDropped(f"{machine}: the link of session {self._session} {how}", machine=machine)

    def _shorter(self, stream: str, size: int) -> RemoteFailed:
        name = {"o": "stdout", "e": "stderr"}[stream]
        return self._broken(f"log truncated: {name} has {size} bytes there, we have {self._copies[stream].size}")

    def _broken(self, what: str) -> RemoteFailed:
        machine = self._host.name
        return RemoteFailed(
            f"{machine}: session {self._session}: {what}. After a power cut this may happen: begin a new attempt.",
            machine=machine,
        )
