"""What the events of a run say, and that they say it once."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from miyabi.runs import MilestoneRun, Run, RunFolder
from tasks import events
from tasks.events import RunEvents


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The events that were emitted."""
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(events, "emit_event", lambda **event: sent.append(event))
    return sent


def of_run(tmp_path: Path) -> RunEvents:
    """Those of a run for a milestone; of the run itself they only need where it is."""
    folder = RunFolder(tmp_path, "r1").create()
    folder.keep(MilestoneRun(repository="acme/app", number=3, title="v1.2"))
    folder.info_file.write_text('{"run": "r1", "id": "f00", "repository": "/r", "base": "a", "started": 0}')
    return RunEvents(live=cast("Run", SimpleNamespace(folder=folder, run="r1", run_id="f00")))


def names(said: list[dict[str, Any]]) -> list[str]:
    """What was said, in order."""
    return [event["event"].removeprefix("miyabi.") for event in said]


def test_a_machine_goes_and_comes_back(tmp_path: Path, said: list[dict[str, Any]]) -> None:
    """Down once however many tasks meet that, up only where it was down; with all that it is related to."""
    run = of_run(tmp_path)
    run.machine_up("mini1")
    for _ in range(3):
        run.machine_down("mini1", "it does not answer")
    run.machine_up("mini1")
    run.machine_up("mini1")
    assert names(said) == ["machine.down", "machine.up"]
    related = {each["prefect.resource.role"]: each["prefect.resource.id"] for each in said[0]["related"]}
    assert related == {
        "run": "miyabi.run.f00",
        "repository": "miyabi.repository.acme/app",
        "milestone": "miyabi.milestone.acme/app#3",
        "machine": "miyabi.machine.mini1",
    }


async def test_a_quota_closes_and_opens(tmp_path: Path, said: list[dict[str, Any]]) -> None:
    """Once for all who meet it; it opens when the latest end that anybody named has come, and may close again."""
    run = of_run(tmp_path)
    now = time.time()
    for until in (now + 3600, now + 3601, now + 7200):
        run.quota_closed("team", until)
    run.quota_closed("", now + 0.05)
    assert names(said) == ["quota.closed", "quota.closed"]
    assert [event["payload"]["account"] for event in said] == ["team", "default"]
    while len(said) < 3:
        await asyncio.sleep(0.02)
    assert (names(said)[2], said[2]["payload"]["account"]) == ("quota.opened", "default")
    run.quota_closed("", time.time() + 3600)
    assert names(said)[3:] == ["quota.closed"]
    for timer in run._timers.values():
        timer.cancel()
