"""GitHub by its own nouns: issues, milestones, pull requests, the repository; signing in, and its errors.

Says nothing of its own there: the texts are made by `miyabi.pull_requests` and `miyabi.milestones`.
"""

from miyabi.github.access import GitHubApp, GitHubLogin, is_at_github, token_of_environment
from miyabi.github.linked_repository import LinkedRepository
from miyabi.github.milestones import there_are
from miyabi.github.repository import GitHubRepository
from miyabi.github.values import (
    Blocker,
    Check,
    CheckState,
    Comment,
    Issue,
    LabelEvent,
    MergeState,
    Milestone,
    Person,
    PullRequest,
    PullRequestReview,
    ReviewComment,
    StatusState,
    same_text,
)

__all__ = [
    "Blocker",
    "Check",
    "CheckState",
    "Comment",
    "GitHubApp",
    "GitHubLogin",
    "GitHubRepository",
    "Issue",
    "LabelEvent",
    "LinkedRepository",
    "MergeState",
    "Milestone",
    "Person",
    "PullRequest",
    "PullRequestReview",
    "ReviewComment",
    "StatusState",
    "is_at_github",
    "same_text",
    "there_are",
    "token_of_environment",
]
