"""A flow that verifies a run is ended from outside: its command goes first, and nothing of it stays."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.states import Cancelling

from tests.support.cli.process import Command
from tests.support.git.repositories import project, quiet_home  # noqa: F401
from tests.support.machines.processes import eventually
from tests.support.machines.supervisor import gone
from tests.support.prefect.api import ask
from tests.support.prefect.server import RealServer, prefect_database, prefect_server  # noqa: F401
from tests.support.values.finished_runs import PlayedRun, played  # noqa: F401
from tests.support.values.results import RUN

ROOT = Path(__file__).parents[3]
PROGRAM = f"""
from pathlib import Path
from prefect import flow
from flows.aggregate_results import aggregate_results

@flow(name="outer")
def outer():
    return aggregate_results(repository=Path.cwd(), run={RUN!r}, return_state=True)

print(outer(return_state=True))
"""


@pytest.fixture
async def verifying(prefect_server: RealServer, played: PlayedRun, tmp_path: Path) -> AsyncIterator[Command]:
    """A process with a flow within a flow that verifies a run, by a command that lasts; its pid is in `shell`."""
    await played.task("a", {"a.txt": "x"})
    command = f"trap 'echo tidy >{tmp_path}/tidied; exit' TERM; echo $$ >{tmp_path}/shell; sleep 1000 & wait"
    (played.root / ".miyabi").mkdir()
    (played.root / ".miyabi" / "config.toml").write_text(f"[integration]\nverify = {json.dumps([command])}\n")
    played.keep()
    (tmp_path / "temporary").mkdir()
    environment = {"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path / "temporary"), "PATH": os.environ["PATH"]}
    process = Command(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        environment=prefect_server.environment | environment | {"HOME": os.environ["HOME"]},
        folder=played.root,
        log=tmp_path / "log",
    )
    eventually((tmp_path / "shell").exists, why=lambda: process.output)
    yield process
    process.kill()


def nothing_stays(folder: Path) -> None:
    """The command was asked to end and has, and its checkout is gone."""
    assert (folder / "tidied").exists()
    assert gone(int((folder / "shell").read_text()))
    assert list((folder / "temporary").iterdir()) == []


def latest(server: RealServer, name: str) -> dict[str, Any]:
    """The latest flow run of that flow."""
    wanted = {"flows": {"name": {"any_": [name]}}, "sort": "START_TIME_DESC", "limit": 1}
    (found,) = ask(f"{server.url}/flow_runs/filter", wanted)
    return dict(found)


def test_a_process_that_is_ended(verifying: Command, tmp_path: Path) -> None:
    """A worker that ends its flow run: the verify command is ended before the process is."""
    verifying.terminate()
    assert verifying.wait() != 0
    nothing_stays(tmp_path)


def test_a_process_that_is_interrupted(verifying: Command, tmp_path: Path) -> None:
    """Ctrl-C: the verify command is ended before the process is, and the flow run is cancelled."""
    verifying.interrupt()
    said = verifying.wait(), verifying.output
    assert "was not integrated: interrupted. To go on: the same again." in verifying.output, said
    assert ("Traceback" in verifying.output, "Crash" in verifying.output) == (False, False)
    nothing_stays(tmp_path)


@pytest.mark.parametrize("name", ["outer", "aggregate-results"])
def test_a_flow_run_that_is_cancelled(
    verifying: Command, prefect_server: RealServer, name: str, tmp_path: Path
) -> None:
    """Cancelled in the UI, itself or the flow run that it is part of, it ends by itself and is cancelled then."""
    run = latest(prefect_server, name)
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run["id"], Cancelling())
    verifying.wait()
    nothing_stays(tmp_path)
    ended = latest(prefect_server, "aggregate-results")
    assert ended["state_type"] == "CANCELLED"
    assert "was not integrated: the flow run was cancelled" in ended["state"]["message"]
