"""Exactly one open pull request for a branch, with everything on it, and nothing written twice."""

from __future__ import annotations

from typing import Any

import pytest

from miyabi.errors import RightsMissing, ValidationRefused
from tests.support.github.github import GitHub, SeededRepository, emulate, github  # noqa: F401 - fixtures

TEXT: dict[str, Any] = {"title": "Milestone v1 マイルストーン", "body": "Closes #1\r\n\r\n```mermaid\ngraph TD\n```\n"}


@pytest.fixture
def with_branches(github: GitHub) -> SeededRepository:
    """A repository with the branches miyabi/x and release beside main."""
    made = github.new_repository()
    made.branch("miyabi/x")
    made.branch("release", content="")
    return made


async def test_a_pull_request_is_created_once(github: GitHub, with_branches: SeededRepository) -> None:
    """It is created, and the same once more writes nothing."""
    async with github.open(with_branches) as client:
        first = await client.pull_requests.upsert("miyabi/x", "main", draft=True, **TEXT)
        assert await client.pull_requests.upsert("miyabi/x", "main", draft=True, **TEXT) == first
    [pull] = with_branches.pulls()
    assert (pull["title"], pull["body"], pull["draft"]) == (TEXT["title"], TEXT["body"], True)
    assert github.front.writes == (f"POST /repos/{with_branches.name}/pulls",)


async def test_a_pull_request_is_updated_where_it_differs(github: GitHub, with_branches: SeededRepository) -> None:
    """Title, body and base branch are written when they differ, each request with those only."""
    async with github.open(with_branches) as client:
        first = await client.pull_requests.upsert("miyabi/x", "main", **TEXT)
        await client.pull_requests.upsert("miyabi/x", "main", title="Other", body=TEXT["body"])
        await client.pull_requests.upsert("miyabi/x", "release", title="Other", body="New")
    sent = [each.data for each in github.front.sent if each.method == "PATCH"]
    assert sent == [{"title": "Other"}, {"body": "New", "base": "release"}]
    [pull] = with_branches.pulls()
    assert (pull["number"], pull["title"], pull["body"], pull["base"]["ref"]) == (
        first.number,
        "Other",
        "New",
        "release",
    )


async def test_one_that_is_closed_is_followed_by_a_new_one(github: GitHub, with_branches: SeededRepository) -> None:
    """A closed pull request stays closed; the next run opens another."""
    async with github.open(with_branches) as client:
        first = await client.pull_requests.upsert("miyabi/x", "main", **TEXT)
        with_branches.ask("PATCH", f"pulls/{first.number}", {"state": "closed"})
        second = await client.pull_requests.upsert("miyabi/x", "main", **TEXT)
    assert second.number != first.number
    assert [pull["number"] for pull in with_branches.pulls()] == [second.number]


async def test_everything_comes_on_it_once(github: GitHub, with_branches: SeededRepository) -> None:
    """Labels, reviewers, assignees and milestone are added to what people have put there; again, nothing is written."""
    milestone = with_branches.milestone("v1")
    async with github.open(with_branches) as client:
        made = await client.pull_requests.upsert("miyabi/x", "main", **TEXT)
        with_branches.label(made.number, "by-hand", by="carol")
        wanted: dict[str, Any] = {"labels": ["miyabi", "By-Hand"], "reviewers": ["carol", "Alice"]}
        wanted |= {"assignees": ["alice", "carol"], "milestone": milestone}
        pull = await client.pull_requests.upsert("miyabi/x", "main", **TEXT, **wanted)
        github.front.forget()
        assert await client.pull_requests.upsert("miyabi/x", "main", **TEXT, **wanted) == pull
        assert await client.pull_requests.complete(pull, **wanted) == pull
    assert github.front.writes == ()
    assert set(pull.labels) == {"by-hand", "miyabi"}
    assert (pull.reviewers, set(pull.assignees), pull.milestone) == (("carol",), {"alice", "carol"}, milestone)


