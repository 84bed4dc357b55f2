"""GitHub's JSON becomes our values. Lenient about what is missing or null: servers differ in age. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from miyabi.errors import GitHubError
from miyabi.github.values import (
    Blocker,
    Comment,
    Issue,
    LabelEvent,
    MergeState,
    Milestone,
    Person,
    PullRequest,
    RepositoryInfo,
)

T = TypeVar("T")
Json = Mapping[str, Any]
_GHOST = "ghost"  # whom GitHub shows for a deleted account
_OF_A_REPOSITORY = re.compile(r"/([^/]+/[^/]+)/?$")


def read(reader: Callable[[Any], T], data: Any, *, subject: str) -> T:
    """Returns what the reader makes of the data.

    Raises:
        GitHubError: the data is not of GitHub's shape.
    """
    try:
        return reader(data)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise GitHubError(
            f"GitHub's answer about {subject} is not of the known shape ({type(error).__name__})."
            " Is base_url the API's address?"
        ) from error


def repository(data: Json) -> RepositoryInfo:
    """Reads a repository."""
    return RepositoryInfo(
        full_name=data["full_name"],
        default_branch=data.get("default_branch") or "main",
        private=bool(data.get("private")),
        archived=bool(data.get("archived")),
        can_push=bool((data.get("permissions") or {}).get("push")),
        allow_auto_merge=bool(data.get("allow_auto_merge")),
        html_url=data.get("html_url") or "",
        clone_url=data.get("clone_url") or "",
    )


def milestone(data: Json) -> Milestone:
    """Reads a milestone."""
    return Milestone(
        id=data.get("id") or 0,
        number=data["number"],
        title=data["title"],
        description=data.get("description") or "",
        state=data.get("state") or "open",
        due_on=data.get("due_on"),
        open_issues=data.get("open_issues") or 0,
        closed_issues=data.get("closed_issues") or 0,
        html_url=data.get("html_url") or "",
    )


def issue(data: Json) -> Issue:
    """Reads an issue, or a pull request as the issue that it also is."""
    blockers = data.get("issue_dependencies_summary") or {}
    return Issue(
        id=data["id"],
        number=data["number"],
        title=data["title"],
        body=data.get("body") or "",
        state=data.get("state") or "open",
        state_reason=data.get("state_reason"),
        author=person(data.get("user")),
        labels=labels(data.get("labels")),
        assignees=logins(data.get("assignees")),
        milestone=(data.get("milestone") or {}).get("number"),
        is_pull_request=bool(data.get("pull_request")),
        locked=bool(data.get("locked")),
        html_url=data.get("html_url") or "",
        updated_at=data.get("updated_at"),
        blocked_by_count=blockers.get("total_blocked_by") or blockers.get("blocked_by") or 0,
        sub_issue_count=(data.get("sub_issues_summary") or {}).get("total") or 0,
    )


def blocker(data: Json, *, here: str) -> Blocker:
    """Reads an issue that another one waits for; `here` is the repository (owner/name) of that other one."""
    where = (data.get("repository") or {}).get("full_name") or ""
    if not where and (found := _OF_A_REPOSITORY.search(data.get("repository_url") or "")):
        where = found[1]
    return Blocker(
        number=data["number"],
        state=data["state"],
        title=data.get("title") or "",
        milestone=(data.get("milestone") or {}).get("number"),
        repository="" if where.lower() == here.lower() else where,
    )


def comment(data: Json) -> Comment:
    """Reads a comment."""
    return Comment(
        id=data["id"],
        author=person(data.get("user")),
        body=data.get("body") or "",
        created_at=data["created_at"],
        updated_at=data.get("updated_at"),
    )


def label_event(data: Json) -> LabelEvent:
    """Reads who set a label, and when."""
    return LabelEvent(label=data["label"]["name"], actor=person(data.get("actor")), at=data["created_at"])


def pull_request(data: Json) -> PullRequest:
    """Reads a pull request."""
    head, base = data["head"], data["base"]
    return PullRequest(
        number=data["number"],
        title=data["title"],
        body=data.get("body") or "",
        state=MergeState.MERGED if data.get("merged_at") else MergeState(data.get("state") or "open"),
        draft=bool(data.get("draft")),
        head=head["ref"],
        head_sha=head.get("sha") or "",
        base=base["ref"],
        author=person(data.get("user")).login,
        from_fork=_repository_of(head) != _repository_of(base),
        html_url=data.get("html_url") or "",
        labels=labels(data.get("labels")),
        assignees=logins(data.get("assignees")),
        reviewers=(*logins(data.get("requested_reviewers")), *_teams(data)),
        milestone=(data.get("milestone") or {}).get("number"),
        node_id=data.get("node_id") or "",
        auto_merge=bool(data.get("auto_merge")),
        mergeable=data.get("mergeable_state") or "",
    )


def person(data: Json | None) -> Person:
    """Reads somebody's account; for a deleted one it is GitHub's `ghost`."""
    data = data or {}
    return Person(login=data.get("login") or _GHOST, is_bot=data.get("type") == "Bot")


def labels(data: Any) -> tuple[str, ...]:
    """Reads the names of labels, which are objects or, in old issues, plain names."""
    return tuple(label if isinstance(label, str) else label["name"] for label in data or ())


def logins(data: Any) -> tuple[str, ...]:
    """Reads the logins of people."""
    return tuple(somebody["login"] for somebody in data or ())


def _teams(data: Json) -> tuple[str, ...]:
    owner = _repository_of(data["base"]).split("/", maxsplit=1)[0]
    return tuple(f"{owner}/{team['slug']}" for team in data.get("requested_teams") or ())


def _repository_of(end: Json) -> str:
    name = (end.get("repo") or {}).get("full_name") or str(end.get("label") or "").partition(":")[0]
    return str(name).lower()
