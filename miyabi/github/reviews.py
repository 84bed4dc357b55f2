"""What reviewers say of a pull request: reviews, and comments on its files, which hang together in threads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from miyabi.github import parse
from miyabi.github.client import GitHubClient
from miyabi.github.parse import read
from miyabi.github.request import Request
from miyabi.github.values import PullRequestReview, ReviewComment


class Reviews:
    """Reviews of pull requests. Every method may raise what is below `GitHubError`.

    Args:
        client: asks GitHub.
        speaks_for_us: whether what an account marks as an answer of ours is one.
    """

    def __init__(self, client: GitHubClient, *, speaks_for_us: Callable[[str], Awaitable[bool]]) -> None:
        self._client, self._speaks_for_us = client, speaks_for_us

    async def all(self, number: int) -> tuple[PullRequestReview, ...]:
        """Reads the reviews of a pull request, oldest first; those that nobody has submitted yet are left out."""
        subject = f"reviews of #{number}"
        found = await self._client.pages(f"pulls/{number}/reviews", subject=subject)
        return tuple(read(_review, data, subject=subject) for data in found if data.get("submitted_at"))

    async def comments(self, number: int) -> tuple[ReviewComment, ...]:
        """Reads the comments on a pull request's files, oldest first."""
        subject = f"review comments on #{number}"
        found = await self._client.pages(f"pulls/{number}/comments", subject=subject)
        return tuple(sorted((read(_comment, data, subject=subject) for data in found), key=lambda each: each.id))

    async def answer(self, number: int, thread: int, *, marker: str, body: str) -> None:
        """Answers in a thread, once a marker.

        Args:
            number: the pull request's.
            thread: the id of the comment that the thread begins with.
            marker: a comment of HTML that no other answer has.
            body: what is said; it begins with the marker.
        """
        path, subject = f"pulls/{number}/comments/{thread}/replies", f"answer on #{number}"

        async def look() -> bool:
            there = [each for each in await self.comments(number) if each.thread == thread]
            marked = [each for each in there if each.body.startswith(marker)]
            return any([await self._speaks_for_us(each.author.login) for each in marked])

        def change(is_there: object) -> Request | None:
            return None if is_there else Request.post(path, {"body": body}, subject=subject)

        await self._client.reconcile(look, change, result=lambda _: True)


def _review(data: Mapping[str, Any]) -> PullRequestReview:
    return PullRequestReview(
        id=data["id"],
        author=parse.person(data.get("user")),
        state=data["state"],
        body=data.get("body") or "",
    )


def _comment(data: Mapping[str, Any]) -> ReviewComment:
    line, original = data.get("line"), data.get("original_line")
    return ReviewComment(
        id=data["id"],
        thread=data.get("in_reply_to_id") or data["id"],
        author=parse.person(data.get("user")),
        body=data.get("body") or "",
        path=data["path"],
        line=line or original,
        is_outdated=not line and bool(original),
    )
