"""`sweep --old` takes away what nobody has used for long, says it before, and takes no work that is nowhere else."""

from __future__ import annotations

import asyncio
import json
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows.__main__ import main
from miyabi.runs import RunFolder
from tests.support.values.runs import Workshop, workshop  # noqa: F401 - a fixture

LONG_AGO = time.time() - 40 * 86400


def sweep(workshop: Workshop, *words: str) -> int:
    """The exit code of `sweep --old`."""
    line = ["sweep", "--old", *words, "-C", str(workshop.folder / "repository")]
    with pytest.raises(SystemExit) as ended:
        main(line)
    return int(ended.value.code or 0)


def age(folder: Path) -> None:
    """Nobody has used it for long."""
    for path in [folder, *folder.rglob("*")]:
        os.utime(path, (LONG_AGO, LONG_AGO), follow_symlinks=False)


def end_long_ago(workshop: Workshop) -> None:
    """The run has ended before `keep_days`."""
    folder = RunFolder(workshop.folder / "repository", "r1")
    folder.write_info(folder.info().model_copy(update={"ended": datetime.now(UTC) - timedelta(days=40)}))


async def leave_work(workshop: Workshop) -> None:
    """A session has ended that nobody has collected."""
    await workshop.left(await workshop.attempt(await workshop.run(workshop.machine())))
    workshop.open_gate()
    async with asyncio.timeout(120):
        while (await workshop.status()).live:
            await asyncio.sleep(0.05)


async def collect(workshop: Workshop) -> None:
    """Another orchestrator takes it up."""
    live = await workshop.run(workshop.machine())
    assert (await (await workshop.attempt(live)).run()).succeeded
    live.end()
    await live.close()


def test_what_is_old(workshop: Workshop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Not before it is collected; a dry run says it and removes nothing; then stores and caches go too."""
    monkeypatch.setenv("MIYABI_MACHINES", json.dumps([workshop.machine().model_dump()]))
    there = workshop.folder / "m1"
    checkout = there / "checkouts/r1/a/a"
    asyncio.run(leave_work(workshop))
    (store,) = there.glob("repos/*.git")
    end_long_ago(workshop)
    age(store)
    assert sweep(workshop) == 0
    assert "r1: kept, though it ended 40 days ago: not collected: a (attempt 1 on m1)" in capsys.readouterr().out
    assert (checkout.exists(), store.exists()) == (True, True)

    asyncio.run(collect(workshop))
    end_long_ago(workshop)
    assert sweep(workshop, "--dry-run") == 0
    assert capsys.readouterr().out == "m1: would sweep run r1, which ended 40 days ago\n"
    assert checkout.exists()
    assert sweep(workshop) == 0
    assert capsys.readouterr().out == "m1: swept, 1 session of run r1\n"
    assert not checkout.exists()

    for name in ("old", "new"):
        (there / "cache" / name).mkdir(parents=True)
        (there / "cache" / name / "file").write_text("x")
    age(there / "cache" / "old")
    age(store)
    assert sweep(workshop, "--dry-run") == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.partition(", ")[0] for line in said] == [
        "m1: would remove cache/old",
        f"m1: would remove repos/{store.name}",
    ]
    assert sweep(workshop) == 0
    assert [path.exists() for path in (there / "cache/old", there / "cache/new", store)] == [False, True, False]
    capsys.readouterr()
    assert sweep(workshop) == 0
    assert capsys.readouterr().out == "nothing there is older than 30 days\n"


def test_words_that_do_not_go_together(workshop: Workshop, capsys: pytest.CaptureFixture[str]) -> None:
    """They are refused in a line."""
    assert sweep(workshop, "r1") == 2
    assert "--old is for all that is old" in capsys.readouterr().err
