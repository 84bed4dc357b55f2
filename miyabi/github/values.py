"""What we know of GitHub's things: small models of our own, only the fields that we use. Times are UTC."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

StatusState = Literal["error", "failure", "pending", "success"]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Person(_Value):
    """Somebody with an account, which may be a program's. `can_write` is None where nobody has asked yet."""

    login: str
    is_bot: bool = False
    can_write: bool | None = None


class Comment(_Value):
    """A comment on an issue or a pull request."""

    id: int
    author: Person
    body: str
    created_at: datetime
    updated_at: datetime | None = None


class LabelEvent(_Value):
    """Who set a label on an issue, and when; the latest setting of a label counts."""

    label: str
    actor: Person
    at: datetime


class Issue(_Value):
    """An issue; `id` is GitHub's database id, `number` is what people say."""

    id: int
    number: int
    title: str
    body: str = ""
    state: str = Field("open", description="open or closed")
    state_reason: str | None = None
    author: Person
    labels: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()
    milestone: int | None = Field(None, description="Number of its milestone")
    is_pull_request: bool = False
    locked: bool = False
    html_url: str = ""
    updated_at: datetime | None = None
    blocked_by_count: int = Field(0, description="All blockers, open and closed")
    sub_issue_count: int = 0


class Blocker(_Value):
    """An issue that another one waits for; it may be in another milestone or repository."""

    number: int
    state: str
    title: str = ""
    milestone: int | None = None
    repository: str = Field("", description="owner/name; empty for the same repository")


class Milestone(_Value):
    """A milestone. `id` is GitHub's database id; `open_issues` and `closed_issues` count pull requests too."""

    id: int = 0
    number: int
    title: str
    description: str = ""
    state: str = "open"
    due_on: datetime | None = None
    open_issues: int = 0
    closed_issues: int = 0
    html_url: str = ""


class MergeState(StrEnum):
    """Where a pull request stands."""

    OPEN = "open"
    CLOSED = "closed"
    MERGED = "merged"


class PullRequest(_Value):
    """A pull request of ours or of somebody."""

    number: int
    title: str
    body: str = ""
    state: MergeState = MergeState.OPEN
    draft: bool = False
    head: str = Field(description="Head branch")
    head_sha: str = ""
    base: str = Field(description="Base branch")
    author: str = Field("", description="Login of who opened it")
    from_fork: bool = Field(False, description="The head branch is in another repository")
    html_url: str = ""
    labels: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = Field((), description="Asked for a review now; a team is owner/slug")
    milestone: int | None = None
    node_id: str = ""
    auto_merge: bool = Field(False, description="GitHub merges it by itself as soon as it may")
    mergeable: str = Field("", description="GitHub's mergeable_state: clean, dirty, behind, …; known of a single one")


class CheckState(StrEnum):
    """How a check of a commit stands; GitHub's statuses and conclusions in three words."""

    RUNNING = "running"
    GREEN = "green"
    RED = "red"


class Check(_Value):
    """A check run, or a commit status. `job` is the number of the job of GitHub Actions that it is, if it is one."""

    name: str
    state: CheckState
    summary: str = Field("", description="What it says itself: foreign text")
    url: str = ""
    job: int | None = None


class PullRequestReview(_Value):
    """A review that somebody has submitted; `state` is GitHub's: APPROVED, CHANGES_REQUESTED, COMMENTED, DISMISSED."""

    id: int
    author: Person
    state: str
    body: str = ""


class ReviewComment(_Value):
    """A comment on a file, or on a line of it. `thread` is the id of the comment that its thread begins with."""

    id: int
    thread: int
    author: Person
    body: str
    path: str
    line: int | None = None
    is_outdated: bool = Field(False, description="The line is one of an earlier commit, and is changed since")


class RepositoryInfo(_Value):
    """The repository as GitHub sees it."""

    full_name: str = Field(description="owner/name as it is now; differs from what was asked after a rename")
    default_branch: str
    private: bool = False
    archived: bool = False
    can_push: bool = False
    allow_auto_merge: bool = False
    html_url: str = ""
    clone_url: str = ""


def same_text(one: str, other: str) -> bool:
    """Returns whether GitHub would show both alike: it may store other line ends, and cut white space at both ends."""
    return one.replace("\r\n", "\n").strip() == other.replace("\r\n", "\n").strip()


def among(name: str, names: Iterable[str]) -> bool:
    """Returns whether GitHub would find the name there: it does not mind the case of labels and logins."""
    return name.lower() in {other.lower() for other in names}