async def test_who_has_reviewed_is_not_asked_again(github: GitHub, with_branches: SeededRepository) -> None:
    """After a review GitHub no longer lists the reviewer as asked; we leave it at that."""
    async with github.open(with_branches) as client:
        pull = await client.pull_requests.upsert("miyabi/x", "main", **TEXT)
        with_branches.ask(
            "POST", f"pulls/{pull.number}/reviews", {"event": "COMMENT", "body": "Looks good"}, by="carol"
        )
        await client.pull_requests.complete(pull, reviewers=["carol"])
    assert len(github.front.writes) == 1


async def test_one_refusal_does_not_keep_the_rest_away(github: GitHub, with_branches: SeededRepository) -> None:
    """A reviewer and an assignee without access are told in one line, while labels and milestone are set."""
    milestone = with_branches.milestone("v1")
    async with github.open(with_branches) as client:
        made = await client.pull_requests.upsert("miyabi/x", "main", **TEXT)
        with pytest.raises(ValidationRefused, match="does not take bob as assignees"):
            await client.pull_requests.complete(
                made, labels=["miyabi"], reviewers=["bob"], assignees=["bob"], milestone=milestone
            )
        with pytest.raises(ValidationRefused, match="Reviews may only be requested from collaborators"):
            await client.pull_requests.complete(made, reviewers=["bob"])
        pull = await client.pull_requests.get(made.number)
    assert (pull.labels, pull.milestone, pull.assignees, pull.reviewers) == (("miyabi",), milestone, (), ())


async def test_an_unknown_milestone_is_named(github: GitHub, with_branches: SeededRepository) -> None:
    """The refusal names the field."""
    async with github.open(with_branches) as client:
        with pytest.raises(ValidationRefused, match="milestone") as caught:
            await client.pull_requests.upsert("miyabi/x", "main", **TEXT, milestone=99)
    assert caught.value.fields == ("milestone",)
    assert len(with_branches.pulls()) == 1


async def test_a_reader_may_not_open_one(github: GitHub, with_branches: SeededRepository) -> None:
    """No rights: the class, what may not be done, and what the token lacks."""
    async with github.open(with_branches, by="bob") as client:
        with pytest.raises(RightsMissing, match="It needs: pull_requests=write"):
            await client.pull_requests.upsert("miyabi/x", "main", **TEXT)
    assert with_branches.pulls() == []


REFUSED = {
    "no such head": ("miyabi/gone", "main", ("head",), "Is there a branch for head 'miyabi/gone' at GitHub?"),
    "no such base": ("miyabi/x", "gone", ("base",), "Is there a branch for base 'gone' at GitHub?"),
    "nothing new": ("miyabi/same", "main", (), "No commits between main and miyabi/same."),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_refusals_name_the_branch(github: GitHub, with_branches: SeededRepository, case: str) -> None:
    """A missing head or base, and a head without commits of its own, each in one line; nothing is created."""
    head, base, fields, said = REFUSED[case]
    with_branches.branch("miyabi/same", content="")
    async with github.open(with_branches) as client:
        with pytest.raises(ValidationRefused) as caught:
            await client.pull_requests.upsert(head, base, **TEXT)
    assert (caught.value.fields, caught.value.exists) == (fields, False)
    assert str(caught.value).endswith(said)
    assert "\n" not in str(caught.value)
    assert with_branches.pulls() == []


async def test_an_overlong_body_is_refused(github: GitHub, with_branches: SeededRepository) -> None:
    """GitHub takes 65,536 characters; the refusal says so, and nothing is created."""
    async with github.open(with_branches) as client:
        with pytest.raises(ValidationRefused, match="maximum is 65536 characters"):
            await client.pull_requests.upsert("miyabi/x", "main", title="T", body="x" * 65_537)
        await client.pull_requests.upsert("miyabi/x", "main", title="T", body="x" * 65_536)
    assert len(with_branches.pulls()) == 1
