"""What is read of a repository at GitHub."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from miyabi.errors import NotFoundOnGitHub
from miyabi.github import Blocker, MergeState
from miyabi.milestones import choose_milestone
from tests.support.github.github import GitHub, emulate, github  # noqa: F401 - fixtures


async def test_all_pages_of_a_milestone_are_read(github: GitHub) -> None:
    """230 issues come in three pages, oldest first, each once; those of other milestones do not come."""
    repository = github.new_repository()
    milestone, other = repository.milestone("large"), repository.milestone("other")
    numbers = [repository.issue(f"Issue {n}", milestone=milestone) for n in range(230)]
    repository.issue("elsewhere", milestone=other)
    async with github.open(repository) as client:
        found = await client.issues.of_milestone(milestone)
    assert [issue.number for issue in found] == numbers
    assert [sent.query for sent in github.front.sent if sent.path.endswith("/issues")] == [
        f"milestone={milestone}&state=open&sort=created&direction=asc&per_page=100{page}"
        for page in ("", "&page=2", "&page=3")
    ]


async def test_pull_requests_among_issues_are_marked(github: GitHub) -> None:
    """A milestone's list has its pull requests too, and the milestone counts them, as GitHub does."""
    repository = github.new_repository()
    milestone = repository.milestone("v1")
    number = repository.issue("An issue", milestone=milestone)
    repository.branch("miyabi/x")
    async with github.open(repository) as client:
        pull = await client.pull_requests.upsert("miyabi/x", "main", title="T", body="B", milestone=milestone)
        found = await client.issues.of_milestone(milestone)
        one = await client.issues.get(pull.number)
        counted = await client.milestones.get(milestone)
    assert {issue.number: issue.is_pull_request for issue in found} == {number: False, pull.number: True}
    assert one.is_pull_request
    assert one.milestone == milestone
    assert (counted.open_issues, counted.closed_issues) == (2, 0)


async def test_closed_issues_are_only_listed_when_asked_for(github: GitHub) -> None:
    """`state` chooses between open, closed and all."""
    repository = github.new_repository()
    milestone = repository.milestone("v1")
    first, second = (repository.issue(title, milestone=milestone) for title in ("one", "two"))
    repository.close(first)
    async with github.open(repository) as client:
        found = {state: await client.issues.of_milestone(milestone, state=state) for state in ("open", "closed", "all")}
    numbers = {state: [issue.number for issue in issues] for state, issues in found.items()}
    assert numbers == {"open": [second], "closed": [first], "all": [first, second]}


async def test_label_events_say_who_set_a_label(github: GitHub) -> None:
    """Every setting of a label comes with its actor, oldest first; takings-off do not."""
    repository = github.new_repository()
    number = repository.issue("An issue", labels=["miyabi", "P1"], labelled_by="dave")
    repository.ask("DELETE", f"issues/{number}/labels/miyabi")
    repository.label(number, "miyabi", by="carol")
    async with github.open(repository) as client:
        events = await client.issues.label_events(number)
    assert [(event.label, event.actor.login) for event in events] == [
        ("miyabi", "dave"),
        ("P1", "dave"),
        ("miyabi", "carol"),
    ]


@pytest.mark.parametrize("login", ["alice", "carol"])
async def test_owner_and_writers_may_write(github: GitHub, login: str) -> None:
    """Whoever owns the repository or has the role of a writer may."""
    async with github.open(github.new_repository()) as client:
        assert await client.can_write(login)


@pytest.mark.parametrize("login", ["dave", "bob", "nobody-at-all", "dependabot[bot]"])
async def test_others_may_not_write(github: GitHub, login: str) -> None:
    """Whoever may only triage or read, does not exist or is an App, may not."""
    async with github.open(github.new_repository()) as client:
        assert not await client.can_write(login)


async def test_a_permission_is_asked_once(github: GitHub) -> None:
    """Twenty at the same time that want to know of one account make one request, whatever the case of its name."""
    async with github.open(github.new_repository()) as client:
        answers = await asyncio.gather(*(client.can_write(login) for login in ["carol", "Carol"] * 10))
    assert set(answers) == {True}
    assert len(github.front.sent) == 1


