"""A milestone from its issues to one pull request: the real claude on two machines, real git, GitHub's peers."""

from __future__ import annotations

from tests.support.cli.canary import Canary
from tests.support.cli.milestone_site import Night, closed, emulate, github, night  # noqa: F401 - fixtures
from tests.support.cli.sshd_site import Site
from tests.support.prefect.server import prefect_database, prefect_server  # noqa: F401 - fixtures


def seed(night: Night[Site]) -> tuple[int, dict[str, int]]:
    """Twelve issues that wait for each other in every way that GitHub and people have; the milestone's number."""
    milestone = night.remote.milestone(
        "v1.0 夜", description="What people wrote.\r\nStays.", due_on="2026-12-24T08:00:00Z"
    )
    issues = {"model": night.issue("Model", milestone)}
    for name in ("storage", "api", "cli"):
        issues[name] = night.issue(name.title(), milestone, body=f"Depends on #{issues['model']}")
    issues["import"] = night.issue("Import", milestone)
    night.remote.block(issues["import"], by=issues["storage"])
    issues["export"] = night.issue(
        "Export 出力", milestone, body=f"- Blocked by #{issues['storage']}, #{issues['api']}"
    )
    for name in ("docs", "ci", "lint", "icons"):
        issues[name] = night.issue(name.title(), milestone)
    issues["page"] = night.issue("Page", milestone)
    night.remote.adopt(issues["icons"], parent=issues["page"])
    issues["release"] = night.issue("Release", milestone, body=f"Depends on #{issues['export']} and #{issues['page']}")
    return milestone, issues


def test_twelve_issues(night: Night[Site]) -> None:
    """One command makes one pull request of twelve issues and tells the milestone; a second one writes nothing."""
    milestone, issues = seed(night)
    night.configure(integration={"verify": ["env"]}, sessions={"check": "env"})
    with Canary(night.remote.token()) as canary:
        said = night.orchestrate("next due").succeeds()
    (pull,) = night.remote.pulls()
    assert f"#{pull['number']}" in said
    (run,) = night.runs()
    assert (pull["head"]["ref"], pull["base"]["ref"]) == (f"miyabi/{run}", "main")
    assert night.files(f"miyabi/{run}") == sorted(["README.md", *(f"issue-{n}.txt" for n in issues.values())])
    assert sorted(closed(pull["body"])) == sorted(issues.values())
    told(night, milestone, issues, pull=pull["number"])
    assert "HOME=" in (night.site.run_folder(run).path / "integration.json").read_text()  # what `env` printed
    seen_nowhere(night, canary)
    night.github.front.forget()
    again = night.orchestrate(milestone).succeeds()
    assert "nothing is to be run now" in again
    assert night.github.front.writes == ()
    assert night.hub.writes == 1
    assert len(night.remote.pulls()) == 1
    assert night.runs() == [run]


def told(night: Night[Site], milestone: int, issues: dict[str, int], *, pull: int) -> None:
    """Description, comments and labels say how it stands, and people's own words are still there."""
    description = night.remote.description(milestone)
    assert description.startswith("What people wrote.\r\nStays.")
    assert "0 of 12 closed, 12 open" in description
    assert f"[#{pull}]" in description
    for number in issues.values():
        assert night.remote.labels(number) == {"miyabi", "miyabi:review"}
        (comment,) = night.remote.comments(number)
        assert f"#{pull}" in comment["body"]


def seen_nowhere(night: Night[Site], canary: Canary) -> None:
    """The token is in no file of the user, the machines and the server, no command line and no session."""
    assert (canary.in_commands, canary.in_sessions, "miyabi" in canary.holders) == (set(), set(), True)
    assert canary.files(night.site.folder, night.site.fleet.folder, night.site.server.home) == []
    assert not any(canary.commits(repository) for repository in (night.site.repository, night.hub_folder))
