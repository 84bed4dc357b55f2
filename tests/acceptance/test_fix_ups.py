"""A red check goes back to the conversation that made it: real claude, two sshd machines, the whole command."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from miyabi.sessions import Outcome
from tests.support.cli.sshd_site import make_site
from tests.support.machines.processes import eventually
from tests.support.prefect.server import RealServer, prefect_database, prefect_server  # noqa: F401 - fixtures

ADDS = "echo line >>$MIYABI_TASK.txt\n"
RED = "echo seen $(wc -l <a.txt) of 9; test $(wc -l <a.txt) -ge 9"


@pytest.mark.parametrize("is_gone", [False, True])
def test_an_orchestrator_that_is_killed(tmp_path: Path, prefect_server: RealServer, *, is_gone: bool) -> None:
    """The next one goes on with the round that is under way, and none is made twice.

    Where the machine has the conversation no more, the session of the next round is told what was done in it.
    """
    with make_site(tmp_path, prefect_server) as site:
        (site.folder / "gates" / "adds").write_text(ADDS)
        first = site.orchestrate([{"id": "a", "prompt": "Do it. [[scenario:script:adds]]", "check": RED}])
        eventually(lambda: "r1.a.2" in site.watch.starts or not first.runs, why=lambda: first.output)
        first.kill()
        if is_gone:
            eventually(lambda: not site.live(0) | site.live(1))
            for host in site.fleet.hosts:
                shutil.rmtree(host.home / ".claude" / "projects", ignore_errors=True)
        again = site.start("orchestrate", "--run", "r1")
        assert again.wait() == 1, again.output
        results = site.run_folder().results()
        assert [(each.outcome, each.fix_ups) for each in results] == [(Outcome.CHECK_FAILED, n) for n in range(3)]
        assert {each.session_id for each in results} == {site.conversation("a")}
        starts = {session: len(pids) for session, pids in site.watch.starts.items()}
        assert starts == {f"r1.a.{number}": 1 for number in (1, 2, 3)}
        last = site.api.requests[-1].prompt
        assert ("This is fix-up 2 of at most 2." in last) is not is_gone
        if is_gone:
            assert last.startswith("Do it. [[scenario:script:adds]]\n\n## What was done before\n")
            assert "seen 2 of 9" in last
            assert "- Attempt 2 on" in last
