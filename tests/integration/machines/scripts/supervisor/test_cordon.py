"""A machine that was taken out refuses new sessions by itself, whichever orchestrator asks."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from miyabi.machines import Cordon, Machine, tell_machine
from miyabi.machines.local import LocalHost
from tests.support.machines.supervisor import Station, station  # noqa: F401 - a fixture


async def tell(station: Station, cordon: Cordon | None) -> None:
    """What `miyabi cordon` does there."""
    machine = Machine(name="m1", workspace=str(station.workspace))
    await tell_machine(machine, LocalHost(), cordon, now=time.time())


async def test_nothing_begins_and_what_runs_is_joined(station: Station) -> None:
    """A session that was begun before is attached to; when the machine is back the same start begins the other."""
    assert station.start("old", "sleep 60").returncode == 0
    await tell(station, Cordon(machine="m1", since=time.time(), by="kazu@studio"))
    refused = station.start("new", "true")
    assert refused.returncode == 71
    assert refused.stderr.startswith(b"miyabi: it takes no session: cordoned by kazu@studio at ")
    assert station.start("old", "sleep 60").returncode == 0
    assert station.live() == ["old"]
    await tell(station, None)
    assert station.start("new", "true").returncode == 0
    station.ends("new")


@pytest.mark.parametrize("text", ["", "1\nover\n", "soon\nwritten by hand\n"])
def test_what_keeps_nothing_out(station: Station, text: str) -> None:
    """An hour that is over, and what is no cordon."""
    Path(station.workspace, "cordon").write_text(text)
    assert station.start("new", "true").returncode == 0
    station.ends("new")
