"""Who ends a command while its local server starts leaves no server behind."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from flows.cli.local_server import find_server, local_server, stop_server
from tests.support.cli.process import Command
from tests.support.cli.site import BIN
from tests.support.machines.processes import eventually, working_in
from tests.support.prefect.server import copy_database, prefect_database  # noqa: F401 - fixture


def started(folder: Path, home: Path) -> Command:
    """`miyabi server start` in that home."""
    variables = {"HOME": str(folder), "PATH": os.environ["PATH"], "MIYABI_HOME": str(home), "LANG": "C.UTF-8"}
    return Command([BIN / "miyabi", "server", "start"], environment=variables, folder=folder, log=folder / "start.log")


@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="processes are found in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("moment", ["spawned", "at work"])
def test_it_leaves_none_behind(tmp_path: Path, number: signal.Signals, moment: str) -> None:
    """Ctrl-C, TERM or KILL in a first start, at its beginning or in its middle: nothing runs, nothing is to stop."""
    home = tmp_path / "water-spider"
    command = started(tmp_path, home)
    files = home / "server.log" if moment == "spawned" else home / "prefect" / "prefect.db"
    eventually(lambda: files.exists() and working_in(home), why=lambda: command.output)
    command.send(number)
    assert command.wait() == (130 if number is signal.SIGINT else -number)
    eventually(lambda: not working_in(home), why=lambda: f"{working_in(home)} run")
    assert "Traceback" not in command.output
    assert find_server(home) is None
    assert stop_server(home) is False


def test_the_next_start(tmp_path: Path, prefect_database: Path) -> None:
    """After a start that was killed the next one works, at the same address; one that was not killed lives on."""
    home = tmp_path / "water-spider"
    copy_database(prefect_database, home)
    command = started(tmp_path, home)
    eventually((home / "server.json").exists, why=lambda: command.output)
    command.send(signal.SIGKILL)
    command.wait()
    eventually(lambda: not working_in(home))
    again = started(tmp_path, home)
    try:
        said = again.succeeds()
        found = find_server(home)
        assert found
        assert said == f"running at {found.ui_url}\n"
        assert local_server(home) == found
    finally:
        assert stop_server(home)
    eventually(lambda: not working_in(home))
