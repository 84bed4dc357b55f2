"""The pull requests of runs: as the settings want them, one or one a task, and none where there is nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.cli.local_site import LocalSite
from tests.support.cli.milestone_site import MilestoneSite, closed, emulate, github, quick  # noqa: F401 - fixtures
from tests.support.git.repositories import git
from tests.support.prefect.server import prefect_database, prefect_server  # noqa: F401 - fixtures

Quick = MilestoneSite[LocalSite]


def people(pull: dict[str, Any], field: str) -> list[str]:
    """The logins in a field of a pull request."""
    return [each["login"] for each in pull[field]]


def test_settings(quick: Quick) -> None:
    """Base, draft, labels, reviewers, assignees, milestone and statuses are as the settings say."""
    wanted = {"base": "develop", "draft": True, "labels": ["night", "P1"], "reviewers": ["carol"]}
    quick.configure(pull_request={**wanted, "assignees": ["carol", "alice"]})
    start = git(quick.hub_folder, "rev-parse", "main")
    develop = quick.commit("develop", "developed.txt")
    milestone = quick.remote.milestone("v1")
    good, bad = quick.issue("Good", milestone), quick.issue("Bad", milestone, scenario="fail")
    assert quick.press(milestone).status == 1

    (pull,) = quick.remote.pulls()
    (run,) = quick.runs()
    whole = quick.pull(pull["number"])
    assert (whole["base"]["ref"], whole["draft"]) == ("develop", True)
    assert {label["name"] for label in whole["labels"]} == {"night", "P1"}
    assert (people(whole, "requested_reviewers"), people(whole, "assignees")) == (["carol"], ["carol", "alice"])
    assert whole["milestone"]["number"] == milestone
    assert quick.files(f"miyabi/{run}") == ["README.md", "developed.txt", f"issue-{good}.txt"]
    assert git(quick.hub_folder, "rev-parse", "main") == start
    states = {"miyabi": "failure", f"miyabi/issue-{good}": "success", f"miyabi/issue-{bad}": "failure"}
    assert (quick.statuses(f"miyabi/{run}"), develop) == (states, git(quick.hub_folder, "rev-parse", "develop"))


def test_one_a_task(quick: Quick) -> None:
    """Each task has its own, stacked on its upstream's, and a second run writes nothing."""
    quick.configure(pull_request={"mode": "per-task"})
    milestone = quick.remote.milestone("v1")
    below = quick.issue("Below", milestone)
    above = quick.issue("Above", milestone, body=f"Depends on #{below}")
    alone = quick.issue("Alone", milestone, scenario="shared:alone")
    apart = quick.issue("Apart", milestone, scenario="shared:apart")
    quick.press(milestone)

    (run,) = quick.runs()
    heads = {number: f"miyabi/{run}/issue-{number}" for number in (below, above, alone, apart)}
    pulls = {closed(pull["body"])[0]: pull for pull in quick.remote.pulls()}
    assert {number: pull["head"]["ref"] for number, pull in pulls.items()} == heads
    assert {number: pull["base"]["ref"] for number, pull in pulls.items()} == {
        **dict.fromkeys(pulls, "main"),
        above: heads[below],
    }
    assert f"Stacked on `{heads[below]}` (#{below}): merge that first." in pulls[above]["body"]
    assert all(f"#{pulls[number]['number']}" in quick.comment(number) for number in pulls)
    assert all(quick.remote.labels(number) == {"miyabi", "miyabi:review"} for number in pulls)
    quick.github.front.forget()
    assert quick.press(milestone).status == 0
    assert (quick.github.front.writes, len(quick.site.calls)) == ((), 4)


def test_rehearsal(quick: Quick) -> None:
    """It writes nothing at GitHub, shows what the pull request would say, and is no try of an issue."""
    milestone = quick.remote.milestone("v1")
    issue = quick.issue("Some", milestone)
    said = quick.press(milestone, "--rehearse")
    assert (said.status, quick.github.front.writes, quick.hub.writes, quick.site.calls) == (0, (), 0, [])
    (run,) = quick.runs()
    assert run.startswith("rehearsal-")
    assert f"Run {run} was a rehearsal: nothing goes to GitHub." in said.output
    preview = (quick.site.run_folder(run).path / "pull_request.md").read_text()
    assert preview.startswith("# [Rehearsal] v1: 1 of 1 task\n")
    assert (closed(preview), "rehearsal" in preview) == ([], True)
    assert quick.press(milestone).status == 0
    assert [closed(pull["body"]) for pull in quick.remote.pulls()] == [[issue]]


