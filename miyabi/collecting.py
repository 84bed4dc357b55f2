"""Bringing a session's commits home over links that break."""

from __future__ import annotations

import asyncio

from miyabi.errors import ConnectionDropped, MachineUnreachable
from miyabi.session import SessionPaths
from miyabi.workspace import Collected, Workspace


async def collect_patiently(
    workspace: Workspace,
    paths: SessionPaths,
    *,
    base: str,
    patience_seconds: float,
    aside: bool = False,
    max_file_bytes: int = 0,
) -> Collected:
    """The commits, however often the link drops, for as long as patience lasts. Raises as `Workspace.collect`."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + patience_seconds
    while True:
        try:
            return await workspace.collect(paths, base=base, aside=aside, max_file_bytes=max_file_bytes)
        except (MachineUnreachable, ConnectionDropped):
            if clock() > deadline:
                raise
            await asyncio.sleep(1)
