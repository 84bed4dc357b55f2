"""What can be read of a repository at GitHub."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import Any
from urllib.parse import quote

from miyabi import github_reading as reading
from miyabi.errors import NotFoundOnGitHub, RepositoryArchived, RightsMissing
from miyabi.github_client import GitHubClient
from miyabi.github_reading import read
from miyabi.github_values import Blocker, Comment, Issue, LabelEvent, Milestone, PullRequest, RepositoryInfo
from miyabi.text import one_line

_LISTED = 10
_WRITERS = {"admin", "maintain", "write", "push"}


class GitHubReader:
    """A repository, for reading. Every method may raise the errors below `GitHubError`."""

    def __init__(self, client: GitHubClient) -> None:
        self._client = client
        self._writers: dict[str, bool] = {}
        self._logins: list[str | None] = []
        self._asking: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @property
    def repository(self) -> str:
        """owner/name; the new name once a rename was met."""
        return self._client.repository

    async def info(self, *, for_writing: bool = False) -> RepositoryInfo:
        """The repository as GitHub sees it; a rename is followed.

        Raises:
            RepositoryArchived: asked `for_writing`, but it is read-only.
            RightsMissing: asked `for_writing`, but the token may not push.
        """
        data = await self._client.get("", subject="repository")
        info = read(reading.repository, data, subject="the repository")
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

    async def milestone(self, number: int) -> Milestone:
        """The milestone of that number.

        Raises:
            NotFoundOnGitHub: there is none; names those that there are.
        """
        subject = f"milestone {number}"
        try:
            data = await self._client.get(f"milestones/{number}", subject=subject)
        except NotFoundOnGitHub as error:
            known = await self.milestones(state="all")
            raise NotFoundOnGitHub(f"{error} {there_are(known)}", status=error.status) from None
        return read(reading.milestone, data, subject=subject)

    async def milestones(self, *, state: str = "open") -> tuple[Milestone, ...]:
        """The milestones by due date; `state` is open, closed or all."""
        query = {"state": state, "sort": "due_on", "direction": "asc"}
        found = await self._client.pages("milestones", subject="milestones", query=query)
        return tuple(read(reading.milestone, data, subject="milestones") for data in found)

    async def issues(self, milestone: int, *, state: str = "open") -> tuple[Issue, ...]:
        """The issues of a milestone, oldest first, pull requests among them (`is_pull_request`)."""
        query = {"milestone": str(milestone), "state": state, "sort": "created", "direction": "asc"}
        subject = f"issues of milestone {milestone}"
        found = await self._client.pages("issues", subject=subject, query=query)
        issues = [read(reading.issue, data, subject=subject) for data in found]
        return tuple({issue.number: issue for issue in issues}.values())  # pages shift when one is closed meanwhile

    async def issue(self, number: int) -> Issue:
        """One issue or pull request."""
        subject = f"issue #{number}"
        return read(reading.issue, await self._client.get(f"issues/{number}", subject=subject), subject=subject)

    async def comments(self, number: int) -> tuple[Comment, ...]:
        """The comments on an issue or pull request, oldest first."""
        subject = f"comments on #{number}"
        found = await self._client.pages(f"issues/{number}/comments", subject=subject)
        return tuple(read(reading.comment, data, subject=subject) for data in found)

    async def label_events(self, number: int) -> tuple[LabelEvent, ...]:
        """Who set which label on an issue, oldest first."""
        subject = f"events of #{number}"
        found = await self._client.pages(f"issues/{number}/events", subject=subject)
        settings = [data for data in found if data.get("event") == "labeled" and data.get("label")]
        return tuple(read(reading.label_event, data, subject=subject) for data in settings)

    async def blockers(self, issue: Issue) -> tuple[Blocker, ...]:
        """The issues that it is blocked by, open and closed; none where the server is too old to know of that."""
        if not issue.blocked_by_count:
            return ()
        return await self._related(f"issues/{issue.number}/dependencies/blocked_by", of=issue)

    async def sub_issues(self, issue: Issue) -> tuple[Blocker, ...]:
        """Its sub-issues, open and closed; none where the server is too old to know of that."""
        if not issue.sub_issue_count:
            return ()
        return await self._related(f"issues/{issue.number}/sub_issues", of=issue)

    async def _related(self, path: str, *, of: Issue) -> tuple[Blocker, ...]:
        subject = f"issues that #{of.number} waits for"
        try:
            found = await self._client.pages(path, subject=subject)
        except NotFoundOnGitHub:
            return ()
        reader = partial(reading.blocker, here=self.repository)
        return tuple(read(reader, data, subject=subject) for data in found)

    async def can_write(self, login: str) -> bool:
        """Somebody may push to the repository. Asked once a login, however many want to know."""
        key = login.lower()
        async with self._asking[key]:
            if key not in self._writers:
                self._writers[key] = await self._ask_permission(login) in _WRITERS
            return self._writers[key]

    async def _ask_permission(self, login: str) -> str:
        path = f"collaborators/{quote(login, safe='')}/permission"
        try:
            data = await self._client.get(path, subject=f"permission of {login}")
        except NotFoundOnGitHub:
            return ""  # no such account any more, or an App
        return read(lambda answer: str(answer["permission"]), data, subject=f"permission of {login}")

    async def pull_request(self, number: int) -> PullRequest:
        """One pull request, whatever its state."""
        subject = f"pull request #{number}"
        return read(reading.pull_request, await self._client.get(f"pulls/{number}", subject=subject), subject=subject)

    async def find_pull_request(self, head: str, *, base: str | None = None, state: str = "open") -> PullRequest | None:
        """The newest pull request of that head branch of this repository; `state` is open, closed or all."""
        found = await self._pulls_of(head, state=state)
        return next((pull for pull in found if base in {None, pull.base}), None)

    async def _pulls_of(self, head: str, *, state: str) -> list[PullRequest]:
        owner = self.repository.split("/", maxsplit=1)[0]
        found = await self._pulls({"head": f"{owner}:{head}", "state": state})
        ours = [pull for pull in found if pull.head == head and not pull.from_fork]
        return sorted(ours, key=lambda pull: -pull.number)

    async def pull_requests(self, *, state: str = "open") -> tuple[PullRequest, ...]:
        """All pull requests; mind `from_fork` before you trust a branch name."""
        return await self._pulls({"state": state})

    async def _pulls(self, query: dict[str, Any]) -> tuple[PullRequest, ...]:
        found = await self._client.pages("pulls", subject="pull requests", query=query)
        return tuple(read(reading.pull_request, data, subject="pull requests") for data in found)

    async def _is_ours(self, login: str) -> bool:
        """We write as that account. An App is not told its login: there, the App's accounts are ours."""
        async with self._asking["/user"]:
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


def there_are(milestones: Sequence[Milestone]) -> str:
    """A sentence with those that may be meant, open ones first."""
    first = sorted(milestones, key=lambda m: (m.state != "open", m.number))[:_LISTED]
    more = f" and {len(milestones) - _LISTED} more" if len(milestones) > _LISTED else ""
    return f"There are: {', '.join(map(_in_words, first))}{more}." if first else "There are no milestones at all."


def _in_words(milestone: Milestone) -> str:
    due = f", due {milestone.due_on:%Y-%m-%d}" if milestone.due_on else ""
    return f"{milestone.number} “{one_line(milestone.title, characters=60)}” ({milestone.state}{due})"
