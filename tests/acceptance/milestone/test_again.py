"""What is pressed once more, or goes on later: the one pull request of a run is found and brought up to date."""

from __future__ import annotations

from flows.open_pull_request import open_pull_request
from flows.run_milestone import run_milestone
from flows.update_milestone import update_milestone
from miyabi.pull_requests import Publication
from tests.support.cli.local_site import LocalSite
from tests.support.cli.milestone_site import MilestoneSite, closed, emulate, github, quick  # noqa: F401 - fixtures
from tests.support.git.repositories import git
from tests.support.prefect.server import prefect_database, prefect_server  # noqa: F401 - fixtures

Quick = MilestoneSite[LocalSite]


def test_every_flow(quick: Quick) -> None:
    """Pressed in the UI after a run, neither the pull request's flow nor the milestone's writes anything."""
    milestone = quick.remote.milestone("v1")
    quick.issue("Some", milestone)
    ran = quick.flow(run_milestone, milestone="v1")
    (pull,) = quick.remote.pulls()
    (run,) = quick.runs()
    assert (ran.is_completed(), f"Pull request #{pull['number']}" in ran.message) == (True, True)
    quick.github.front.forget()
    opened = quick.flow(open_pull_request, run=run)
    assert opened.message.startswith(f"pull request #{pull['number']} http")
    updated = quick.flow(update_milestone, milestone="#1")
    assert updated.message.startswith("milestone 1: nothing to write; not closed: 2 of its issues and pull requests")
    assert (quick.github.front.writes, quick.hub.writes) == ((), 1)
    refused = quick.flow(open_pull_request, run="nobody")
    assert (refused.name, "run nobody: not found" in refused.message) == ("BadInput", True)


def test_people_were_faster(quick: Quick) -> None:
    """A pull request that was merged before the run knew of it is not opened again, though its branch is gone."""
    milestone = quick.remote.milestone("v1")
    quick.issue("Some", milestone)
    quick.press(milestone)
    (run,) = quick.runs()
    (pull,) = quick.remote.pulls()
    quick.merge(pull["number"])
    git(quick.hub_folder, "branch", "--delete", "--force", f"miyabi/{run}")
    quick.site.run_folder(run).discard(Publication)
    assert quick.press(milestone).status == 0
    assert [each["number"] for each in quick.remote.pulls(state="all")] == [pull["number"]]
    assert quick.hub.writes == 1
    assert quick.remote.ask("GET", f"pulls/{pull['number']}")["merged"] is True


def test_a_run_that_went_on(quick: Quick) -> None:
    """What somebody had a run do after its run is in its pull request after the next one."""
    milestone = quick.remote.milestone("v1")
    good, bad = quick.issue("Good", milestone), quick.issue("Bad", milestone, scenario="until:mended")
    assert quick.press(milestone).status == 1
    (run,) = quick.runs()
    quick.site.open_gate("mended")
    assert quick.miyabi("orchestrate", "--run", run, "-C", str(quick.site.repository)).status == 0
    assert quick.press(milestone).status == 0
    (pull,) = quick.remote.pulls(state="all")
    assert closed(pull["body"]) == [good, bad]
    assert quick.files(f"miyabi/{run}") == ["README.md", f"issue-{good}.txt", f"issue-{bad}.txt"]
    assert quick.remote.labels(bad) == {"miyabi", "miyabi:review"}
    assert (quick.runs(), len(quick.site.calls)) == ([run], 3)
