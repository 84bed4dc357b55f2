"""What keeps the flow from integrating a run is one line, and never keeps it from saying so."""

from __future__ import annotations

from pathlib import Path

import pytest

from miyabi.integration import Integration, NotIntegrated
from tests.support.git.repositories import git, project, quiet_home  # noqa: F401
from tests.support.prefect.aggregated import BRANCH, aggregate, flow_run_of, logs, report
from tests.support.prefect.server import RealServer, prefect_database, prefect_server  # noqa: F401
from tests.support.values.finished_runs import PlayedRun, played  # noqa: F401
from tests.support.values.results import RUN


async def test_a_branch_that_is_checked_out(prefect_server: RealServer, played: PlayedRun, tmp_path: Path) -> None:
    """It is left alone in one line, and the report is made all the same; once it is free, all is as it should be."""
    await played.task("a", {"a.txt": "x"})
    played.keep()
    assert aggregate(played).is_completed()
    git(played.root, "worktree", "add", "-q", str(tmp_path / "look"), BRANCH)
    await played.task("b", {"b.txt": "x"})
    folder = played.keep()

    state = aggregate(played)
    why = f"{BRANCH} is checked out in {tmp_path}/look and is left alone. Go to another branch there (git switch)"
    assert state.is_failed()
    assert f"Not integrated: {why}" in (state.message or "")
    assert "2 of 2 tasks succeeded" in report(folder)
    assert "**Not integrated:** " in report(folder)
    assert folder.load(Integration) is None
    log = logs(prefect_server, flow_run_of(state), until="report: ")
    assert f"not integrated: {why}" in log
    assert "Traceback" not in log

    git(tmp_path / "look", "switch", "-q", "--detach")
    assert aggregate(played).is_completed()
    assert folder.load(NotIntegrated) is None
    assert "Not integrated" not in report(folder)


async def test_a_base_that_is_gone(prefect_server: RealServer, played: PlayedRun) -> None:
    """Where the run's base is not in the repository any more, nothing is merged, and the report says so."""
    await played.task("a", {"a.txt": "x"})
    folder = played.keep()
    folder.write_info(folder.info().model_copy(update={"base": "f" * 40}))
    state = aggregate(played)
    assert "has no branch, tag or commit 'ffff" in (state.message or "")
    assert "1 of 1 task succeeded" in report(folder)


@pytest.mark.parametrize("damaged", ["run.json", "dag.json", "sessions/a/attempt-1/result.json"])
async def test_a_damaged_run_folder(prefect_server: RealServer, played: PlayedRun, damaged: str) -> None:
    """The file that is damaged is named, and nothing is made of the rest."""
    await played.task("a", {"a.txt": "x"})
    folder = played.keep()
    (folder.path / damaged).write_text("{")
    state = aggregate(played)
    assert (state.is_failed(), state.name) == (True, "BadInput")
    assert str(folder.path / damaged) in (state.message or "")
    assert "\n" not in (state.message or "")
    assert await played.repository.branches(BRANCH) == {}


@pytest.mark.parametrize("file", ["integration.json", "report.md"])
async def test_a_folder_that_cannot_be_written(prefect_server: RealServer, played: PlayedRun, file: str) -> None:
    """What cannot be kept is told in one line, with the file."""
    await played.task("a", {"a.txt": "x"})
    folder = played.keep()
    (folder.path / file / "in the way").mkdir(parents=True)
    state = aggregate(played)
    assert state.is_failed()
    assert (state.message or "").startswith(f"run {RUN}: its folder cannot be written: ")
    assert str(folder.path / file) in (state.message or "")


async def test_a_run_that_does_not_exist(prefect_server: RealServer, played: PlayedRun) -> None:
    """It is told which runs there are; a name that none can have is told too."""
    await played.task("a", {"a.txt": "x"})
    played.keep()
    state = aggregate(played, run="nightly")
    assert (state.name, state.message) == (
        "BadInput",
        f"run nightly: not found below {played.root}/.miyabi/runs. The latest runs: {RUN}.",
    )
    assert "not a usable name" in (aggregate(played, run="../x").message or "")


async def test_two_at_once(prefect_server: RealServer, played: PlayedRun) -> None:
    """Who comes second is told who is at it, and does not touch anything."""
    await played.task("a", {"a.txt": "x"})
    folder = played.keep()
    with folder.integration_lock():
        state = aggregate(played)
    assert state.name == "BadInput"
    assert "is being integrated by pid" in (state.message or "")
    assert not folder.report_file.exists()
