"""The issues of a repository at GitHub: read, and changed only where they differ. All may be repeated."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import partial
from urllib.parse import quote

from miyabi.errors import NotFoundOnGitHub, RightsMissing
from miyabi.github import parse
from miyabi.github.client import GitHubClient
from miyabi.github.parse import read
from miyabi.github.request import Request
from miyabi.github.values import Blocker, Comment, Issue, LabelEvent, among, same_text


class Issues:
    """Issues, pull requests among them, and what hangs on them. Every method may raise what is below `GitHubError`."""

    def __init__(self, client: GitHubClient) -> None:
        self._client = client
        self._logins: list[str | None] = []
        self._asking = asyncio.Lock()

    async def of_milestone(self, milestone: int, *, state: str = "open") -> tuple[Issue, ...]:
        """Reads the issues of a milestone, oldest first, pull requests among them (`is_pull_request`).

        Args:
            milestone: its number.
            state: open, closed or all.
        """
        query = {"milestone": str(milestone), "state": state, "sort": "created", "direction": "asc"}
        subject = f"issues of milestone {milestone}"
        found = await self._client.pages("issues", subject=subject, query=query)
        issues = [read(parse.issue, data, subject=subject) for data in found]
        return tuple({issue.number: issue for issue in issues}.values())  # pages shift when one is closed meanwhile

    async def get(self, number: int) -> Issue:
        """Reads one issue or pull request.

        Raises:
            NotFoundOnGitHub: there is none of that number.
        """
        subject = f"issue #{number}"
        return read(parse.issue, await self._client.get(f"issues/{number}", subject=subject), subject=subject)

    async def comments(self, number: int) -> tuple[Comment, ...]:
        """Reads the comments on an issue or pull request, oldest first."""
        subject = f"comments on #{number}"
        found = await self._client.pages(f"issues/{number}/comments", subject=subject)
        return tuple(read(parse.comment, data, subject=subject) for data in found)

    async def label_events(self, number: int) -> tuple[LabelEvent, ...]:
        """Reads who set which label on an issue, oldest first."""
        subject = f"events of #{number}"
        found = await self._client.pages(f"issues/{number}/events", subject=subject)
        settings = [data for data in found if data.get("event") == "labeled" and data.get("label")]
        return tuple(read(parse.label_event, data, subject=subject) for data in settings)

    async def blockers(self, issue: Issue) -> tuple[Blocker, ...]:
        """Reads the issues that it is blocked by, open and closed; none where the server is too old to know of that."""
        if not issue.blocked_by_count:
            return ()
        return await self._related(f"issues/{issue.number}/dependencies/blocked_by", of=issue)

    async def sub_issues(self, issue: Issue) -> tuple[Blocker, ...]:
        """Reads its sub-issues, open and closed; none where the server is too old to know of that."""
        if not issue.sub_issue_count:
            return ()
        return await self._related(f"issues/{issue.number}/sub_issues", of=issue)

    async def _related(self, path: str, *, of: Issue) -> tuple[Blocker, ...]:
        subject = f"issues that #{of.number} waits for"
        try:
            found = await self._client.pages(path, subject=subject)
        except NotFoundOnGitHub:
            return ()
        reader = partial(parse.blocker, here=self._client.repository)
        return tuple(read(reader, data, subject=subject) for data in found)

    async def upsert_comment(self, number: int, *, marker: str, body: str) -> Comment:
        """Writes our comment with that marker on an issue or pull request, new or in the place of the one there.

        Nobody else's comment is touched, whatever is in it. The marker is put before a body that lacks it.
        """
        text = body if marker in body else f"{marker}\n{body}"
        subject = f"comment on #{number}"

        async def look() -> Comment | None:
            for comment in await self.comments(number):
                if marker in comment.body and await self.is_ours(comment.author.login):
                    return comment
            return None

        def change(comment: Comment | None) -> Request | None:
            if comment is None:
                return Request.post(f"issues/{number}/comments", {"body": text}, subject=subject)
            body = {} if same_text(comment.body, text) else {"body": text}
            return Request.patch(f"issues/comments/{comment.id}", body, subject=subject)

        comment = await self._client.reconcile(look, change, result=parse.comment)
        if comment is None:
            raise AssertionError  # there is one once nothing is left to change
        return comment

    async def set_labels(self, number: int, *, add: Iterable[str] = (), remove: Iterable[str] = ()) -> tuple[str, ...]:
        """Adds and removes labels of an issue or pull request, and returns all that it has then."""
        there = await self._add_labels(number, tuple(add))
        for name in remove:
            if among(name, there):
                there = await self._remove_label(number, name)
        return there

    async def _labels_of(self, number: int) -> tuple[str, ...]:
        return parse.labels(await self._client.pages(f"issues/{number}/labels", subject=f"labels of #{number}"))

    async def _add_labels(self, number: int, names: tuple[str, ...]) -> tuple[str, ...]:
        def change(there: tuple[str, ...]) -> Request | None:
            missing = [name for name in names if not among(name, there)]
            path = f"issues/{number}/labels"
            return Request.post(path, {"labels": missing}, subject=f"labels of #{number}") if missing else None

        return await self._client.reconcile(lambda: self._labels_of(number), change, result=parse.labels)

    async def _remove_label(self, number: int, name: str) -> tuple[str, ...]:
        path = f"issues/{number}/labels/{quote(name, safe='')}"

        def change(there: tuple[str, ...]) -> Request | None:
            subject = f"label {name} of #{number}"
            return Request(method="DELETE", path=path, subject=subject) if among(name, there) else None

        return await self._client.reconcile(lambda: self._labels_of(number), change, result=parse.labels)

    async def is_ours(self, login: str) -> bool:
        """Returns whether we write as that account. An App does not learn its own: there, those of Apps are ours."""
        async with self._asking:
            if not self._logins:
                self._logins.append(await self._ask_login())
        ours = self._logins[0]
        return login.endswith("[bot]") if ours is None else login.lower() == ours.lower()

    async def _ask_login(self) -> str | None:
        if self._client.is_app:
            return None
        try:
            data = await self._client.get("/user", subject="account of the token")
        except (RightsMissing, NotFoundOnGitHub):
            return None  # the token of an installation, as in GitHub Actions
        return read(lambda user: str(user["login"]), data, subject="account of the token")
