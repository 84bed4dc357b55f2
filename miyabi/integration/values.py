"""What came of merging a run's heads into one branch: what is in it, what was left out and why. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from miyabi.runs import Kept


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LeftOutKind(StrEnum):
    """Why a task's work is not on the integration branch."""

    CONFLICT = "conflict"  # its head does not merge with what was merged before; `files` says where
    CHECK = "check"  # with it, the verify commands do not pass
    SIZE = "size"  # its commits hold a file that GitHub takes in no push
    UPSTREAM = "upstream"  # a task that it builds on was left out; `because_of` names the root
    FAILED = "failed"  # the task itself did not succeed, or has no commits to merge


class MergedTask(_Value):
    """A task whose head is on the integration branch."""

    task: str
    commit: str = Field(description="The merge commit on the integration branch, or the head itself")
    head: str = Field("", description="The task's own head that was merged")
    resolved: bool = Field(False, description="True where a session resolved a conflict of this merge, or mended it")


class LeftOut(_Value):
    """A task whose head is not on the integration branch."""

    task: str
    kind: LeftOutKind
    files: tuple[str, ...] = Field((), description="Files in conflict, sorted")
    reason: str = Field("", description="One sentence, for people")
    because_of: str | None = Field(None, description="The task that it had to go with, for kind upstream")


class Integration(_Value, Kept):
    """An integration branch. `head == base` where nothing was merged."""

    file_name = "integration.json"
    if_damaged = "Remove the file: the branches are merged again when the run goes on."

    branch: str = Field(description="Name of the branch, `miyabi/<run>/_integration`")
    base: str = Field(description="Commit that it starts from, a full sha")
    head: str = Field(description="Commit that it ends with, a full sha")
    merged: tuple[MergedTask, ...] = Field((), description="In the order of the merges")
    left_out: tuple[LeftOut, ...] = Field((), description="In the order of the DAG")
    verified: bool | None = Field(None, description="Whether `verify_commands` passed on `head`; None: not run")
    verify_commands: tuple[str, ...] = ()
    verify_log: str = Field("", description="The end of what the verify commands printed, secrets replaced")

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to open a pull request for."""
        return self.head == self.base

    @property
    def tasks(self) -> tuple[str, ...]:
        """The ids of the merged tasks, in the order of the merges."""
        return tuple(merged.task for merged in self.merged)

    @property
    def left_out_by_task(self) -> Mapping[str, LeftOut]:
        """What was left out, by task."""
        return {left_out.task: left_out for left_out in self.left_out}


class NotIntegrated(_Value, Kept):
    """That the last try to integrate the run came to nothing: its branch is as it was before."""

    file_name = "not_integrated.json"
    if_damaged = "Remove the file: the branches are merged again when the run goes on."

    reason: str = Field(description="One sentence that says what was found and what to do")
