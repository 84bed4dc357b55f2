"""A red check goes back to the conversation that made it: real claude, two sshd machines, the whole command."""

from __future__ import annotations

import random
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from miyabi.sessions import Outcome, SessionResult
from tests.support.cli.sshd_site import Site, make_site
from tests.support.machines.processes import eventually
from tests.support.prefect.server import RealServer, prefect_database, prefect_server  # noqa: F401 - fixtures

SECRET = "correct horse battery"  # noqa: S105 - nobody's
SEEDS = (1, 2, 3)
RED = "echo seen $(wc -l <TASK.txt) of {lines}; test $(wc -l <TASK.txt) -ge {lines}"
SCRIPTS = {"adds": "echo line >>$MIYABI_TASK.txt", "once": "test -e $MIYABI_TASK.txt || echo line >$MIYABI_TASK.txt"}
CASES: Mapping[str, tuple[str, str, tuple[Outcome, ...]]] = {
    "first": ("adds", RED.format(lines=2), (Outcome.CHECK_FAILED, Outcome.SUCCEEDED)),
    "second": ("adds", RED.format(lines=3), (Outcome.CHECK_FAILED, Outcome.CHECK_FAILED, Outcome.SUCCEEDED)),
    "never": ("adds", RED.format(lines=9), (Outcome.CHECK_FAILED,) * 3),
    "same": ("adds", 'echo "the password is $DB_PASSWORD, $(date +%s) s"; false', (Outcome.CHECK_FAILED,) * 2),
    "idle": ("once", "echo $$; false", (Outcome.CHECK_FAILED,) * 2),
    "off": ("adds", RED.format(lines=2), (Outcome.CHECK_FAILED,)),
}
"""What a session does each time, its check, and how its attempts end: computed beforehand."""
REASONS = {"same": "a failure that had come before", "idle": "its last fix-up committed nothing"}


def nodes() -> list[dict[str, Any]]:
    """Each case three times, in an order that a seed says."""
    made = []
    for seed in SEEDS:
        names = random.Random(seed).sample(sorted(CASES), len(CASES))  # noqa: S311 - an order
        for priority, name in enumerate(names, start=1):
            script, check, _ = CASES[name]
            node = {
                "id": f"{name}-{seed}",
                "prompt": f"Do it. [[scenario:script:{script}]]",
                "check": check.replace("TASK", f"{name}-{seed}"),
            }
            made.append(node | {"priority": priority} | ({"fix_attempts": 0} if name == "off" else {}))
    return made


def usage(number: int) -> dict[str, int]:
    """Tokens that make each answer's price another one."""
    return {"input_tokens": 1000 + 10 * number, "output_tokens": 100 + number}


def test_seeded_failures(tmp_path: Path, prefect_server: RealServer) -> None:
    """Each failure takes the rounds computed beforehand, in its own conversation, and costs what was served."""
    with make_site(tmp_path, prefect_server, usage=usage) as site:
        for name, text in SCRIPTS.items():
            (site.folder / "gates" / name).write_text(f"{text}\n")
        site.write_config(runs={"retry_delay_seconds": 0}, sessions={"environment": {"DB_PASSWORD": SECRET}})
        command = site.orchestrate(nodes())
        assert command.wait() == 1, command.output
        made: dict[str, list[SessionResult]] = {}
        for result in site.run_folder().results():
            made.setdefault(result.task, []).append(result)
        expected = {f"{name}-{seed}": case[-1] for name, case in CASES.items() for seed in SEEDS}
        assert {task: tuple(each.outcome for each in attempts) for task, attempts in made.items()} == expected
        for task, attempts in made.items():
            _is_one_conversation(site, task, attempts)
        _is_told_truly(site, made)
        assert set(site.active_slots().values()) == {0}


def _is_one_conversation(site: Site, task: str, attempts: list[SessionResult]) -> None:
    conversation = site.conversation(task)
    assert {each.session_id for each in attempts} == {conversation}
    assert len({each.machine for each in attempts}) == 1
    assert [each.fix_ups for each in attempts] == list(range(len(attempts)))
    served = sum(each.usd for each in site.api.served if each.session == conversation)
    assert sum(each.cost_usd for each in attempts) == pytest.approx(served, abs=0.005)
    assert min(each.cost_usd for each in attempts) > 0
    told = list(
        dict.fromkeys(r.prompt for r in site.api.requests if r.session == conversation and "fix-up" in r.prompt)
    )
    assert [f"This is fix-up {number} of at most 2." in text for number, text in enumerate(told, start=1)] == [True] * (
        len(attempts) - 1
    )
    for text, before in zip(told, attempts, strict=False):
        assert "ended with exit status 1" in text
        assert before.check_output in text
        assert SECRET not in text


def _is_told_truly(site: Site, made: Mapping[str, list[SessionResult]]) -> None:
    report, text = site.report(), site.run_folder().report_file.read_text()
    rows = {row.task: row for row in report.tasks}
    assert {task: (rows[task].attempts, rows[task].fix_ups) for task in made} == {
        task: (len(attempts), len(attempts) - 1) for task, attempts in made.items()
    }
    assert "succeeded after 1 fix-up |" in text
    assert "succeeded after 2 fix-ups |" in text
    assert "check failed after 2 fix-ups |" in text
    for task in made:
        reason = REASONS.get(task.partition("-")[0])
        assert not reason or f"{task}: its last fix-up" in text
    assert ": succeeded after 1 fix-up on" in site.commands[0].output


@pytest.mark.parametrize("is_gone", [False, True])
def test_an_orchestrator_that_is_killed(tmp_path: Path, prefect_server: RealServer, *, is_gone: bool) -> None:
    """The next one goes on with the round that is under way, and none is made twice.

    Where the machine has the conversation no more, the session of the next round is told what was done in it.
    """
    with make_site(tmp_path, prefect_server) as site:
        (site.folder / "gates" / "adds").write_text(f"{SCRIPTS['adds']}\n")
        check = RED.format(lines=9).replace("TASK", "a")
        first = site.orchestrate([{"id": "a", "prompt": "Do it. [[scenario:script:adds]]", "check": check}])
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
