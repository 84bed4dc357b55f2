"""Reviews and their threads: read as people left them, and answered once, whoever we are."""

from __future__ import annotations

import pytest

from tests.support.github.github import GitHub, SeededRepository, emulate, github  # noqa: F401 - fixtures
from tests.support.github.overlay_reviews import review, say, thread

MARKER = "<!-- miyabi:answer 7 -->"


def reviewed(github: GitHub) -> tuple[SeededRepository, int]:
    """A repository with a pull request, and that one's number."""
    repository = github.new_repository()
    repository.branch("work")
    return repository, repository.ask("POST", "pulls", {"title": "T", "head": "work", "base": "main"})["number"]


async def test_comments_are_read_with_their_place(github: GitHub) -> None:
    """In which thread, on which line, of the head or of an earlier commit, and whether a program made it."""
    repository, number = reviewed(github)
    first = say(repository.hosted, number, "Why?", path="b.txt", line=7)
    say(repository.hosted, number, "Blank.", by="lint[bot]", line=None)
    say(repository.hosted, number, "So.", by="bob", reply_to=first)
    review(repository.hosted, number, "Do.", state="COMMENTED")
    async with github.open(repository) as client:
        one, two, three = await client.reviews.comments(number)
        (found,) = await client.reviews.all(number)
    assert (one.thread, one.path, one.line, one.is_outdated, one.author.is_bot) == (first, "b.txt", 7, False, False)
    assert (two.thread, two.line, two.is_outdated, two.author.is_bot) == (two.id, 3, True, True)
    assert (three.thread, three.author.login) == (first, "bob")
    assert (found.state, found.body, found.author.login) == ("COMMENTED", "Do.", "carol")


async def test_what_is_not_submitted_is_no_review(github: GitHub) -> None:
    """One that its author is still writing is left out."""
    repository, number = reviewed(github)
    repository.ask("POST", f"pulls/{number}/reviews", {"body": "Hm."}, by="carol")
    async with github.open(repository) as client:
        assert await client.reviews.all(number) == ()


@pytest.mark.parametrize("by", ["alice", "app", "carol"])
async def test_a_thread_is_answered_once(github: GitHub, by: str) -> None:
    """By a token, by an App, and where it was another one of those who may write; a stranger's marker is none."""
    repository, number = reviewed(github)
    first = say(repository.hosted, number, "Why?")
    say(repository.hosted, number, MARKER, by="bob", reply_to=first)
    if by == "carol":
        say(repository.hosted, number, MARKER, by=by, reply_to=first)
    who = {"token": None, "app": github.app} if by == "app" else {}
    async with github.open(repository, **who) as client:
        for _ in range(2):
            await client.reviews.answer(number, first, marker=MARKER, body=f"{MARKER}\nSo.")
    answers = [each.by for each in thread(repository.hosted, first) if each.by != "bob" and each.body != "Why?"]
    assert answers == [{"app": "app[bot]"}.get(by, by)]
