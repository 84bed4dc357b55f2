"""What a port says to a bare connection: sshd writes there why it closes, which an SSH library hides."""

from __future__ import annotations

import asyncio
from contextlib import suppress

_WITHIN_SECONDS = 3
_LONGEST_LINE = 255


async def read_banner(host: str, port: int) -> str:
    """The first line, or "" where it says nothing. sshd counts it as a failed login: only after repeated trouble."""
    with suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        async with asyncio.timeout(_WITHIN_SECONDS):
            return await _first_line(host, port)
    return ""


async def _first_line(host: str, port: int) -> str:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        return (await reader.read(_LONGEST_LINE)).partition(b"\n")[0].decode(errors="replace").strip()
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