async def test_what_an_issue_waits_for(github: GitHub) -> None:
    """Blockers and sub-issues come with state, milestone and repository; who has none is not asked for any."""
    repository, other = github.new_repository(), github.new_repository("other")
    milestone = repository.milestone("v1")
    parent, child, done = (repository.issue(title, milestone=milestone) for title in ("parent", "child", "done"))
    far = other.issue("far away")
    repository.close(done)
    repository.adopt(child, parent=parent)
    repository.block(parent, by=done)
    repository.block(parent, by=far, of=other)
    async with github.open(repository) as client:
        issues = {issue.number: issue for issue in await client.issues.of_milestone(milestone, state="all")}
        github.front.forget()
        assert await client.issues.sub_issues(issues[parent]) == (
            Blocker(number=child, state="open", title="child", milestone=milestone),
        )
        assert await client.issues.blockers(issues[parent]) == (
            Blocker(number=done, state="closed", title="done", milestone=milestone),
            Blocker(number=far, state="open", title="far away", repository=other.name),
        )
        assert await client.issues.blockers(issues[child]) == await client.issues.sub_issues(issues[child]) == ()
    assert len(github.front.sent) == 2


async def test_a_server_without_dependencies_has_none(github: GitHub) -> None:
    """An old GitHub Enterprise Server answers 404 there, which is no error."""
    repository = github.new_repository()
    number = repository.issue("one")
    repository.block(number, by=repository.issue("two"))
    github.front.refuse("GET", "/dependencies/", status=404, message="Not Found")
    async with github.open(repository) as client:
        assert await client.issues.blockers(await client.issues.get(number)) == ()


async def test_milestones_come_by_due_date(github: GitHub) -> None:
    """All of them with their counts, the earliest due first and the undated last, as what is chosen from."""
    repository = github.new_repository()
    repository.milestone("some day")
    later = repository.milestone("Später 設計", due_on="2027-01-01T08:00:00Z")
    over = repository.milestone("over", due_on="2020-01-01T08:00:00Z", state="closed")
    repository.issue("work", milestone=later)
    async with github.open(repository) as client:
        found = await client.milestones.all(state="all")
        assert [each.number for each in await client.milestones.all()] == [later, 1]
    assert [each.number for each in found] == [over, later, 1]
    assert (found[1].title, found[1].open_issues) == ("Später 設計", 1)
    assert found[1].due_on == datetime(2027, 1, 1, 8, tzinfo=UTC)
    assert choose_milestone(found, "next due").number == later


async def test_no_such_milestone_names_those_that_there_are(github: GitHub) -> None:
    """One line with the number and every milestone with title, state and due date."""
    repository = github.new_repository()
    repository.milestone("v1", due_on="2026-12-01T08:00:00Z")
    repository.milestone("v0", state="closed")
    async with github.open(repository) as client:
        with pytest.raises(NotFoundOnGitHub) as caught:
            await client.milestones.get(99)
    assert str(caught.value) == (
        f"{repository.name} has no milestone 99, or the token may not read it (Not Found)."
        " There are: 1 “v1” (open, due 2026-12-01), 2 “v0” (closed)."
    )


async def test_pull_requests_of_a_branch(github: GitHub) -> None:
    """The newest one of the branch in that state; a fork's branch of the same name is not ours."""
    repository = github.new_repository()
    repository.branch("miyabi/x")
    async with github.open(repository) as client:
        first = await client.pull_requests.upsert("miyabi/x", "main", title="one", body="")
        repository.ask("PATCH", f"pulls/{first.number}", {"state": "closed"})
        second = await client.pull_requests.upsert("miyabi/x", "main", title="two", body="")
        latest = await client.pull_requests.find("miyabi/x", state="all")
        closed = await client.pull_requests.find("miyabi/x", state="closed")
        none = await client.pull_requests.find("miyabi/y")
        elsewhere = await client.pull_requests.find("miyabi/x", base="release")
        both = await client.pull_requests.all(state="all")
    assert latest == second
    assert closed is not None
    assert (closed.number, closed.state, closed.title) == (first.number, MergeState.CLOSED, "one")
    assert none is elsewhere is None
    assert {pull.number for pull in both} == {first.number, second.number}


async def test_a_push_shows_in_the_pull_request(github: GitHub) -> None:
    """The head of an open pull request is where its branch is now."""
    repository = github.new_repository()
    repository.branch("miyabi/x")
    async with github.open(repository) as client:
        pull = await client.pull_requests.upsert("miyabi/x", "main", title="one", body="")
        pushed = repository.commit("miyabi/x", content="more\n")
        assert (await client.pull_requests.get(pull.number)).head_sha == pushed
