"""People are told of a milestone's run with its pull request, and where that is stuck, once each; so is Prefect."""

from __future__ import annotations

from typing import Any

from flows.open_pull_request import open_pull_request
from flows.tend_pull_requests import tend_pull_requests
from miyabi.runs import RunFolder
from miyabi.tending.session import TendingSession
from tests.support.cli.local_site import LocalSite
from tests.support.cli.milestone_site import MilestoneSite, emulate, github, quick  # noqa: F401 - fixtures
from tests.support.git.repositories import git
from tests.support.github.request import Job
from tests.support.machines.processes import eventually
from tests.support.notify.receiver import receiving
from tests.support.prefect.server import prefect_database, prefect_server  # noqa: F401 - fixtures

Quick = MilestoneSite[LocalSite]
CANARY = "ghp_" + "a1B2" * 9


def give_up(quick: Quick, pull: dict[str, Any]) -> None:
    """Its check is red, and three sessions have not mended that."""
    head, number = git(quick.hub_folder, "rev-parse", pull["head"]["ref"]), pull["number"]
    quick.remote.hosted.jobs[1] = Job(name="test", sha=head, conclusion="failure", log=f"token {CANARY}")
    quick.remote.hosted.required = {"test"}
    for turn in range(3):
        folder = RunFolder(quick.site.repository, f"tend-{number}-{turn}").create()
        folder.keep(TendingSession(number=number, head=f"{turn}", kind="fix"))
        folder.info_file.write_text("{}")


def test_a_pull_request_from_its_opening_to_its_being_stuck(quick: Quick) -> None:
    """One message with its number at the run's end, and one where it does not get on, however often it is pressed."""
    with receiving() as receiver:
        quick.configure(notify={"urls": [receiver.url()]})
        milestone = quick.remote.milestone("v1")
        quick.issue("Some", milestone)
        for _ in range(2):
            assert quick.press(milestone).status == 0
        (pull,), (run,) = quick.remote.pulls(), quick.runs()
        number = pull["number"]
        assert quick.flow(open_pull_request, run=run).is_completed()
        assert receiver.headlines == [f"miyabi run {run}: 1 of 1 succeeded, 0.05 USD, pull request #{number}"]
        assert f"/pull/{number}\n" in receiver.posts[0]["message"]
        give_up(quick, pull)
        for _ in range(2):
            assert f"#{number}: stuck: test: red." in quick.flow(tend_pull_requests).message
    assert receiver.headlines[1:] == [f"miyabi run {run} needs you: pull request #{number} is stuck"]
    assert CANARY not in str(receiver.posts)

    def events() -> list[str]:
        wanted = {"filter": {"event": {"prefix": ["miyabi.pull-request."]}}, "limit": 50}
        found = quick.site.ask("/events/filter", wanted)["events"]
        return sorted(each["event"] for each in found if each["payload"]["run"] == run)

    both = ["miyabi.pull-request.opened", "miyabi.pull-request.stuck"]
    eventually(lambda: events() == both, why=lambda: str(events()))
