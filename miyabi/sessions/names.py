"""Every name that a session gives: its branches, its files and folders on a machine and here."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict

_RESOLVING, _REVIEWING = "_resolve-", "_review-"
_DIGITS = 8
_NAMESPACE = uuid.UUID("6f4d1f6e-5f0b-5d2b-9b1c-0c6a52f1a7d3")


def integration_branch(run: str) -> str:
    """Names the branch that a run's successful tasks are merged into.

    No task's id begins with `_`, so none has its name.
    """
    return f"miyabi/{run}/_integration"


def published_branch(run: str) -> str:
    """Names that branch at GitHub.

    Here it cannot have that name: git keeps no branch beside a folder of its name.
    """
    return f"miyabi/{run}"


def tended_branch(published: str, *, run: str) -> str:
    """Names the branch here that holds what tending put on top of a branch that the run has at GitHub."""
    task = published.removeprefix(published_branch(run)).lstrip("/")
    return f"miyabi/{run}/_tended{f'-{task}' if task else ''}"


def resolving(task: str, *, start: str) -> str:
    """Names what stands in place of a task's id for the session that resolves a conflict of its merge, or mends that.

    `start` is the commit that it begins with; the first eight digits count.
    """
    return f"{_RESOLVING}{task}-{start[:_DIGITS]}"


def resolved_by(task: str) -> str:
    """Returns the id of the task that such a name, as a task's id, is made of."""
    return task.removeprefix(_RESOLVING).rpartition("-")[0]


def is_resolving(task: str) -> bool:
    """Returns whether a task's id is such a name."""
    return task.startswith(_RESOLVING)


def reviewing(task: str, *, head: str) -> str:
    """Names what stands in place of a task's id for the session that reviews its work.

    `head` is the commit that holds the work; the first eight digits count.
    """
    return f"{_REVIEWING}{task}-{head[:_DIGITS]}"


def is_reviewing(task: str) -> bool:
    """Returns whether a task's id is such a name."""
    return task.startswith(_REVIEWING)


def reviewed(session: str) -> str:
    """Returns the id of the task whose work the session of that name, as `reviewing` makes it, reviews."""
    return session.removeprefix(_REVIEWING)[: -_DIGITS - 1]


_LEVELS = 4
"""Folders from an attempt's own up to the run's: RUN/sessions/TASK/attempt-N."""


def own_levels(attempt: Path) -> int:
    """Counts the folders, from an attempt's own up to its run's, that are the run's: no folder above is ours."""
    return _LEVELS if attempt.parents[1].name == "sessions" else 1


class SessionPaths(BaseModel):
    """Every name derived from (run, task, attempt), made in this one place."""

    model_config = ConfigDict(frozen=True)

    run: str
    task: str
    attempt: int = 1

    @classmethod
    def of(cls, session: str) -> Self:
        """Takes a session's name apart.

        Raises:
            ValueError: it is no name of a session, `RUN.TASK.ATTEMPT`.
        """
        run, rest = session.split(".", 1)
        task, attempt = rest.rsplit(".", 1)
        return cls(run=run, task=task, attempt=int(attempt))

    @property
    def session(self) -> str:
        """Name of the session on its machine: unique an attempt, safe as a file name."""
        return f"{self.run}.{self.task}.{self.attempt}"

    @property
    def ahead(self) -> str:
        """Name of what sets up the checkout ahead of the task's first session, beside those of its sessions."""
        return self.model_copy(update={"attempt": 0}).session

    @property
    def is_ahead(self) -> bool:
        """Whether these are the names of that, and not of a session."""
        return self.attempt == 0

    @property
    def branch(self) -> str:
        """The branch that the task's commits are on."""
        return f"miyabi/{self.run}/{self.task}"

    @property
    def checkout(self) -> str:
        """The path of the task's repository below the machine's workspace.

        The folder around it is the task's too, so that a worktree which an agent makes beside its own meets nobody's.
        """
        return f"checkouts/{self.run}/{self.task}/{self.task}"

    @property
    def linked_worktree(self) -> str:
        """Where builds before 0.2 had the task's files, in a linked worktree of one mirror for all."""
        return f"worktrees/{self.run}/{self.task}"

    def conversation(self, *, run_id: str) -> str:
        """Makes the UUID for claude's `--session-id`, new for each conversation that a machine has seen.

        Args:
            run_id: `RunInfo.id`, for a name may be another run's too; empty for a run of an earlier build.
        """
        names = [self.run, self.task, str(self.attempt), *([run_id] if run_id else [])]
        return str(uuid.uuid5(_NAMESPACE, "/".join(names)))

    def folder(self, run_folder: Path) -> Path:
        """Returns where the orchestrator keeps what this attempt wrote."""
        return run_folder / "sessions" / self.task / f"attempt-{self.attempt}"
