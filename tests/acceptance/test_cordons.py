"""A machine is taken out while a run works on it: nothing begins there, and nothing is lost or done twice."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from miyabi.sessions import Outcome
from tests.support.cli.process import Command
from tests.support.cli.sshd_site import Site, site  # noqa: F401 - a fixture
from tests.support.machines.processes import at_most, eventually
from tests.support.prefect.server import prefect_database, prefect_server  # noqa: F401 - fixtures

TASKS = [f"t{number:02}" for number in range(12)]
HEEDED_SECONDS = 5.0
"""What is promised; a computer that does much else gets a multiple."""


def node(task: str) -> dict[str, Any]:
    """A task that writes its file, waits for its gate, and commits nothing by itself."""
    return {"id": task, "prompt": f"Do it. [[scenario:gate_uncommitted:{task}]]", "check": f"test -s {task}.txt"}


def sessions(site: Site) -> set[str]:
    """Every session that has begun, by the processes of its claude."""
    return set(site.watch.starts)


class Told:
    """A command that changes a machine, and how long a run takes to heed it."""

    def __init__(self, site: Site, run: Command) -> None:
        self._site, self._run = site, run

    def __call__(self, *words: str, until: Callable[[], object]) -> str:
        """Runs the command to its end, waits until the run heeds it, and returns what it printed."""
        begun = time.monotonic()
        printed = self._site.start(*words).succeeds()
        told = time.monotonic()
        eventually(lambda: until() or not self._run.runs, why=lambda: self._run.output)
        heeded = time.monotonic() - told
        print(f"{words[0]}: {told - begun:.1f} s, heeded {heeded:.1f} s after it")
        assert heeded < at_most(3 * HEEDED_SECONDS)
        return printed


def test_under_load(site: Site) -> None:
    """Cordoned, uncordoned and drained amid a run; each task's work is there once, and no attempt is counted."""
    site.write_config(runs={"max_attempts": 1})
    first, second = (machine.name for machine in site.machines)
    run = site.orchestrate([node(task) for task in TASKS])
    tell = Told(site, run)
    eventually(lambda: (len(site.live(0)), len(site.live(1))) == (3, 2) or not run.runs, why=lambda: run.output)

    tell("cordon", first, until=lambda: f"{first} is cordoned by " in run.output)
    for task in site.live(0):
        site.open_gate(task)
    _goes_round(site, run)
    assert site.live(0) == set()

    tell("uncordon", first, until=lambda: len(site.live(0)) == 3)
    drained = site.live(0)
    assert f"{first}: is empty" in tell("drain", first, "--now", until=lambda: not site.live(0))
    _goes_round(site, run)
    assert site.live(0) == set()

    for task in TASKS:
        site.open_gate(task)
    run.succeeds()
    _nothing_is_lost_or_doubled(site, drained, second)
    site.start("uncordon", first).succeeds()


def _goes_round(site: Site, run: Command) -> None:
    """One session of the second machine ends, and another task gets its slot: who waits is asked, and placed."""
    before = sessions(site)
    site.open_gate(min(site.live(1)))
    eventually(lambda: sessions(site) - before or not run.runs, why=lambda: run.output)


def _nothing_is_lost_or_doubled(site: Site, drained: set[str], elsewhere: str) -> None:
    assert [site.watch.peak[site.workspace(index)] for index in (0, 1)] == [3, 2]
    assert {task: site.show(task, f"{task}.txt").splitlines()[0] for task in TASKS} == {t: f"task {t}" for t in TASKS}
    results = {(result.task, result.attempt): result for result in site.run_folder().results()}
    assert results.keys() == {(task, 1) for task in TASKS} | {(task, 2) for task in drained}
    assert {name: len(pids) for name, pids in site.watch.starts.items()} == {f"r1.{t}.{n}": 1 for t, n in results}
    for task in TASKS:
        (*stopped, last) = [results[key] for key in sorted(results) if key[0] == task]
        assert (last.outcome, [each.error_kind for each in stopped]) == (
            Outcome.SUCCEEDED,
            ["drained"] if task in drained else [],
        )
        assert all(each.outcome is Outcome.STOPPED and each.changes.salvaged for each in stopped)
        assert not stopped or last.machine == elsewhere
