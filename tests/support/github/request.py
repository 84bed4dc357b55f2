"""One request about one repository, and what is known of that repository beyond what the peer knows."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol
from urllib.parse import parse_qsl, quote, urlencode

from tests.support.github.openapi import Sent
from tests.support.github.responses import Ask, Reply


@dataclass(frozen=True, slots=True)
class IssueReference:
    """An issue of a repository."""

    repository: str
    number: int


@dataclass(slots=True, kw_only=True)
class PullMore:
    """What the peer cannot keep of a pull request."""

    milestone: int | None = None
    assignees: list[str] = field(default_factory=list)
    mergeable_state: str = ""
    auto_merge: str = ""
    queued_at: str = ""
    node_id: str = ""


@dataclass(slots=True, kw_only=True)
class Job:
    """A job of GitHub Actions, and the check run that it is; `steps` are conclusions by name."""

    name: str
    sha: str
    conclusion: str | None = None
    steps: dict[str, str] = field(default_factory=dict)
    log: str = ""
    is_action: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class LineComment:
    """A comment on a file of a pull request. `reply_to` is the id of the comment that its thread begins with."""

    id: int
    pull: int
    by: str
    body: str
    path: str = "a.txt"
    line: int | None = 1
    reply_to: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmittedReview:
    """A review of a pull request."""

    id: int
    pull: int
    by: str
    body: str
    state: str = "CHANGES_REQUESTED"


@dataclass(slots=True, kw_only=True)
class HostedRepository:
    """A repository. `crlf` where descriptions of milestones come back with the line ends that browsers write."""

    id: int
    full_name: str
    roles: dict[str, str] = field(default_factory=dict)
    archived: bool = False
    crlf: bool = False
    pulls: dict[int, PullMore] = field(default_factory=dict)
    blocked_by: dict[int, list[IssueReference]] = field(default_factory=dict)
    sub_issues: dict[int, list[IssueReference]] = field(default_factory=dict)
    statuses: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    jobs: dict[int, Job] = field(default_factory=dict)
    allow_auto_merge: bool = False
    has_merge_queue: bool = False
    required: set[str] = field(default_factory=set)
    required_by_rule: set[str] = field(default_factory=set)
    line_comments: list[LineComment] = field(default_factory=list)
    reviews: list[SubmittedReview] = field(default_factory=list)

    @property
    def owner(self) -> str:
        """Whose it is."""
        return self.full_name.partition("/")[0]

    def role_of(self, login: str) -> str:
        """The role of an account; whoever has none reads. An installed App writes."""
        known = {self.owner.lower(): "admin", "app[bot]": "write"} | {k.lower(): v for k, v in self.roles.items()}
        return known.get(login.lower(), "read")


class Branches(Protocol):
    """Where a repository's branches and commits are."""

    def head(self, call: Call, branch: str) -> str | None:
        """The commit of a branch; None where there is no such branch."""

    def is_ahead(self, call: Call, head: str, *, of: str) -> bool:
        """Whether a branch has commits that another one has not."""

    def has_commit(self, call: Call, sha: str) -> bool:
        """Whether there is such a commit."""


class PeerBranches:
    """They are at the peer."""

    def head(self, call: Call, branch: str) -> str | None:
        """See `Branches`."""
        reply = call.get(call.path(f"git/ref/heads/{quote(branch)}"))
        return str(reply.data["object"]["sha"]) if reply.is_good else None

    def is_ahead(self, call: Call, head: str, *, of: str) -> bool:
        """See `Branches`."""
        reply = call.get(call.path(f"compare/{quote(of)}...{quote(head)}"))
        return bool(reply.is_good and reply.data["ahead_by"])

    def has_commit(self, call: Call, sha: str) -> bool:
        """See `Branches`."""
        return call.get(call.path(f"git/commits/{quote(sha)}")).is_good


@dataclass(frozen=True, kw_only=True)
class Call:
    """A request, whose it is, and which repository it is about."""

    sent: Sent
    repository: HostedRepository
    login: str
    branches: Branches
    ask: Ask

    @cached_property
    def query(self) -> dict[str, str]:
        """Its query."""
        return dict(parse_qsl(self.sent.query))

    @property
    def data(self) -> dict[str, Any]:
        """The JSON object in its body."""
        return dict(self.sent.data or {})

    def path(self, rest: str) -> str:
        """The path of something in the repository."""
        return f"/repos/{self.repository.full_name}/{rest}"

    def peer(self, **body: Any) -> Reply:
        """What the peer says to the request itself, with these changes in its body."""
        sent = replace(self.sent, body=json.dumps({**self.data, **body}).encode()) if body else self.sent
        return self.ask(sent)

    def get(self, path: str, **query: Any) -> Reply:
        """What the same person reads there."""
        return self.ask(replace(self.sent, method="GET", path=path, query=urlencode(query), body=b""))

    def patch(self, path: str, **body: Any) -> Reply:
        """What the same person's change there leads to."""
        return self.ask(replace(self.sent, method="PATCH", path=path, query="", body=json.dumps(body).encode()))

    def all(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """The items of all pages of a list at the peer."""
        items: list[dict[str, Any]] = []
        for page in range(1, 1000):
            found = self.get(path, **query, per_page=100, page=page).data
            items += found
            if len(found) < 100:
                break
        return items
