"""What a run keeps of its sessions is for the eyes of whoever runs it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from miyabi.reports import write_report
from miyabi.sessions import Outcome
from tests.support.values.runs import Workshop, workshop  # noqa: F401 - a fixture

SAID = {"stdout.jsonl", "stderr.txt", "check.log", "result.json", "report.md", "run.json", "sessions"}


def open_to_others(folder: Path) -> dict[str, str]:
    """The files and folders of a run that somebody else could read, with their permissions."""
    every = [folder, *folder.rglob("*")]
    return {path.name: oct(path.stat().st_mode) for path in every if path.stat().st_mode & 0o077}


@pytest.mark.parametrize("umask", [0o000, 0o022])
async def test_a_run_is_for_its_owner_only(workshop: Workshop, umask: int) -> None:
    """No file of a run can be read by others and no folder looked into, whatever the umask of its orchestrator."""
    before = os.umask(umask)
    try:
        live = await workshop.run(check="echo checked")
        workshop.open_gate()
        assert (await (await workshop.attempt(live)).run()).outcome is Outcome.SUCCEEDED
        with live.folder.lock():
            live.end()
        write_report(live.folder)
    finally:
        os.umask(before)
    assert {path.name for path in live.folder.path.rglob("*")} >= SAID
    assert open_to_others(live.folder.path) == {}


async def test_a_run_of_an_earlier_build_is_closed(workshop: Workshop) -> None:
    """Folders and raw streams that stand open are closed when the run is gone on with."""
    live = await workshop.run()
    await workshop.left(await workshop.attempt(live))
    for path in [live.folder.path, *live.folder.path.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    again = await workshop.run()
    workshop.open_gate()
    assert (await (await workshop.attempt(again)).run()).outcome is Outcome.SUCCEEDED
    still = open_to_others(again.folder.path)
    assert {"sessions", "a", "attempt-1", "stdout.jsonl", "stderr.txt", "r1", "result.json"}.isdisjoint(still), still
