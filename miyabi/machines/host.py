"""What a host can do for us, whichever way it is reached."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """A command that ended there, however it ended. Raw bytes: nobody knows their encoding."""

    exit_status: int
    stdout: bytes = b""
    stderr: bytes = b""

    @property
    def complaint(self) -> str:
        """Its stderr as text for an error message, at most the last 2000 characters."""
        return self.stderr.decode("utf-8", "replace").strip()[-2000:]


class Host(Protocol):
    """A place where commands run: this machine, or one over SSH."""

    @property
    def name(self) -> str:
        """Name of the machine, as in the fleet."""
        ...

    async def run(
        self,
        words: Sequence[str],
        *,
        stdin: bytes | Path = b"",
        stdout: Path | None = None,
        timeout_seconds: float = 60,
    ) -> Completed:
        """Runs a command to its end. Any exit status, 126 and 127 as well, is returned, not raised.

        Args:
            words: The command, quoted by `miyabi.machines.quoting`; a leading `~/` is the home there.
            stdin: What it reads: bytes, or a file of ours.
            stdout: A file of ours that takes its output; `Completed.stdout` is then empty.
            timeout_seconds: How long it may take, connecting included.

        Raises:
            MachineUnreachable: it did not run; may work later.
            HostKeyRefused: it did not run.
            LoginRefused: it did not run.
            SshConfigUnusable: it did not run.
            ConnectionDropped: the link went in mid-command; whether it ran is unknown.
            MachineError: it took longer than `timeout_seconds`.
            ValueError: a word holds a line break or NUL.
            OSError: a file of ours cannot be read or written.
        """
        ...

    def stream(self, words: Sequence[str]) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Runs a command and yields its stdout in chunks (at most 64 KiB) as they come; leaving the context ends it.

        Raises:
            MachineError: as `run`, on entering; ConnectionDropped in the iteration where the link goes.
            ValueError: a word holds a line break or NUL.
        """
        ...

    async def close(self) -> None:
        """Gives back what the host holds; what runs there detached goes on."""
        ...
