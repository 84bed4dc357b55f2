"""A deployment's schedule makes its runs, through a real server and a real worker."""

from __future__ import annotations

from tests.support.cli.local_site import LocalSite
from tests.support.cli.milestone_site import MilestoneSite, emulate, github, quick  # noqa: F401 - fixtures
from tests.support.machines.processes import eventually
from tests.support.prefect.deployments import Deployments
from tests.support.prefect.server import prefect_database, prefect_server  # noqa: F401 - fixtures

NIGHTLY = "run-milestone/nightly"


def test_a_run_that_nobody_started(quick: MilestoneSite[LocalSite]) -> None:
    """Deployed, its repository set and its schedule switched on, `nightly` runs by itself: the pull request is open."""
    issue = quick.issue("By night", quick.remote.milestone("v1", due_on="2026-12-24T08:00:00Z"))
    deployed = Deployments(site=quick.site)
    deployed.deploy()
    worker = deployed.worker(GITHUB_TOKEN=quick.remote.token())
    repository = str(quick.site.repository)
    deployed.set(NIGHTLY, parameters={"repository": repository, "milestone": "next due"})
    deployed.switch(NIGHTLY, active=True)
    try:
        eventually(lambda: deployed.ended(NIGHTLY), seconds=240, why=lambda: worker.output)
    finally:
        deployed.switch(NIGHTLY, active=False)
    run = deployed.ended(NIGHTLY)[0]
    assert (run["state_type"], run["auto_scheduled"]) == ("COMPLETED", True), worker.output
    (pull,) = quick.remote.pulls()
    assert f"Closes #{issue}" in pull["body"]
