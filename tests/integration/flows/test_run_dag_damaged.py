"""A run whose folder is damaged is not gone on with by the flow either, wherever it was pressed."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.run_dag import run_dag
from miyabi.sessions import Outcome
from tests.support.cli.local_site import make_local_site
from tests.support.git.repositories import project, quiet_home  # noqa: F401
from tests.support.machines.processes import eventually
from tests.support.prefect.server import RealServer, prefect_database, prefect_server  # noqa: F401
from tests.support.values.damage import damage_file
from tests.support.values.finished_runs import PlayedRun, played  # noqa: F401
from tests.support.values.results import RUN


@pytest.mark.parametrize("name", ["integration.json", "home.json"])
async def test_what_only_the_end_needs_is_read_first(prefect_server: RealServer, played: PlayedRun, name: str) -> None:
    """Bad input means that nothing was started, also where the file belongs to the merge or to GitHub."""
    await played.task("a", outcome=Outcome.AGENT_ERROR)
    folder = played.keep()
    damage_file(folder.path / name)
    state = run_dag(repository=played.root, run=RUN, return_state=True)
    assert (state.name, str(state.message).partition(": ")[0]) == ("BadInput", str(folder.path / name))
    assert [path.name for path in folder.path.glob("sessions/a/*")] == ["attempt-1"]


@pytest.mark.parametrize("name", ["config.toml", "runs/r1/dag.json"])
def test_what_is_damaged_while_sessions_run(tmp_path: Path, prefect_server: RealServer, name: str) -> None:
    """Exit code 2 is for what was refused before anything was started: this is 1, with the file and the summary."""
    with make_local_site(tmp_path, prefect_server) as site:
        site.write_config()
        command = site.orchestrate([{"id": "a", "prompt": "[[scenario:gate:go]]"}])
        eventually(lambda: site.calls or not command.runs, why=lambda: command.output)
        (site.repository / ".miyabi" / name).write_text("[broken")
        site.open_gate("go")
        assert command.wait() == 1, command.output
    assert f"/.miyabi/{name}: " in command.output
    assert "Traceback" not in command.output
