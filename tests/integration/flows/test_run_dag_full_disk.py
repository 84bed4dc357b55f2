"""The orchestrator's own disk is full in mid-run: nothing is lost, and the run goes on once there is room."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from miyabi.sessions import Outcome
from tests.support.cli.local_site import LocalSite, make_local_site
from tests.support.machines.processes import eventually
from tests.support.prefect.server import RealServer, prefect_database, prefect_server  # noqa: F401 - fixtures

TALKATIVE = """#!/bin/sh
case $* in *--version*) echo '2.1.332 (Claude Code)'; exit ;; 'auth status') echo '{"loggedIn":true}'; exit ;; esac
cat >/dev/null
line=$(printf '{"type":"talk","of":"%02000d"}' 1) count=0
[ "$MIYABI_TASK" != talks ] || while [ $((count += 1)) -lt 400 ]; do echo "$line"; done
echo "$MIYABI_TASK" >"$MIYABI_TASK.txt" && git add -A && git commit -qm work
echo '{"type":"result","subtype":"success","is_error":false,"result":"done","num_turns":1}'
"""


@pytest.fixture
def runs_disk(tmp_path: Path) -> Iterator[Path]:
    """A place for runs with half a megabyte."""
    runs = tmp_path / "repository" / ".miyabi" / "runs"
    yield runs
    subprocess.run(["umount", "-l", runs], check=False, capture_output=True)


NODES = [{"id": "talks", "prompt": "x"}, {"id": "after", "prompt": "x", "dependencies": ["talks"]}]


def test_a_disk_that_has_room_again(tmp_path: Path, runs_disk: Path, prefect_server: RealServer) -> None:
    """The run waits, and ends as if nothing had been."""
    with make_local_site(tmp_path, prefect_server) as site:
        _prepare(site, runs_disk)
        command = site.orchestrate(NODES)
        eventually(lambda: not os.statvfs(runs_disk).f_bavail or not command.runs, why=lambda: command.output)
        _mount(runs_disk, "remount,size=50m")
        assert command.wait() == 0, command.output
        _nothing_was_doubled(site)


def test_a_disk_that_stays_full(tmp_path: Path, runs_disk: Path, prefect_server: RealServer) -> None:
    """The command says why it ended and how to go on, without a traceback; then it joins what ran, nothing twice."""
    with make_local_site(tmp_path, prefect_server) as site:
        _prepare(site, runs_disk)
        first = site.orchestrate(NODES, MIYABI_RUNS__PATIENCE_MINUTES="0.05")
        assert first.wait() == 1
        assert "No space left on device" in first.output
        assert "miyabi orchestrate --run r1" in first.output
        assert "Traceback" not in first.output
        _mount(runs_disk, "remount,size=50m")
        site.start("orchestrate", "--run", "r1").succeeds()
        _nothing_was_doubled(site)


def test_branches_that_cannot_be_made_into_one(tmp_path: Path, prefect_server: RealServer) -> None:
    """Tasks that all succeeded do not hide that nothing came of their branches: why is told, and the command fails."""
    with make_local_site(tmp_path, prefect_server) as site:
        site.write_config()
        command = site.orchestrate([{"id": "a", "prompt": "[[scenario:gate:go]]"}])
        eventually(lambda: site.calls or not command.runs, why=lambda: command.output)
        (in_the_way := site.run_folder().path / "integration.lock").mkdir()
        site.open_gate("go")
        assert command.wait() == 1, command.output
    assert "1 of 1 task succeeded" in command.output
    assert (
        f"not done    run r1: its folder cannot be written: [Errno 21] Is a directory: '{in_the_way}" in command.output
    )


def test_a_disk_that_is_full_when_branches_are_merged(
    tmp_path: Path, runs_disk: Path, prefect_server: RealServer
) -> None:
    """The merge waits for room, too."""
    with make_local_site(tmp_path, prefect_server) as site:
        site.write_config()
        runs_disk.mkdir()
        _mount(runs_disk, "size=5m")
        command = site.orchestrate([{"id": "a", "prompt": "[[scenario:gate:go]]"}])
        eventually(lambda: site.calls or not command.runs, why=lambda: command.output)
        site.open_gate("go")
        eventually(lambda: site.run_folder().results() or not command.runs, why=lambda: command.output)
        with suppress(OSError), (runs_disk / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(bytes(4096))
        time.sleep(2)  # long enough to be met
        (runs_disk / "filler").unlink()
        assert command.wait() == 0, command.output


def _prepare(site: LocalSite, runs: Path) -> None:
    site.claude.write_text(TALKATIVE)
    site.write_config()
    runs.mkdir()
    _mount(runs, "size=500k")


def _mount(place: Path, options: str) -> None:
    words = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    if subprocess.run(words, check=False, capture_output=True).returncode:
        pytest.skip("no small disk can be made here: that takes root")


def _nothing_was_doubled(site: LocalSite) -> None:
    results = site.run_folder().results()
    assert {(r.task, r.outcome, r.attempt, r.changes.files) for r in results} == {
        (task, Outcome.SUCCEEDED, 1, (f"{task}.txt",)) for task in ("talks", "after")
    }
    assert (site.run_folder().attempt("talks") / "stdout.jsonl").read_bytes().count(b"talk") == 399
