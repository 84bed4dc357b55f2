"""What a job printed."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from miyabi.github.transport import last_bytes


async def chunks(content: bytes, size: int) -> AsyncIterator[bytes]:
    """The content, so many bytes a time."""
    for start in range(0, len(content), size):
        yield content[start : start + size]


@pytest.mark.parametrize("length", [0, 3, 4, 5, 8, 11])
async def test_the_end_of_a_long_log_is_kept(length: int) -> None:
    """However long it is, its last bytes come, in their order: there stands why the job failed."""
    log = bytes(range(length))
    assert await last_bytes(chunks(log, 4), most=4) == log[-4:]
