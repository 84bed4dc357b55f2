"""The text of a run's pull requests, and their publication: pushed once, opened once, brought up to date.

Decides what is published; GitHub itself is `miyabi.github.repository`, the push `miyabi.git.remote.push`.
"""

from miyabi.pull_requests.kept import Tended, require_readable
from miyabi.pull_requests.publish import (
    Publication,
    PublicationPlan,
    TaskStatus,
    base_branch,
    decided_pull_requests,
    nothing_to_publish,
    open_pull_requests,
    plan_publication,
    session_statuses,
    set_statuses,
    statuses_of,
)
from miyabi.pull_requests.sections import elsewhere_words
from miyabi.pull_requests.text import PullRequestText

__all__ = [
    "Publication",
    "PublicationPlan",
    "PullRequestText",
    "TaskStatus",
    "Tended",
    "base_branch",
    "decided_pull_requests",
    "elsewhere_words",
    "nothing_to_publish",
    "open_pull_requests",
    "plan_publication",
    "require_readable",
    "session_statuses",
    "set_statuses",
    "statuses_of",
]
