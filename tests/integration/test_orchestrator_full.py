"""The orchestrator's own disk is full in mid-run: nothing is lost, and the run goes on once there is room."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from miyabi.session import Outcome
from tests.support.local_site import LocalSite, make_local_site
from tests.support.prefect_server import RealServer, prefect_database, prefect_server  # noqa: F401 - fixtures

TALKATIVE = """#!/bin/sh
case $* in *--version*) echo '2.1.332 (Claude Code)'; exit ;; 'auth status') echo '{"loggedIn":true}'; exit ;; esac
cat >/dev/null
line=$(printf '{"type":"talk","of":"%02000d"}' 1) count=0
[ "$MIYABI_TASK" != talks ] || while [ $((count += 1)) -lt 400 ]; do echo "$line"; done
echo "$MIYABI_TASK" >"$MIYABI_TASK.txt" && git add -A && git commit -qm work
echo '{"type":"result","subtype":"success","is_error":false,"result":"done","num_turns":1}'
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A place for runs with half a megabyte."""
    runs = tmp_path / "repository" / ".miyabi" / "runs"
    yield runs
    subprocess.run(["umount", "-l", runs], check=False, capture_output=True)


@pytest.mark.timeout(120)
def test_a_disk_that_is_full_in_mid_run(tmp_path: Path, small_disk: Path, prefect_server: RealServer) -> None:
    """The command says why it ended, without a traceback; gone on with, it joins what ran and starts nothing twice."""
    with make_local_site(tmp_path, prefect_server) as site:
        site.claude.write_text(TALKATIVE)
        site.write_config()
        small_disk.mkdir()
        _mount(small_disk, "size=500k")
        nodes = [{"id": "talks", "prompt": "x"}, {"id": "after", "prompt": "x", "dependencies": ["talks"]}]
        first = site.orchestrate(nodes)
        assert first.wait() == 1
        assert "No space left on device" in first.output
        assert "Traceback" not in first.output
        _mount(small_disk, "remount,size=50m")
        site.start("orchestrate", "--run", "r1").succeeds()
        _nothing_was_doubled(site)


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