def test_a_dag_file(quick: Quick) -> None:
    """The run of a DAG file gets its pull request too, which closes the issues that its tasks name."""
    issue = quick.remote.issue("Some")
    nodes = [{"id": "some", "issue": issue}, {"id": "more", "dependencies": ["some"]}]
    tasks = quick.site.write_tasks([{**node, "prompt": "[[scenario:write]]"} for node in nodes])
    words = ["orchestrate", str(tasks), "-C", str(quick.site.repository), "--run", "r1", "--pull-request"]
    said = quick.miyabi(*words, GITHUB_TOKEN=quick.remote.token())
    (pull,) = quick.remote.pulls()
    assert (said.status, f"pull request #{pull['number']}" in said.output) == (0, True)
    assert (pull["head"]["ref"], pull["base"]["ref"], closed(pull["body"])) == ("miyabi/r1", "main", [issue])
    assert quick.files("miyabi/r1") == ["README.md", "more.txt", "some.txt"]


def test_nothing_to_merge(quick: Quick) -> None:
    """Where no task made a commit there is no push and no pull request, and it says so."""
    milestone = quick.remote.milestone("v1")
    issue = quick.issue("Idle", milestone, scenario="no_changes")
    said = quick.press(milestone)
    assert (said.status, quick.remote.pulls(state="all"), quick.hub.writes) == (1, [], 0)
    assert "nothing to merge, so there is no pull request" in said.output
    assert "The session committed nothing." in quick.comment(issue)


def test_what_conflicts_waits(quick: Quick) -> None:
    """Work that does not go with the rest is left out, told, and tried again when the rest is merged."""
    milestone = quick.remote.milestone("v1")
    one, two = (quick.issue(name, milestone, scenario=f"shared:{name}") for name in ("one", "two"))
    assert quick.press(milestone).status == 1
    (pull,) = quick.remote.pulls()
    assert closed(pull["body"]) == [one]
    assert "shared.txt" in quick.comment(two)
    assert f"Its work does not go with that of pull request #{pull['number']}" in quick.description(milestone)
    quick.github.front.forget()
    assert quick.press(milestone).status == 0
    assert (quick.github.front.writes, len(quick.site.calls)) == ((), 2)

    quick.merge(pull["number"])
    assert quick.press(milestone).status == 0
    assert [closed(pull["body"]) for pull in quick.remote.pulls()] == [[two]]


@pytest.mark.parametrize("mode", ["one", "per-task"])
def test_what_github_refuses_for_its_size_is_left_out(quick: Quick, mode: str) -> None:
    """The issue whose work holds too large a file is named with it, what builds on it too; the rest is opened."""
    quick.configure(pull_request={"mode": mode}, github={"max_file_mib": 2})
    milestone = quick.remote.milestone("v1")
    large, small = quick.issue("Large", milestone, scenario="large"), quick.issue("Small", milestone)
    above = quick.issue("Above", milestone, body=f"Depends on #{large}")
    assert quick.press(milestone).status == 1

    (run,) = quick.runs()
    (pull,) = quick.remote.pulls()
    branch = f"miyabi/{run}" if mode == "one" else f"miyabi/{run}/issue-{small}"
    assert (pull["head"]["ref"], closed(pull["body"])) == (branch, [small])
    assert quick.files(branch) == ["README.md", f"issue-{small}.txt"]
    said = f"GitHub takes no file over 2 MiB, and its commits hold issue-{large}.txt (2.0 MiB)"
    assert said in quick.comment(large)
    assert f"issue-{large}, which holds a file that is too large for GitHub" in quick.comment(above)
    assert (said in pull["body"]) is (mode == "one")
    assert said in quick.site.run_folder(run).report_file.read_text()
    assert quick.remote.labels(large) == {"miyabi", "miyabi:failed"}
