"""A run whose folder is damaged is not gone on with by the flow either, wherever it was pressed."""

from __future__ import annotations

import pytest

from flows.run_dag import run_dag
from miyabi.sessions import Outcome
from tests.support.git.repositories import project, quiet_home  # noqa: F401
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
