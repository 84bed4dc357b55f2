"""Usage limits are shared with whoever answers, whoever else does not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from miyabi.quota import Figure, QuotaBook
from miyabi.runs import Run
from tasks import quota
from tests.support.values.runs import Workshop, workshop  # noqa: F401 - a fixture


@asynccontextmanager
async def _kept(live: Run) -> AsyncIterator[list[float]]:
    """Keeps its quota meanwhile; gives when windows turned out to be spent."""
    heard: list[float] = []
    keeping = asyncio.create_task(quota.keep_quota(live, on_closing=lambda: heard.append(time.monotonic())))
    await asyncio.sleep(0)  # it looks what is known before
    yield heard
    assert not keeping.done()
    keeping.cancel()
    await asyncio.wait([keeping])


async def test_neither_server_nor_machine_keeps_others_waiting(
    workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that hangs, and something in front of the server that answers with a page of its own."""
    synced: list[float] = []

    async def page(*_: Any) -> None:
        synced.append(time.monotonic())
        raise ValueError("Expecting value: line 1 column 1 (char 0)")

    async def hang(*_: Any, **__: Any) -> None:
        await asyncio.sleep(3600)

    monkeypatch.setattr(quota.SharedQuota, "sync", page)
    monkeypatch.setattr(quota, "_exchange", hang)
    monkeypatch.setattr(quota, "get_client", nullcontext)
    live = await workshop.run()
    live.quota.book = QuotaBook(tmp_path / "quota.json")
    async with _kept(live) as heard:
        for window in "five_hour", "seven_day":
            now = time.time()
            limit = Figure(window=window, status="rejected", resets_at=now + 600, seen_at=now)
            live.quota.book.note("", [limit])
            await asyncio.sleep(1)
    assert len(heard) == 2
    assert len(synced) >= 4
    other = QuotaBook(tmp_path / "quota.json")
    other.sync()
    assert set(other[""].figures) == {"five_hour", "seven_day"}
