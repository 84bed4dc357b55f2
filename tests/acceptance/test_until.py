"""A night that is to be over by an hour: what came of it is collected and published before, and nothing runs on."""

from __future__ import annotations

import os
import random
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from miyabi.pull_requests import Publication
from miyabi.runs import RunFolder
from miyabi.sessions import Outcome
from tests.support.cli.local_site import LocalSite
from tests.support.cli.milestone_site import MilestoneSite, emulate, github, quick  # noqa: F401 - fixtures
from tests.support.git.repositories import git
from tests.support.prefect.server import prefect_database, prefect_server  # noqa: F401 - fixtures

NIGHT_SECONDS = 330.0
WRAP_UP_SECONDS = 300.0
OPEN_SECONDS = 25
NIGHTS = int(os.environ.get("UNTIL_NIGHTS", "1"))
"""How many are tried; a thorough look takes 20."""


def node(task: str, *upstreams: str, takes: float, minutes: float, priority: int = 5) -> dict[str, Any]:
    """A task whose session works for so many seconds, and is expected to take so many minutes."""
    prompt = f"[[scenario:takes:{takes:.2f}]]"
    own = {"id": task, "prompt": prompt, "dependencies": upstreams, "estimated_duration": minutes}
    return own | {"priority": priority}


def night(rng: random.Random) -> list[dict[str, Any]]:
    """Some that end in time, two that do not, one that would not, and one behind that."""
    endless = [node(f"endless-{n}", takes=600, minutes=0.01, priority=1) for n in range(2)]
    short = [node(f"short-{n}", takes=rng.uniform(0, 3), minutes=0.05, priority=rng.randint(1, 9)) for n in range(5)]
    behind = [node(f"then-{n}", f"short-{n}", takes=rng.uniform(0, 9), minutes=0.05) for n in range(2)]
    late = node("late", takes=0, minutes=90, priority=rng.randint(1, 9))
    nodes = [*endless, *short, *behind, late, node("below", "late", takes=0, minutes=0.01)]
    rng.shuffle(nodes)
    return nodes


@pytest.mark.parametrize("seed", range(NIGHTS))
def test_a_night_is_over_by_its_hour(quick: MilestoneSite[LocalSite], seed: int) -> None:
    """Sessions are told to end in time, all that they did is here, what succeeded is at GitHub before the hour."""
    quick.configure(runs={"wrap_up_minutes": WRAP_UP_SECONDS / 60})
    nodes = night(random.Random(seed))  # noqa: S311 - repeatable lengths, no secret
    until = time.time() + NIGHT_SECONDS
    hour = datetime.fromtimestamp(until, tz=UTC).isoformat()
    words = ("--run", "r1", "--until", hour, "--pull-request", "-C", quick.site.repository)
    done = quick.miyabi(*("orchestrate", quick.site.write_tasks(nodes), *words), GITHUB_TOKEN=quick.remote.token())
    folder = quick.site.run_folder()
    _is_told(folder, done.output)
    _is_collected(quick, until=until)
    _is_published(quick, until=until)
    assert done.status == 1


def _is_told(folder: RunFolder, output: str) -> None:
    """The outcome of each task is true, and has its reason."""
    ends = folder.latest_results()
    assert {ends[task].outcome for task in ends if task.startswith("endless")} == {Outcome.STOPPED}, output
    assert ends["late"].outcome is Outcome.NOT_STARTED
    assert "until: it is likely to take" in str(ends["late"].error_text)
    for end in ends.values():
        unfinished = {Outcome.STOPPED, Outcome.NOT_STARTED}
        assert end.outcome in {*unfinished, Outcome.SUCCEEDED, Outcome.SKIPPED}
        assert end.outcome not in unfinished or str(end.error_text).startswith("until: "), end


def _is_collected(site: MilestoneSite[LocalSite], *, until: float) -> None:
    """Every session began in time, ended in time, and what it wrote is on its branch."""
    results = {f"r1.{r.task}.{r.attempt}": r for r in site.site.run_folder().results() if r.start}
    assert {call["session"] for call in site.site.calls} == results.keys()
    for result in results.values():
        assert result.start
        assert result.end
        assert result.start.timestamp() < until - WRAP_UP_SECONDS
        assert result.end.timestamp() < until
        assert git(site.site.repository, "show", f"{result.branch}:{result.task}.txt")


def _is_published(site: MilestoneSite[LocalSite], *, until: float) -> None:
    """The one pull request has all that succeeded, and was there before the hour."""
    folder = site.site.run_folder()
    good = [f"{task}.txt" for task, result in folder.latest_results().items() if result.succeeded]
    assert good
    (pull,) = site.remote.pulls()
    assert set(good) <= set(site.files(pull["head"]["ref"]))
    assert (folder.path / Publication.file_name).stat().st_mtime < until


def test_a_session_ends_with_its_machines_hours(quick: MilestoneSite[LocalSite]) -> None:
    """What it did is collected, no attempt is burnt, and another machine goes on from there."""
    closes = datetime.now(UTC) + timedelta(seconds=OPEN_SECONDS)
    open_now = f"{closes - timedelta(hours=1):%H:%M:%S}-{closes:%H:%M:%S}, UTC"
    site = replace(quick.site, hours={1: open_now})
    site.write_config(runs={"max_attempts": 1})
    nodes = [{"id": "long", "prompt": "[[scenario:once]]", "estimated_duration": 0.01}]
    done = quick.miyabi("orchestrate", site.write_tasks(nodes), "--run", "r1", "-C", site.repository)
    first, second = site.run_folder().results()
    assert [second.machine, first.machine] == [machine.name for machine in site.machines], done.output
    assert (first.outcome, first.error_kind, first.changes.files) == (Outcome.STOPPED, "active_hours", ("long.txt",))
    assert str(first.error_text).startswith(f"active_hours: {first.machine} takes sessions again at ")
    assert (second.outcome, second.attempt, done.status) == (Outcome.SUCCEEDED, 2, 0)
