"""Verify commands as Prefect task runs, on a real server."""

from __future__ import annotations

import time
from pathlib import Path
from uuid import UUID

import pytest
from prefect.context import get_run_context

from miyabi.integration import CommandEnd
from tasks.verify import run_as_task
from tests.support.machines.supervisor import gone
from tests.support.prefect.aggregated import logs
from tests.support.prefect.in_flow import in_flow, task_runs
from tests.support.prefect.server import RealServer, prefect_database, prefect_server  # noqa: F401

SECRET = "ghp" + "_" + "a1B2c3D4e5F6g7H8i9J0"  # nobody's


def trying(folder: Path, *commands: str, seconds: float = 60) -> tuple[UUID, list[CommandEnd]]:
    """Runs the commands in a flow run, one after the other; its id, and how they ended."""

    async def each() -> list[CommandEnd]:
        return [await run_as_task(c, folder=folder, timeout_seconds=seconds, label="3 of 9 merges") for c in commands]

    return in_flow(lambda runner: (get_run_context().flow_run.id, runner.call(each())))


def test_output_is_in_the_logs_without_secrets(
    prefect_server: RealServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a command prints, to either stream, is in the UI's logs and its end is returned, secrets replaced."""
    monkeypatch.setenv("GITHUB_TOKEN", SECRET)
    command = f"pwd; echo token {SECRET[:6]}''{SECRET[6:]}; echo aside >&2; env; printf '\\377 last'"
    run, (end,) = trying(tmp_path, command)
    assert end.exit_status == 0
    assert end.output.splitlines()[:3] == [str(tmp_path), "token [redacted]", "aside"]
    log = logs(prefect_server, run, until="last")
    assert f"{tmp_path}\ntoken [redacted]\naside" in log
    assert SECRET not in log + end.output
    assert "PREFECT_API_URL" not in log


def test_a_command_that_fails_is_a_failed_task_run(prefect_server: RealServer, tmp_path: Path) -> None:
    """Its exit status comes back, its task run is named after what was tried and is failed; the flow goes on."""
    run, ends = trying(tmp_path, "echo no; exit 3", "kill -9 $$", "true")
    assert ends == [CommandEnd(3, "no"), CommandEnd(137, ""), CommandEnd(0, "")]
    first, _, last = task_runs(str(run), count=3)
    assert (first.name, first.state_name) == ("verify 3 of 9 merges: echo no; exit 3", "Failed")
    assert first.state
    assert first.state.message == "exit status 3"
    assert last.state_name == "Completed"


def test_what_hangs_or_stays_behind_is_ended(prefect_server: RealServer, tmp_path: Path) -> None:
    """A time limit ends the whole tree of a command, and a server that it left running does not hold us up."""
    started = time.monotonic()
    _, (hung, left) = trying(
        tmp_path, "sleep 1000 & echo $! >pid1; wait", "sleep 1000 & echo $! >pid2; echo up", seconds=2
    )
    assert hung == CommandEnd(124, "\nended after 2 s: that is its time limit")
    assert left == CommandEnd(0, "up")
    assert time.monotonic() - started < 60
    for name in ("pid1", "pid2"):
        assert gone(int((tmp_path / name).read_text()))
