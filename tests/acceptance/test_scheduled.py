"""A deployment's schedule makes its runs, through a real server and a real worker."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from tests.support.cli.local_site import LocalSite
from tests.support.cli.milestone_site import MilestoneSite, emulate, github, quick  # noqa: F401 - fixtures
from tests.support.machines.processes import eventually
from tests.support.prefect.deployments import Deployments
from tests.support.prefect.server import prefect_database, prefect_server  # noqa: F401 - fixtures

NIGHTLY = "run-milestone/nightly"


def new(deployed: Deployments, known: Collection[str]) -> list[dict[str, Any]]:
    """The nightly runs that have ended since."""
    return [run for run in deployed.ended(NIGHTLY) if run["id"] not in known]


def test_a_run_that_nobody_started(quick: MilestoneSite[LocalSite]) -> None:
    """Deployed, its repository set and its schedule switched on, `nightly` runs by itself: the pull request is open."""
    issue = quick.issue("By night", quick.remote.milestone("v1", due_on="2026-12-24T08:00:00Z"))
    deployed = Deployments(site=quick.site)
    deployed.deploy()
    worker = deployed.worker(GITHUB_TOKEN=quick.remote.token())
    repository = str(quick.site.repository)
    deployed.set(NIGHTLY, parameters={"repository": repository, "milestone": "next due"})
    known = {run["id"] for run in deployed.runs(NIGHTLY)}  # those that other tests have started on the same server
    deployed.switch(NIGHTLY, active=True)
    try:
        eventually(lambda: new(deployed, known), seconds=240, why=lambda: worker.output)
    finally:
        deployed.switch(NIGHTLY, active=False)
    run = new(deployed, known)[0]
    assert (run["state_type"], run["auto_scheduled"]) == ("COMPLETED", True), worker.output
    (pull,) = quick.remote.pulls()
    assert f"Closes #{issue}" in pull["body"]
