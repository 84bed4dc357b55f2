"""What an earlier run left of a task that is tried again. Values only."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from miyabi.sessions.result import Outcome


class EarlierWork(BaseModel):
    """How an earlier run's try of a task ended, and where the commits are, which may be a later one's.

    Without `head` they are not to be found.
    """

    model_config = ConfigDict(frozen=True)

    run: str
    outcome: Outcome
    branch: str = Field("", description="The branch that keeps the commits; empty where there are none")
    head: str = Field("", description="The commit that the branch is at")
    base: str = Field("", description="The commit that the work on it is counted from")
    not_from: str = Field("", description="Why no checkout starts from the branch, as the end of a sentence")
    left_out: str = Field("", description="Why its work was not taken, where the session itself succeeded")
    error_text: str = ""
    check_output: str = Field("", description="The last lines of a check, or a set-up, that did not pass: foreign text")
    last_words: str = Field("", description="What the session said at its end: foreign text")


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenUp:
    """What a task has of its earlier work.

    Args:
        work: how it ended, and where it is.
        commit: where the checkout starts, which holds it; empty where the checkout starts without it.
        is_beside: whether the session finds the branch as `origin/BRANCH`.
        why: why the checkout starts without it, as the end of a sentence.
    """

    work: EarlierWork
    commit: str = ""
    is_beside: bool = False
    why: str = ""

    @property
    def warning(self) -> str:
        """What the reader of the report should know: that the commits are not in the checkout, and why; or nothing."""
        if self.commit or not self.work.branch:
            return ""
        return f"it starts without the commits of branch {self.work.branch}: {self.why}"
