from __future__ import annotations

import time
from typing import Any

from miyabi.sessions import Outcome
from tests.support.cli.sshd_site import Site, site  # noqa: F401 - a fixture
from tests.support.machines.processes import eventually
from tests.support.prefect.server import prefect_database, prefect_server  # noqa: F401 - fixtures

DOWN_SECONDS = 20


def node(task: str, *upstreams: str, scenario: str, machine: str) -> dict[str, Any]:
    """A task that has to run on one of the two machines."""
    prompt = f"Do it. [[scenario:{scenario}]]"
    return {"id": task, "prompt": prompt, "dependencies": upstreams, "requires": [machine]}


NODES = [
    node("outlasts", scenario="talk:end", machine="first"),
    node("ends", scenario="chatty:10", machine="first"),
    node("next", "ends", scenario="write", machine="first"),
    node("other", scenario="chatty:10", machine="second"),
]
TALKING = ("outlasts", "ends", "other")


def test_link_down(site: Site) -> None:
    """A link that is silent for 20 s in mid-session costs no byte, doubles none, and starts nothing twice."""
    command = site.orchestrate(NODES)
    eventually(lambda: all(_size(site, task) > 40_000 for task in TALKING), why=lambda: command.output)
    site.fleet[0].link_down()
    time.sleep(DOWN_SECONDS)
    missed = {task: len(site.machine_output(task)) - _size(site, task) for task in TALKING}
    live = site.live(0)
    site.fleet[0].link_up()

    assert (missed["outlasts"] > 40_000, missed["ends"] > 0, missed["other"]) == (True, True, 0)
    assert live == {"outlasts"}, "one session was to end meanwhile, one to go on"
    site.open_gate("end")
    command.succeeds()
    tasks = [each["id"] for each in NODES]
    assert {task: site.home_output(task) == site.machine_output(task) for task in tasks} == dict.fromkeys(tasks, True)
    assert {session: len(pids) for session, pids in site.watch.starts.items()} == {f"r1.{task}.1": 1 for task in tasks}
    assert {row.task: row.outcome for row in site.report().tasks} == dict.fromkeys(tasks, Outcome.SUCCEEDED)
    assert site.show("next", "next.txt") == "task next\nfound ends.txt "


def _size(site: Site, task: str) -> int:
    file = site.run_folder().attempt(task) / "stdout.jsonl"
    return file.stat().st_size if file.exists() else 0
