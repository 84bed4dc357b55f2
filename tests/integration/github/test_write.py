"""Milestones, comments, labels and statuses: written where they differ, and not once more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from miyabi.errors import ValidationRefused
from miyabi.github.access import RetryPolicy
from miyabi.text import replace_block
from miyabi.text.marked_block import wrap
from tests.support.github.github import GitHub, emulate, github  # noqa: F401 - fixtures

MARKER = "<!-- miyabi:comment -->"


def with_block(content: str) -> Callable[[str], str]:
    """What puts our block into a description."""
    return lambda description: replace_block(description, wrap(content))


@pytest.mark.parametrize("crlf", [False, True], ids=["lf", "crlf"])
@pytest.mark.parametrize("text", ["", "Goal: ship it.\r\n\r\n目標 🎯\r\n", "one line", "\n\nlines before\n"])
async def test_a_milestone_keeps_its_words(github: GitHub, text: str, *, crlf: bool) -> None:
    """The block comes into the description once, whatever line ends GitHub stores, and no word around it changes."""
    repository = github.new_repository()
    repository.hosted.crlf = crlf
    number = repository.milestone("v1", description=text)
    async with github.open(repository) as client:
        await client.milestones.update(number, description=with_block("first\n\n| a | b |"))
        await client.milestones.update(number, description=with_block("second"))
        assert len(github.front.writes) == 2
        await client.milestones.update(number, description=with_block("second"))
        assert len(github.front.writes) == 2
    stored = repository.description(number).replace("\r\n", "\n")
    assert stored.startswith(text.replace("\r\n", "\n"))
    assert stored.endswith(wrap("second"))
    assert stored.count("miyabi:begin") == 1
    assert "first" not in stored


async def test_words_written_while_we_waited_are_kept(github: GitHub) -> None:
    """Somebody edits the description while a rate limit makes us wait: it is read again, and nothing is overwritten."""
    repository = github.new_repository()
    number = repository.milestone("v1", description="old words")

    def edit(_seconds: float, _reason: str) -> None:
        repository.ask("PATCH", f"milestones/{number}", {"description": "new words"})

    github.front.refuse("PATCH", "/milestones/", status=403, message="Wait.", headers={"retry_after": "1"})
    async with github.open(repository, on_wait=edit) as client:
        await client.milestones.update(number, description=with_block("ours"))
    assert repository.description(number) == f"new words\n\n{wrap('ours')}"


async def test_words_written_while_others_wrote_are_kept(github: GitHub) -> None:
    """Somebody edits the description while we wait for our turn to write: it is read again before."""
    repository = github.new_repository()
    number, issue = repository.milestone("v1", description="old words"), repository.issue("An issue")
    async with github.open(repository, retry_policy=RetryPolicy(write_interval_seconds=1.5)) as client:
        await client.issues.upsert_comment(issue, marker=MARKER, body="text")
        update = asyncio.create_task(client.milestones.update(number, description=with_block("ours")))
        while not any("/milestones/" in sent.path for sent in github.front.sent):
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.3)
        repository.ask("PATCH", f"milestones/{number}", {"description": "new words"})
        await update
    assert repository.description(number) == f"new words\n\n{wrap('ours')}"


async def test_other_line_ends_are_no_difference(github: GitHub) -> None:
    """A text that the server keeps with CRLF, or without the blank at its end, is the one that was wanted."""
    repository = github.new_repository()
    repository.hosted.crlf = True
    number = repository.milestone("v1")
    async with github.open(repository) as client:
        await client.milestones.update(number, description="one\ntwo")
        await client.milestones.update(number, description="one\ntwo\n")
    assert repository.description(number) == "one\r\ntwo"
    assert len(github.front.writes) == 1


async def test_a_milestone_is_closed_once(github: GitHub) -> None:
    """A state that is there already is not written; a description is left as it is when none is given."""
    repository = github.new_repository()
    number = repository.milestone("v1", description="Goal")
    async with github.open(repository) as client:
        assert (await client.milestones.update(number, state="open")).state == "open"
        assert (await client.milestones.update(number, state="closed")).state == "closed"
        assert (await client.milestones.update(number, state="closed")).description == "Goal"
    assert [sent.data for sent in github.front.sent if sent.method == "PATCH"] == [{"state": "closed"}]


async def test_a_comment_is_edited_in_place(github: GitHub) -> None:
    """One comment an issue: created, edited where its text differs, and left alone where it does not."""
    repository = github.new_repository()
    number = repository.issue("An issue")
    async with github.open(repository) as client:
        first = await client.issues.upsert_comment(number, marker=MARKER, body="queued")
        second = await client.issues.upsert_comment(number, marker=MARKER, body="done 完了")
        third = await client.issues.upsert_comment(number, marker=MARKER, body="done 完了")
    assert first.id == second.id == third.id
    assert [each["body"] for each in repository.comments(number)] == [f"{MARKER}\ndone 完了"]
    assert [write.partition(" ")[0] for write in github.front.writes] == ["POST", "PATCH"]


async def test_a_comment_of_somebody_else_is_not_touched(github: GitHub) -> None:
    """Whoever copies our marker into a comment of theirs gets no edit; ours is another one."""
    repository = github.new_repository()
    number = repository.issue("An issue")
    theirs = f"{MARKER}\nI am quoting this."
    repository.comment(number, theirs, by="bob")
    async with github.open(repository) as client:
        await client.issues.upsert_comment(number, marker=MARKER, body="ours")
        await client.issues.upsert_comment(number, marker=MARKER, body="ours, later")
    bodies = [(each["user"]["login"], each["body"]) for each in repository.comments(number)]
    assert bodies == [("bob", theirs), ("alice", f"{MARKER}\nours, later")]


async def test_our_comment_is_found_behind_many(github: GitHub) -> None:
    """Ours is found on the second page of comments."""
    repository = github.new_repository()
    number = repository.issue("An issue")
    for n in range(101):
        repository.comment(number, f"comment {n}", by="bob")
    async with github.open(repository) as client:
        for _ in range(2):
            await client.issues.upsert_comment(number, marker=MARKER, body="ours")
    assert len(github.front.writes) == 1


async def test_a_comment_that_is_too_long_is_refused_in_one_line(github: GitHub) -> None:
    """GitHub's limit of 65,536 characters comes with the field and GitHub's words."""
    repository = github.new_repository()
    number = repository.issue("An issue")
    async with github.open(repository) as client:
        with pytest.raises(ValidationRefused, match="body is too long") as caught:
            await client.issues.upsert_comment(number, marker=MARKER, body="x" * 65_600)
    assert caught.value.fields == ("body",)
    assert "\n" not in str(caught.value)
    assert len(github.front.writes) == 1


async def test_labels_are_made_once_and_keep_their_looks(github: GitHub) -> None:
    """A label that exists, in whatever case, stays as it is; the others are made with colour and description."""
    repository = github.new_repository()
    repository.ask("POST", "labels", {"name": "Miyabi:Queued", "color": "123456", "description": "mine"})
    labels = {"miyabi:queued": ("#FF0000", "waits"), "miyabi:running": ("#0E8A16", "runs")}
    async with github.open(repository) as client:
        for _ in range(2):
            await client.ensure_labels(labels)
    there = {each["name"]: (each["color"], each["description"]) for each in repository.ask("GET", "labels")}
    assert there == {"Miyabi:Queued": ("123456", "mine"), "miyabi:running": ("0e8a16", "runs")}
    assert len(github.front.writes) == 1


async def test_labels_of_an_issue_are_set_and_taken_off(github: GitHub) -> None:
    """Only what is missing is added and only what is there is taken off; labels of others stay."""
    repository = github.new_repository()
    number = repository.issue("An issue", labels=["bug", "miyabi:queued"])
    async with github.open(repository) as client:
        for _ in range(2):
            left = await client.issues.set_labels(
                number, add=["miyabi:running", "BUG"], remove=["miyabi:queued", "none"]
            )
    assert set(left) == repository.labels(number) == {"bug", "miyabi:running"}
    assert len(github.front.writes) == 2


async def test_a_label_with_odd_characters(github: GitHub) -> None:
    """A name with a slash, a space and Japanese finds its way through the address."""
    repository = github.new_repository()
    number = repository.issue("An issue")
    name = "状態/in review?"
    async with github.open(repository) as client:
        assert await client.issues.set_labels(number, add=[name]) == (name,)
        assert await client.issues.set_labels(number, remove=[name]) == ()
    assert repository.labels(number) == set()


async def test_a_status_is_set_once(github: GitHub) -> None:
    """The same state, description and link are not posted again; a change is, and the latest counts."""
    repository = github.new_repository()
    sha = repository.head("main")
    async with github.open(repository) as client:
        for state in ("pending", "pending", "success", "success"):
            await client.set_status(sha, context="miyabi/issue-1", state=state, target_url="https://example.com/1")
            await client.set_status(sha, context="miyabi/issue-2", state=state, description="設計" * 100)
    posted = repository.hosted.statuses[sha]
    assert [(each["context"][-1], each["state"]) for each in posted] == [
        *(("1", "pending"), ("2", "pending")),
        *(("1", "success"), ("2", "success")),
    ]
    assert {len(each["description"]) for each in posted if each["description"]} == {140}


async def test_a_status_is_found_among_many(github: GitHub) -> None:
    """With 130 contexts on a commit the one on the second page is still known."""
    repository = github.new_repository()
    sha = repository.head("main")
    async with github.open(repository) as client:
        await client.set_status(sha, context="task", state="success")
        [one] = repository.hosted.statuses[sha]
        others = [{**one, "id": one["id"] + n, "context": f"task-{n}"} for n in range(1, 130)]
        repository.hosted.statuses[sha] = [*others, one]
        github.front.forget()
        await client.set_status(sha, context="task", state="success")
    assert [sent.query for sent in github.front.sent] == ["per_page=100", "per_page=100&page=2"]
