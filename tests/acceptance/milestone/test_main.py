"""A milestone from its issues to one pull request: the real claude on two machines, real git, GitHub's peers."""

from __future__ import annotations

from tests.support.cli.canary import Canary
from tests.support.cli.milestone_site import MilestoneSite, closed, emulate, github, milestone_site  # noqa: F401 - fixtures
from tests.support.cli.sshd_site import Site
from tests.support.prefect.server import prefect_database, prefect_server  # noqa: F401 - fixtures


def seed(milestone_site: MilestoneSite[Site]) -> tuple[int, dict[str, int]]:
    """Twelve issues that wait for each other in every way that GitHub and people have; the milestone's number."""
    milestone = milestone_site.remote.milestone(
        "v1.0 夜", description="What people wrote.\r\nStays.", due_on="2026-12-24T08:00:00Z"
    )
    issues = {"model": milestone_site.issue("Model", milestone)}
    for name in ("storage", "api", "cli"):
        issues[name] = milestone_site.issue(name.title(), milestone, body=f"Depends on #{issues['model']}")
    issues["import"] = milestone_site.issue("Import", milestone)
    milestone_site.remote.block(issues["import"], by=issues["storage"])
    issues["export"] = milestone_site.issue(
        "Export 出力", milestone, body=f"- Blocked by #{issues['storage']}, #{issues['api']}"
    )
    for name in ("docs", "ci", "lint", "icons"):
        issues[name] = milestone_site.issue(name.title(), milestone)
    issues["page"] = milestone_site.issue("Page", milestone)
    milestone_site.remote.adopt(issues["icons"], parent=issues["page"])
    issues["release"] = milestone_site.issue(
        "Release", milestone, body=f"Depends on #{issues['export']} and #{issues['page']}"
    )
    return milestone, issues


def test_twelve_issues(milestone_site: MilestoneSite[Site]) -> None:
    """One command makes one pull request of twelve issues and tells the milestone; a second one writes nothing."""
    milestone, issues = seed(milestone_site)
    milestone_site.configure(integration={"verify": ["env"]}, sessions={"check": "env"})
    with Canary(milestone_site.remote.token()) as canary:
        said = milestone_site.orchestrate("next due").succeeds()
    (pull,) = milestone_site.remote.pulls()
    assert f"#{pull['number']}" in said
    (run,) = milestone_site.runs()
    assert (pull["head"]["ref"], pull["base"]["ref"]) == (f"miyabi/{run}", "main")
    assert milestone_site.files(f"miyabi/{run}") == sorted(["README.md", *(f"issue-{n}.txt" for n in issues.values())])
    assert sorted(closed(pull["body"])) == sorted(issues.values())
    reported(milestone_site, milestone, issues, pull=pull["number"])
    assert "HOME=" in (milestone_site.site.run_folder(run).path / "integration.json").read_text()  # what `env` printed
    seen_nowhere(milestone_site, canary)
    milestone_site.github.front.forget()
    again = milestone_site.orchestrate(milestone).succeeds()
    assert "nothing is to be run now" in again
    assert milestone_site.github.front.writes == ()
    assert milestone_site.hub.writes == 1
    assert len(milestone_site.remote.pulls()) == 1
    assert milestone_site.runs() == [run]


def reported(milestone_site: MilestoneSite[Site], milestone: int, issues: dict[str, int], *, pull: int) -> None:
    """Description, comments and labels say how it stands, and people's own words are still there."""
    description = milestone_site.remote.description(milestone)
    assert description.startswith("What people wrote.\r\nStays.")
    assert "0 of 12 closed, 12 open" in description
    assert f"[#{pull}]" in description
    for number in issues.values():
        assert milestone_site.remote.labels(number) == {"miyabi", "miyabi:review"}
        (comment,) = milestone_site.remote.comments(number)
        assert f"#{pull}" in comment["body"]


def seen_nowhere(milestone_site: MilestoneSite[Site], canary: Canary) -> None:
    """The token is in no file of the user, the machines and the server, no command line and no session."""
    assert (canary.in_commands, canary.in_sessions, "miyabi" in canary.holders) == (set(), set(), True)
    assert (
        canary.files(milestone_site.site.folder, milestone_site.site.fleet.folder, milestone_site.site.server.home)
        == []
    )
    assert not any(
        canary.commits(repository) for repository in (milestone_site.site.repository, milestone_site.hub_folder)
    )
