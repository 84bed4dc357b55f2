"""What the set-up of a session's checkout prints, shown while it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from miyabi.errors import DiskFull, MachineError
from miyabi.sessions import RemoteSession
from miyabi.system import private_files
from miyabi.text import redact

SETUP_LOG = "setup.log"
POLL_SECONDS = 2.0


@contextmanager
def showing_setup(
    session: RemoteSession, file: Path, *, is_over: Callable[[], bool], say: Callable[[str], None]
) -> Iterator[None]:
    """Keeps the lines that a set-up has printed, without secrets, in a file while the block runs; fails at nothing.

    Args:
        session: on its machine.
        file: which has the last 64 KiB of it.
        is_over: whether the agent has begun.
        say: called with the last line, each time that there is another one; at first with an empty one.
    """
    showing = asyncio.ensure_future(_show(session, file, is_over, say))
    try:
        yield
    finally:
        showing.cancel()


async def _show(session: RemoteSession, file: Path, is_over: Callable[[], bool], say: Callable[[str], None]) -> None:
    said = None
    while not is_over():
        with suppress(MachineError, DiskFull, OSError):  # who follows the session meets the same, and sees to it
            lines, end, _ = (await session.setup_log()).rpartition(b"\n")  # half a secret would not be known as one
            text = redact((lines + end).decode("utf-8", "surrogateescape"))
            if text != said and not is_over():
                private_files.write_bytes(file, text.encode("utf-8", "surrogateescape"))
                say((text.rstrip().splitlines() or [""])[-1])
                said = text
        await asyncio.sleep(POLL_SECONDS)
