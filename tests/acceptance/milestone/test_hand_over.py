"""The next night's try of an issue goes on where the last one ended."""

from __future__ import annotations

from tests.support.cli.local_site import LocalSite
from tests.support.cli.milestone_site import (  # noqa: F401 - fixtures
    MilestoneSite,
    closed,
    emulate,
    github,
    milestone_site,
    quick,
)
from tests.support.cli.sshd_site import Site
from tests.support.git.repositories import git
from tests.support.prefect.server import prefect_database, prefect_server  # noqa: F401 - fixtures
from tests.support.values.finished_runs import commit_on

_TAKE = "git show {branch}:issue-{issue}.txt > taken.txt; echo mended > b.mended"


def test_two_nights(milestone_site: MilestoneSite[Site]) -> None:
    """A red night turns green on its earlier branch; one that conflicts with the new base is beside the checkout."""
    site, remote = milestone_site.site, milestone_site.remote
    milestone = remote.milestone("v1")
    goes_on, conflicts = milestone_site.issue("Goes on", milestone), milestone_site.issue("Conflicts", milestone)
    milestone_site.configure(sessions={"check": "cat *.mended"})
    assert milestone_site.orchestrate(milestone).wait() == 1
    (first,) = milestone_site.runs()
    old = {n: f"miyabi/{first}/issue-{n}" for n in (goes_on, conflicts)}

    git_main(milestone_site, f"issue-{conflicts}.txt")
    (site.folder / "gates/take").write_text(_TAKE.format(branch=f"origin/{old[conflicts]}", issue=conflicts))
    remote.comment(goes_on, "[[scenario:into:a.mended]]", by="carol")
    remote.comment(conflicts, "[[scenario:script:take]]", by="carol")
    milestone_site.orchestrate(milestone).succeeds()
    (second,) = set(milestone_site.runs()) - {first}

    prompts = {prompt.partition("\n")[0]: prompt for prompt in (request.prompt for request in site.api.requests)}
    for title in ("Goes on", "Conflicts"):
        told = prompts[f"# Task: {title}"].partition("## An earlier try")[2].partition("## Rules")[0]
        assert f"Run {first} has tried this task before. It ended as 'check failed': the check of issue-" in told
        assert "cat: '*.mended': No such file or directory" in told
        assert "> Done." in told
        assert ("is in your checkout" in told) == (title == "Goes on")
    assert site.show(f"issue-{goes_on}", f"issue-{goes_on}.txt", run=second)
    repository, new = site.repository, f"miyabi/{second}/issue-{goes_on}"
    assert git(repository, "merge-base", old[goes_on], new) == git(repository, "rev-parse", old[goes_on])
    assert site.show(f"issue-{conflicts}", "taken.txt", run=second) == git(
        repository, "show", f"{old[conflicts]}:issue-{conflicts}.txt"
    )
    assert "+strays" not in git(repository, "for-each-ref", "refs/heads/miyabi")
    (pull,) = remote.pulls()
    assert sorted(closed(pull["body"])) == [goes_on, conflicts]
    report = (milestone_site.site.run_folder(second).report_file).read_text()
    assert f"it starts without the commits of branch {old[conflicts]}" in report
    assert f"both changed issue-{conflicts}.txt" in report


def git_main(milestone_site: MilestoneSite[Site], file: str) -> None:
    """Somebody commits a file to main at GitHub."""
    hub = milestone_site.hub_folder
    commit_on(hub, "main", {file: "of people\n"}, parent=git(hub, "rev-parse", "main"), message="People were here\n")


def test_where_the_branch_is_looked_for(quick: MilestoneSite[LocalSite]) -> None:
    """Here, else at the remote, else it begins anew. Who finds nothing to add has done the task, which is said."""
    quick.configure(milestone={"max_tries": 9})
    milestone = quick.remote.milestone("v1")
    here, pushed, gone = (quick.issue(title, milestone, scenario="broken") for title in ("Here", "Pushed", "Gone"))
    assert quick.press(milestone).status == 1
    (first,) = quick.runs()
    old = {n: f"miyabi/{first}/issue-{n}" for n in (here, pushed, gone)}
    git(quick.site.repository, "push", "--quiet", str(quick.hub_folder), old[pushed])
    git(quick.site.repository, "branch", "--quiet", "-D", old[pushed], old[gone])

    for issue in old:
        quick.remote.comment(issue, f"[[scenario:{'no_changes' if issue == here else 'shared:same'}]]", by="carol")
    assert quick.press(milestone).status == 0
    second = quick.runs()[-1]
    made = {n: git(quick.site.repository, "ls-tree", "--name-only", f"miyabi/{second}/issue-{n}") for n in old}
    assert {n: f"issue-{n}.txt" in files for n, files in made.items()} == {here: True, pushed: True, gone: False}
    report = quick.site.run_folder(second).report_file.read_text()
    warned = [line for line in report.splitlines() if "starts without the commits" in line]
    assert [(old[gone] in line, "not here, and could not be fetched" in line) for line in warned] == [(True, True)]
    assert f"issue-{here}: it added nothing to the commits that it began with, those of branch {old[here]}" in report


def test_turned_off(quick: MilestoneSite[LocalSite]) -> None:
    """Then each night begins at the base, and knows nothing of the last one."""
    quick.configure(milestone={"hand_over": False})
    milestone = quick.remote.milestone("v1")
    issue = quick.issue("Again", milestone, scenario="broken")
    assert quick.press(milestone).status == 1
    assert quick.press(milestone).status == 1
    assert "## An earlier try" not in quick.site.calls[-1]["prompt"]
    first, second = (f"miyabi/{run}/issue-{issue}" for run in quick.runs())
    assert git(quick.site.repository, "rev-list", "--count", f"main..{second}") == "1"
    assert git(quick.site.repository, "merge-base", first, second) == git(quick.site.repository, "rev-parse", "main")
