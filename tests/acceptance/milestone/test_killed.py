"""An orchestrator that dies in a run: the next one goes on where it was, and nothing is there twice."""

from __future__ import annotations

from tests.support.cli.local_site import LocalSite
from tests.support.cli.milestone_site import MilestoneSite, closed, emulate, github, quick  # noqa: F401 - fixtures
from tests.support.machines.processes import eventually
from tests.support.prefect.server import prefect_database, prefect_server  # noqa: F401 - fixtures

Quick = MilestoneSite[LocalSite]
TIMES = 5


def test_between_push_and_pull_request(quick: Quick) -> None:
    """Killed there five times in a row: one pull request, one comment an issue, one block, and no session twice."""
    milestone = quick.remote.milestone("v1", description="Words of people.")
    issues = [quick.issue(title, milestone) for title in ("One", "Two")]
    for time in range(TIMES):
        _killed_after_push(quick, milestone, is_there=time > 0)
        assert quick.remote.pulls(state="all") == []
    (run,) = quick.runs()
    assert quick.files(f"miyabi/{run}") == sorted(["README.md", *(f"issue-{n}.txt" for n in issues)])

    assert quick.press(milestone).status == 0
    assert quick.runs() == [run]
    (pull,) = quick.remote.pulls(state="all")
    assert closed(pull["body"]) == issues
    assert sorted(call["session"] for call in quick.site.calls) == [f"{run}.issue-{n}.1" for n in issues]
    assert quick.hub.writes == 1
    assert all(f"#{pull['number']}" in quick.comment(number) for number in issues)
    description = quick.description(milestone)
    assert description.startswith("Words of people.\n\n<!-- miyabi:begin")
    assert description.count("miyabi:begin") == 1
    quick.github.front.forget()
    assert quick.press(milestone).status == 0
    assert quick.github.front.writes == ()


def _killed_after_push(quick: Quick, milestone: int, *, is_there: bool) -> None:
    """A command that is killed when it looks for its pull request; its branch is at GitHub then."""
    command = quick.orchestrate(milestone)
    asked = {"service": "git-upload-pack", "method": "GET"} if is_there else {}
    quick.hub.before(lambda: quick.github.front.before("GET", r"/pulls$", command.kill), **asked)
    eventually(lambda: not command.runs, why=lambda: command.output)
    assert command.wait() == -9, command.output


def test_in_mid_run(quick: Quick) -> None:
    """The next command goes on with the same run: it joins the sessions that live and starts none twice."""
    milestone = quick.remote.milestone("v1")
    held = [quick.issue(title, milestone, scenario="gate:open") for title in ("One", "Two")]
    after = quick.issue("After", milestone, body=f"Depends on #{held[0]}")
    first = quick.orchestrate(milestone)
    eventually(lambda: len(quick.site.calls) == 2, why=lambda: first.output)
    eventually(lambda: all("miyabi:running" in quick.remote.labels(number) for number in held))
    first.kill()
    quick.site.open_gate("open")

    assert quick.press(milestone).status == 0
    (run,) = quick.runs()
    assert sorted(call["session"] for call in quick.site.calls) == [f"{run}.issue-{n}.1" for n in (*held, after)]
    (pull,) = quick.remote.pulls()
    assert closed(pull["body"]) == [*held, after]
    assert {frozenset(quick.remote.labels(number)) for number in (*held, after)} == {
        frozenset(["miyabi", "miyabi:review"])
    }


def test_interrupted(quick: Quick) -> None:
    """Ctrl-C stops the sessions, keeps what is done, and no issue says that it runs; the same command goes on."""
    milestone = quick.remote.milestone("v1")
    quick_one, held = quick.issue("Quick", milestone), quick.issue("Held", milestone, scenario="gate:open")
    command = quick.orchestrate(milestone)
    eventually(lambda: f"issue-{quick_one}: succeeded" in command.output, why=lambda: command.output)
    eventually(lambda: len(quick.site.calls) == 2)
    eventually(lambda: "miyabi:running" in quick.remote.labels(held))
    command.interrupt()
    assert command.wait() == 130, command.output
    assert ("Traceback" in command.output, "the same command goes on from here" in command.output) == (False, True)
    assert "miyabi:running" not in quick.remote.labels(quick_one)
    assert set(quick.remote.labels(held)) == {"miyabi", "miyabi:queued"}

    quick.site.open_gate("open")
    said = quick.press(milestone)
    assert said.status == 0
    assert [closed(pull["body"]) for pull in quick.remote.pulls()] in ([[quick_one], [held]], [[held], [quick_one]])
    assert all(f"Pull request #{pull['number']}" in said.output for pull in quick.remote.pulls())
