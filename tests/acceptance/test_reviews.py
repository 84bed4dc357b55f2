"""A session of its own reads a task's work before it counts: real claude, two sshd machines, the whole command."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from miyabi.integration import Integration
from miyabi.pull_requests import plan_publication
from miyabi.runs import Board
from miyabi.sessions import Outcome, SessionResult, Verdict, is_reviewing, reviewed
from miyabi.settings import PullRequestMode
from tests.support.cli.sshd_site import Site, make_site
from tests.support.git.repositories import git
from tests.support.machines.processes import eventually
from tests.support.prefect.server import RealServer, prefect_database, prefect_server  # noqa: F401 - fixtures

SECRET = "correct horse battery"  # noqa: S105 - nobody's
SCRIPTS = {
    "good": "echo fine >>$MIYABI_TASK.txt",
    "mends": "test -e $MIYABI_TASK.txt && say=fine || say='BUG of one'; echo $say >$MIYABI_TASK.txt",
    "again": 'echo "BUG number $(cat $MIYABI_TASK.txt 2>/dev/null | wc -l), $DB_PASSWORD" >>$MIYABI_TASK.txt',
    "stubborn": "test -e $MIYABI_TASK.txt || echo BUG that is none >$MIYABI_TASK.txt",
    "garbled": "echo GARBLED >$MIYABI_TASK.txt",
    "crash": "echo CRASH >$MIYABI_TASK.txt",
}
"""What a session does each time; its reviewer goes by what it added."""
CASES: Mapping[str, tuple[int, Verdict, int, int]] = {
    "good": (1, Verdict.APPROVED, 0, 1),
    "mends": (2, Verdict.APPROVED, 0, 2),
    "again": (3, Verdict.CHANGES_ASKED, 3, 3),
    "stubborn": (2, Verdict.CHANGES_ASKED, 1, 1),
    "garbled": (1, Verdict.UNREVIEWED, 0, 1),
    "crash": (1, Verdict.UNREVIEWED, 0, 1),
}
"""How many attempts, the last verdict, findings that stay, and reviews: computed beforehand."""


def node(name: str) -> dict[str, Any]:
    """A task whose session does that."""
    return {"id": name, "description": f"Do it. [[scenario:script:{name}]]", "check": f"test -s {name}.txt"}


def write(site: Site, **tables: Any) -> None:
    """The scripts, and a configuration by which all work is reviewed."""
    for name, text in SCRIPTS.items():
        (site.folder / "gates" / name).write_text(f"{text}\n")
    sessions = {"environment": {"DB_PASSWORD": SECRET}}
    site.write_config(runs={"retry_delay_seconds": 0}, sessions=sessions, review={"sessions": True}, **tables)


def attempts_of(site: Site) -> dict[str, list[SessionResult]]:
    """The results of each task, and of the sessions that review, in their order."""
    made: dict[str, list[SessionResult]] = {}
    for result in site.run_folder().results():
        made.setdefault(result.task, []).append(result)
    return made


def test_findings_go_back_and_what_stays_is_told(tmp_path: Path, prefect_server: RealServer) -> None:
    """Findings are mended in the conversation, at most so often; a malformed answer, or a crash, approves nothing."""
    with make_site(tmp_path, prefect_server) as site:
        write(site)
        command = site.orchestrate([node(name) for name in CASES])
        assert command.wait() == 0, command.output
        made = attempts_of(site)
        reviews = {name: [task for task in made if is_reviewing(task) and reviewed(task) == name] for name in CASES}
        found = {name: _case(made[name], reviews[name]) for name in CASES}
        assert found == CASES
        for name, attempts in ((name, made[name]) for name in CASES):
            assert {each.outcome for each in attempts} == {Outcome.SUCCEEDED}
            assert {each.session_id for each in attempts} == {site.conversation(name)}
            assert {made[review][0].machine for review in reviews[name]} == {attempts[0].machine}
        told = [r.prompt for r in site.api.requests if r.prompt.startswith("# Your review asks for changes")]
        assert any("mends.txt:1: a bug: of one" in text and "fix-up 1 of at most 2" in text for text in told)
        assert git(site.repository, "branch", "--list", "miyabi/r1/_review*") == ""
        _is_told_truly(site, made)
        assert set(site.active_slots().values()) == {0}


def _case(attempts: list[SessionResult], reviews: list[str]) -> tuple[int, Verdict, int, int]:
    review = attempts[-1].review
    assert review is not None
    return len(attempts), review.verdict, len(review.findings), len(reviews)


def _is_told_truly(site: Site, made: Mapping[str, list[SessionResult]]) -> None:
    report, text = site.report(), site.run_folder().report_file.read_text()
    cost = sum(each.cost_usd for task, all_of in made.items() if is_reviewing(task) for each in all_of)
    assert cost > 0
    assert abs(report.reviews_usd - cost) < 0.001
    table = Board.read(site.run_folder().status_file)
    assert table is not None
    assert abs(table.cost_usd - report.cost_usd) < 0.001
    assert abs(report.cost_usd - cost - sum(row.cost_usd for row in report.tasks)) < 0.001
    assert "| again | changes asked | 3 | 3 |" in text.replace("`", "")
    assert "again.txt:1" in text
    assert "it was not reviewed, so nobody has approved it: it ended as agent" in text
    integration = site.run_folder().load(Integration)
    assert integration is not None
    (body,) = (each.body for each in plan_publication(report, integration, issues={}, mode=PullRequestMode.ONE).texts)
    open_ones = body.partition("## What the reviews left open")[2].partition("\n## ")[0]
    assert [name for name in CASES if f"`{name}`" in open_ones] == ["again", "stubborn", "garbled", "crash"]
    assert "2 approved, 2 ask for changes, 2 without a verdict" in body
    assert SECRET not in text + body


def test_an_orchestrator_that_is_killed_while_work_is_reviewed(tmp_path: Path, prefect_server: RealServer) -> None:
    """The next one sees the review to its end, and then what it asks for; no session is made twice."""
    with make_site(tmp_path, prefect_server) as site:
        write(site)
        first = site.orchestrate([node("mends")])
        begun = site.run_folder().path / "sessions"
        eventually(lambda: any(begun.glob("_review-*/attempt-1/attempt.json")) or not first.runs)
        first.kill()
        second = site.start("orchestrate", "--run", "r1")
        eventually(lambda: (site.run_folder().attempt("mends", 2) / "attempt.json").exists() or not second.runs)
        second.kill()
        third = site.start("orchestrate", "--run", "r1")
        assert third.wait() == 0, third.output
        made = attempts_of(site)
        reviews = [task for task in made if is_reviewing(task)]
        assert _case(made["mends"], reviews) == CASES["mends"]
        assert made["mends"][0].is_to_be_changed
        names = {f"r1.{task}.{each.attempt}": 1 for task, all_of in made.items() for each in all_of}
        assert {session: len(pids) for session, pids in site.watch.starts.items()} == names
        assert len(names) == 4
