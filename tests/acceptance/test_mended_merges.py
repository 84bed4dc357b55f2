"""What conflicts, or breaks the whole, goes back to the conversation that made it: real claude, the whole command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from miyabi.integration import Integration
from miyabi.sessions import Outcome, SessionResult, is_resolving, resolved_by
from tests.support.cli.sshd_site import make_site
from tests.support.git.repositories import git
from tests.support.prefect.server import RealServer, prefect_database, prefect_server  # noqa: F401 - fixtures

SCRIPTS = {
    "breaks": "if test -e broken.txt; then rm broken.txt; else echo x >broken.txt; echo x >breaks.txt; fi",
    "never": "echo line >>bad.txt",
    "good": "echo x >$MIYABI_TASK.txt",
}
VERIFY = ["test ! -e broken.txt", "test ! -e bad.txt || { echo 'nothing is to be in bad.txt:'; cat bad.txt; false; }"]


def node(task: str, scenario: str, **fields: Any) -> dict[str, Any]:
    """A task with that scenario."""
    return {"id": task, "prompt": f"Do it. [[scenario:{scenario}]]", **fields}


NODES = [
    node("breaks", "script:breaks"),
    node("good", "script:good"),
    node("never", "script:never"),
    node("one", "into:shared.txt"),
    node("other", "script:good"),
    node("two", "into:shared.txt", title="Two [[scenario:resolve]]"),
]


def usage(number: int) -> dict[str, int]:
    """Tokens that make each answer's price another one."""
    return {"input_tokens": 1000 + 10 * number, "output_tokens": 100 + number}


def test_it_goes_back_to_its_conversation(tmp_path: Path, prefect_server: RealServer) -> None:
    """What is mended there is merged, what is not after the rounds is left out, and the branch has what is green."""
    with make_site(tmp_path, prefect_server, usage=usage) as site:
        for name, text in SCRIPTS.items():
            (site.folder / "gates" / name).write_text(f"{text}\n")
        site.write_config(integration={"verify": VERIFY})
        run = site.orchestrate(NODES)
        assert run.wait() == 1, run.output
        results, came = site.run_folder().results(), site.run_folder().load(Integration)
        assert came
        assert {merged.task: merged.resolved for merged in came.merged} == {
            "breaks": True,
            "good": False,
            "one": False,
            "other": False,
            "two": True,
        }
        assert came.verified
        (out,) = came.left_out
        assert out.task == "never"
        assert "it has gone back to its conversation 2 times" in out.reason
        files = git(site.repository, "ls-tree", "--name-only", came.branch).split()
        assert {"broken.txt", "bad.txt"}.isdisjoint(files)
        assert {"breaks.txt", "good.txt", "other.txt"}.issubset(files)
        assert git(site.repository, "show", f"{came.branch}:shared.txt") == "line of one\nline of two"
        sessions = _sessions(results)
        assert {task: len(each) for task, each in sessions.items()} == {"breaks": 1, "never": 2, "two": 1}
        for task, each in sessions.items():
            _is_the_same_conversation(task, each, results)
        served = sum(each.usd for each in site.api.served)
        assert site.report().cost_usd == pytest.approx(served, abs=0.005)
        told = [request.prompt for request in site.api.requests if "# Mend what breaks" in request.prompt]
        assert [text for text in told if "nothing is to be in bad.txt:\nline\n```" in text]
        assert [text for text in told if "nothing is to be in bad.txt:\nline\nline\n```" in text]

        asked = len(site.api.requests)
        assert site.orchestrate(NODES).wait() == 1
        assert (len(site.api.requests), site.run_folder().load(Integration)) == (asked, came), "none goes back again"


def _sessions(results: tuple[SessionResult, ...]) -> dict[str, list[SessionResult]]:
    found: dict[str, list[SessionResult]] = {}
    for result in results:
        if is_resolving(result.task):
            found.setdefault(resolved_by(result.task), []).append(result)
    return found


def _is_the_same_conversation(task: str, sessions: list[SessionResult], results: tuple[SessionResult, ...]) -> None:
    (own,) = [result for result in results if result.task == task]
    assert {(each.session_id, each.machine) for each in sessions} == {(own.session_id, own.machine)}
    assert {each.outcome for each in sessions} == {Outcome.SUCCEEDED}
    assert min(each.cost_usd for each in sessions) > 0
