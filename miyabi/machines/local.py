"""This machine as a host: the same command lines as over SSH, by /bin/sh."""

from __future__ import annotations

import asyncio
import os
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from pathlib import Path
from typing import BinaryIO

from miyabi.errors import MachineError, MachineUnreachable
from miyabi.machines import quoting
from miyabi.machines.host import Completed
from miyabi.system import clean_environment, kill_group, shell_status, spawn

_CHUNK_BYTES = 65536


class LocalHost:
    """This machine. Commands run from the home folder, in a clean environment and a session of their own."""

    def __init__(self, name: str = "local") -> None:
        self._name = name

    @property
    def name(self) -> str:
        """Name of the machine, as in the fleet."""
        return self._name

    async def run(
        self,
        words: Sequence[str],
        *,
        stdin: bytes | Path = b"",
        stdout: Path | None = None,
        timeout_seconds: float = 60,
    ) -> Completed:
        """Runs a command as `miyabi.machines.host.Host.run` says.

        Raises:
            MachineUnreachable: no process can be started here, for want of processes or memory.
            MachineError: it took longer than `timeout_seconds`, and was ended with its process group.
        """
        with ExitStack() as files:
            source: int | BinaryIO = files.enter_context(stdin.open("rb")) if isinstance(stdin, Path) else PIPE
            target: int | BinaryIO = files.enter_context(stdout.open("wb")) if stdout else PIPE
            process = await self._spawn(words, stdin=source, stdout=target, stderr=PIPE)
        try:
            async with asyncio.timeout(timeout_seconds):
                out, err = await process.communicate(stdin if isinstance(stdin, bytes) else None)
        except TimeoutError:
            raise MachineError(
                f"{self.name}: a command took longer than {timeout_seconds:g} s and was ended: {words[0]} …",
                machine=self.name,
            ) from None
        finally:
            await kill_group(process)
        assert process.returncode is not None  # noqa: S101 - it has ended
        return Completed(exit_status=shell_status(process.returncode), stdout=out or b"", stderr=err or b"")

    def stream(self, words: Sequence[str]) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Runs a command and yields its stdout as `miyabi.machines.host.Host.stream` says."""
        return self._stream(words)

    @asynccontextmanager
    async def _stream(self, words: Sequence[str]) -> AsyncIterator[AsyncIterator[bytes]]:
        process = await self._spawn(words, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL)
        try:
            yield _chunks(process)
        finally:
            await kill_group(process)

    async def close(self) -> None:
        """Does nothing: nothing is held."""

    async def _spawn(
        self, words: Sequence[str], *, stdin: int | BinaryIO, stdout: int | BinaryIO, stderr: int
    ) -> Process:
        environment = clean_environment(os.environ)
        line, home = ("/bin/sh", "-c", quoting.command_line(words)), environment.get("HOME", "/")
        try:
            return await spawn(line, stdin=stdin, stdout=stdout, stderr=stderr, env=environment, cwd=home)
        except OSError as error:
            raise MachineUnreachable(
                f"{self.name}: no process can be started here: {error}", machine=self.name
            ) from error


async def _chunks(process: Process) -> AsyncIterator[bytes]:
    assert process.stdout is not None  # noqa: S101 - opened as a pipe
    while chunk := await process.stdout.read(_CHUNK_BYTES):
        yield chunk
