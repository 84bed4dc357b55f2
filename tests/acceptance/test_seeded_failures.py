"""Twenty failures that a seed draws, in one run: real claude, two sshd machines, the whole command.

`SEEDED_FAILURES="1 2 3"` in the environment has it run with other seeds. The third has merges that are mended behind
conflicts that are resolved later.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from miyabi.integration import Integration
from miyabi.sessions import SessionResult, is_resolving, resolved_by
from miyabi.text import count, in_words
from tests.support.cli.sshd_site import Site, make_site
from tests.support.git.repositories import git
from tests.support.prefect.server import RealServer, prefect_database, prefect_server  # noqa: F401 - fixtures
from tests.support.values.seeded_failures import FIX_ATTEMPTS, RED, VERIFY, Task, draw, tokens_of

SEEDS = [int(seed) for seed in os.environ.get("SEEDED_FAILURES", "3").split()]
SECRET = "correct horse battery"  # noqa: S105 - nobody's


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", SEEDS)
def test_what_comes_of_them(tmp_path: Path, prefect_server: RealServer, seed: int) -> None:
    """Outcomes, attempts and costs are those computed beforehand, and the integration branch holds what is green."""
    tasks = draw(seed)
    with make_site(tmp_path, prefect_server, usage=tokens_of) as site:
        for task in tasks:
            (site.folder / "gates" / task.name).write_text(task.script)
        site.write_config(
            runs={"retry_delay_seconds": 0, "fix_attempts": FIX_ATTEMPTS},
            integration={"verify": [VERIFY], "verify_rounds": len(tasks)},
            sessions={"environment": {"DB_PASSWORD": SECRET}},
        )
        command = site.orchestrate([task.to_node() for task in tasks])
        assert command.wait(seconds=900) == 1, command.output
        _attempts(site, tasks)
        _costs(site, tasks)
        _branch(site, tasks)
        _told(site, tasks)
        _report(site, tasks)
        assert set(site.active_slots().values()) == {0}


def _results(site: Site) -> tuple[Mapping[str, list[SessionResult]], Mapping[str, list[SessionResult]]]:
    """Those of the tasks that were begun, and of what mended their merges, in their order."""
    own, merges = defaultdict[str, list[SessionResult]](list), defaultdict[str, list[SessionResult]](list)
    begun = [(result.start, result) for result in site.run_folder().results() if result.start]
    for _, result in sorted(begun, key=lambda pair: pair[0]):
        is_merge = is_resolving(result.task)
        (merges if is_merge else own)[resolved_by(result.task) if is_merge else result.task].append(result)
    return own, merges


def _attempts(site: Site, tasks: Sequence[Task]) -> None:
    own, merges = _results(site)
    made = {task.name: [str(each.outcome) for each in own[task.name]] for task in tasks}
    mended = {task.name: [str(each.outcome) for each in merges[task.name]] for task in tasks}
    assert made == {task.name: [*task.ends] for task in tasks}, site.commands[0].output
    assert mended == {task.name: [*task.merge_ends] for task in tasks}
    for task in tasks:
        assert max(sum(each.fix_ups > 0 for each in own[task.name]), len(merges[task.name])) <= task.limit
        asked = [each for each in (*own[task.name], *merges[task.name]) if each.session_id]
        assert len({(each.session_id, each.machine) for each in asked}) <= 1
        turns = site.folder / "gates" / f"{task.name}.turns"
        assert int(turns.read_text() if turns.exists() else 0) == task.asked


def _costs(site: Site, tasks: Sequence[Task]) -> None:
    own, merges = _results(site)
    for task in tasks:
        costs = [each.cost_usd for each in (*own[task.name], *merges[task.name])]
        assert costs == pytest.approx(task.costs, abs=1e-6), task.name
    assert site.report().cost_usd == pytest.approx(sum(sum(task.costs) for task in tasks), abs=1e-4)


def _branch(site: Site, tasks: Sequence[Task]) -> None:
    came = site.run_folder().load(Integration)
    assert came
    assert came.verified
    green = {task.name for task in tasks if task.is_merged}
    mended = {task.name for task in tasks if task.is_merged and task.merge_ends}
    assert {step.task for step in came.merged} == green
    assert {step.task for step in came.merged if step.resolved} == mended
    assert {out.task for out in came.left_out} == {task.name for task in tasks} - green
    named = git(site.repository, "log", "--format=%(trailers:key=Miyabi-Task,valueonly)", came.branch)
    assert set(named.split()) == green
    files = {file: text for task in tasks if task.is_merged for file, text in task.files.items() if text is not None}
    before = git(site.repository, "ls-tree", "-r", "--name-only", came.base).split()
    assert set(git(site.repository, "ls-tree", "-r", "--name-only", came.branch).split()) == {*before, *files}
    assert {file: git(site.repository, "show", f"{came.branch}:{file}") for file in files} == files


def _told(site: Site, tasks: Sequence[Task]) -> None:
    """A conversation is told which round it is and what failed, without the secret."""
    own, _ = _results(site)
    for task in tasks:
        asked = [each for each in own[task.name] if each.session_id]
        conversation = asked[0].session_id if asked else ""
        told = [*dict.fromkeys(each.prompt for each in site.api.requests if each.session == conversation)]
        assert len(told) == task.asked
        for number, (text, before) in enumerate(zip(told[1:], asked[: len(asked) - 1], strict=False), start=1):
            assert f"This is fix-up {number} of at most {task.limit}." in text
            assert "ended with exit status 1" in text
            assert before.check_output in text
            assert SECRET not in text
        is_conflict = task.name.endswith("-other")
        for text in told[len(asked) : len(asked) + 1]:
            assert text.startswith("# Resolve a merge conflict" if is_conflict else "# Mend what breaks")
            assert is_conflict or f"{task.name} lacks 0\n```" in text


def _report(site: Site, tasks: Sequence[Task]) -> None:
    rows, text = {row.task: row for row in site.report().tasks}, site.run_folder().report_file.read_text()
    assert {name: str(row.outcome) for name, row in rows.items()} == {task.name: task.outcome for task in tasks}
    for task in tasks:
        row, fix_ups = rows[task.name], max(0, task.ends.count(RED) - (task.outcome == RED))
        assert (row.attempts, row.fix_ups) == (len(task.ends), fix_ups), task.name
        times = f" after {count(fix_ups, 'fix-up')}" if fix_ups else ""
        assert f"| {task.name} | {in_words(task.outcome)}{times} |" in text
        assert not times or f"{task.name}: {in_words(task.outcome)}{times} on" in site.commands[0].output
