"""A repository at GitHub: its issues, milestones and pull requests, and what is the repository's own."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from pydantic import SecretStr

from miyabi.errors import NotFoundOnGitHub, RepositoryArchived, RightsMissing
from miyabi.github import parse
from miyabi.github.access import GitHubAccess, RetryPolicy
from miyabi.github.answers import ConditionalTransport, KeptAnswers
from miyabi.github.checks import Checks
from miyabi.github.client import GitHubClient, OnWait
from miyabi.github.errors import unreachable
from miyabi.github.issues import Issues
from miyabi.github.milestones import Milestones
from miyabi.github.parse import read
from miyabi.github.pull_requests import PullRequests
from miyabi.github.request import Request, UnansweredError
from miyabi.github.reviews import Reviews
from miyabi.github.transport import GithubkitTransport
from miyabi.github.values import RepositoryInfo, StatusState

_WRITERS = {"admin", "maintain", "write", "push"}
_LONGEST_STATUS = 140  # GitHub refuses longer descriptions


class GitHubRepository:
    """A repository at GitHub: reads, and writes only what differs. Every method may raise what is below `GitHubError`.

    Example:
        >>> async with GitHubRepository.open(access) as github:
        ...     milestone = await github.milestones.get(37)
    """

    def __init__(self, client: GitHubClient, transport: GithubkitTransport) -> None:
        self.issues = Issues(client)
        self.milestones = Milestones(client)
        self.pull_requests = PullRequests(client)
        self.reviews = Reviews(client, speaks_for_us=self.speaks_for_us)
        self.checks = Checks(client, download=transport.download)
        self._client, self._transport = client, transport
        self._writers: dict[str, bool] = {}
        self._asking: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        access: GitHubAccess,
        *,
        retry_policy: RetryPolicy | None = None,
        on_wait: OnWait = lambda _seconds, _reason: None,
        answers: Path | None = None,
    ) -> AsyncIterator[Self]:
        """Opens the repository until the end of the `async with`. Nothing is sent before the first call.

        Args:
            access: which repository, as whom.
            retry_policy: spacing of writes, patience and repetitions.
            on_wait: called before each wait: for how many seconds, and why.
            answers: file in which answers are kept, so that next time GitHub is only asked for what is new since.
        """
        policy = retry_policy or RetryPolicy()
        async with GithubkitTransport(access) as transport:
            if answers is None:
                yield cls(GitHubClient(transport, access=access, retry_policy=policy, on_wait=on_wait), transport)
                return
            kept = KeptAnswers.read(answers)
            asking = ConditionalTransport(transport, kept)
            yield cls(GitHubClient(asking, access=access, retry_policy=policy, on_wait=on_wait), transport)
            kept.write(answers)

    @property
    def repository(self) -> str:
        """The repository as owner/name; by its new name once a rename was met."""
        return self._client.repository

    async def info(self, *, for_writing: bool = False) -> RepositoryInfo:
        """Reads the repository as GitHub sees it; a rename is followed.

        Raises:
            RepositoryArchived: asked `for_writing`, but it is read-only.
            RightsMissing: asked `for_writing`, but the token may not push.
        """
        data = await self._client.get("", subject="repository")
        info = read(parse.repository, data, subject="the repository")
        if for_writing and info.archived:
            raise RepositoryArchived(
                f"GitHub repository {info.full_name} is archived, so it is read-only."
                " Unarchive it in its settings, or name another repository."
            )
        if for_writing and not info.can_push and not self._client.is_app:  # GitHub does not say it of an App
            raise RightsMissing(
                f"The token may read {info.full_name}, but not write to it."
                " Give it write access to contents, issues and pull requests there."
            )
        return info

    async def token(self) -> SecretStr:
        """Returns the token that git pushes with: the one of `access`, or the App's, good for five minutes at least.

        Raises:
            GitHubError: the App gets none, or not now.
        """
        try:
            return await self._transport.token()
        except UnansweredError as error:
            request, base_url = Request(path="/app", subject="a token for the App"), self._transport.base_url
            raise unreachable(request, base_url=base_url, reason=str(error)) from error

    async def can_write(self, login: str) -> bool:
        """Returns whether somebody may push to the repository. Asks once a login, however many want to know."""
        key = login.lower()
        async with self._asking[key]:
            if key not in self._writers:
                self._writers[key] = await self._ask_permission(login) in _WRITERS
            return self._writers[key]

    async def speaks_for_us(self, login: str) -> bool:
        """Returns whether what somebody marks as an answer of ours is one: our account's, or of anybody who may write.

        The token may be another person's tomorrow; who may not write is never heeded.
        """
        return await self.issues.is_ours(login) or await self.can_write(login)

    async def _ask_permission(self, login: str) -> str:
        path = f"collaborators/{quote(login, safe='')}/permission"
        try:
            data = await self._client.get(path, subject=f"permission of {login}")
        except NotFoundOnGitHub:
            return ""  # no such account any more, or an App
        return read(lambda answer: str(answer["permission"]), data, subject=f"permission of {login}")

    async def ensure_labels(self, labels: Mapping[str, tuple[str, str]]) -> None:
        """Makes the labels that the repository lacks: name → (colour in hex, description). Others stay as they are."""
        known = await self._known_labels() if labels else frozenset()
        for name, (colour, description) in labels.items():
            if name.lower() not in known:
                body = {"name": name, "color": colour.lstrip("#").lower(), "description": description}
                await self._ensure_label(name, body)

    async def _ensure_label(self, name: str, body: Mapping[str, str]) -> None:
        def change(known: frozenset[str]) -> Request | None:
            return None if name.lower() in known else Request.post("labels", body, subject=f"label {name}")

        await self._client.reconcile(self._known_labels, change, result=lambda _: frozenset())

    async def _known_labels(self) -> frozenset[str]:
        found = await self._client.pages("labels", subject="labels")
        return frozenset(name.lower() for name in parse.labels(found))

    async def set_status(
        self, sha: str, *, context: str, state: StatusState, description: str = "", target_url: str = ""
    ) -> None:
        """Gives a commit that status in that context where it has another; cuts the description at 140 characters."""
        wanted = {"state": state, "description": _cut(description), "target_url": target_url}

        async def look() -> dict[str, str] | None:
            found = await self._client.pages(f"commits/{sha}/status", subject=f"status of {sha[:12]}", key="statuses")
            return next((_status(data) for data in found if data.get("context") == context), None)

        def change(there: dict[str, str] | None) -> Request | None:
            body = {**{k: v for k, v in wanted.items() if v}, "context": context}
            return None if there == wanted else Request.post(f"statuses/{sha}", body, subject=f"status of {sha[:12]}")

        await self._client.reconcile(look, change, result=lambda _: None)


def _status(data: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(data.get(key) or "") for key in ("state", "description", "target_url")}


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_STATUS else f"{text[: _LONGEST_STATUS - 1]}…"
