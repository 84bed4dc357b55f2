"""Runs whose sessions are over: a real repository with the branches that were collected, and their results."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from miyabi.dag import Dag
from miyabi.git import Changes, Repository
from miyabi.integration import Integration, integrate
from miyabi.runs import RunFolder, create_run
from miyabi.sessions import Outcome, SessionPaths, SessionResult
from miyabi.settings import Settings
from tests.support.git.repositories import git
from tests.support.values.results import RUN, STARTED, result, small_dag

NEVER_STARTED = {Outcome.SKIPPED, Outcome.MERGE_CONFLICT}


def commit_on(folder: Path, branch: str, files: Mapping[str, str | None], *, parent: str, message: str) -> str:
    """A commit with these files (None: deleted) as the head of a branch, without a checkout; its id."""
    lines = [f"commit refs/heads/{branch}", "committer Agent <agent@example.com> 1800000000 +0000"]
    lines += [f"data {len(message.encode())}", message, f"from {parent}"]
    for name, content in files.items():
        lines += [f"D {name}"] if content is None else [f"M 100644 inline {name}", f"data {len(content.encode())}"]
        lines += [] if content is None else [content]
    git(folder, "fast-import", "--quiet", "--force", stdin="\n".join([*lines, ""]))
    return git(folder, "rev-parse", branch)


class PlayedRun:
    """A run on the branch `main` of a repository."""

    def __init__(self, repository: Repository, *, run: str = RUN) -> None:
        self.repository = repository
        self.run = run
        self.base = git(repository.root, "rev-parse", "main")
        self.edges: dict[str, Sequence[str]] = {}
        self.results: dict[str, SessionResult] = {}

    @property
    def root(self) -> Path:
        """The user's checkout."""
        return self.repository.root

    @property
    def dag(self) -> Dag:
        """The tasks so far."""
        return small_dag(self.edges)

    async def task(
        self,
        task: str,
        files: Mapping[str, str | None] | None = None,
        *,
        after: Sequence[str] = (),
        outcome: Outcome = Outcome.SUCCEEDED,
        **fields: Any,
    ) -> str:
        """A session that changed these files, on top of the tasks that it builds on; its head."""
        self.edges[task] = after
        heads = [head for other in after if (head := self.results[other].head)]
        base = await self.repository.merge(heads, base=self.base, message=f"Merge the upstreams of {task}")
        branch = SessionPaths(run=self.run, task=task).branch
        head = commit_on(self.root, branch, files, parent=base, message=f"work of {task}") if files else base
        changes = Changes(commits=bool(files), files=tuple(sorted(files or ())))
        known = {"head": head, "base": base, "branch": branch, "run": self.run, "changes": changes}
        played = result(task, outcome, **({} if outcome in NEVER_STARTED else known), **fields)
        self.results[task] = played
        return head

    async def integrate(self, **options: Any) -> Integration:
        """What comes of integrating it."""
        options = {"dag": self.dag, "results": self.results, "run": self.run, "base": self.base} | options
        return await integrate(self.repository, **options)

    def keep(self, *, seconds: float = 600) -> RunFolder:
        """The folder of the run, as the orchestrator leaves it when all sessions are over after so many seconds."""
        folder = RunFolder(self.root, self.run).create()
        settings = Settings.load(self.root)
        create_run(folder, dag=self.dag, settings=settings, base=self.base, base_branch="main", rehearse=False)
        times = {"started": STARTED, "ended": STARTED + timedelta(seconds=seconds)}
        folder.write_info(folder.info().model_copy(update=times))
        for played in self.results.values():
            folder.write_result(played)
        return folder

    def show(self, revision: str) -> str:
        """A file of a commit, as `commit:path`."""
        return git(self.root, "show", revision)

    def log(self, *words: str) -> list[str]:
        """Lines of git log."""
        return git(self.root, "log", *words).splitlines()


@pytest.fixture
async def played(project: Path) -> PlayedRun:
    """A run without tasks yet, on a repository with README.md and src/a.txt (three lines: 1, 2, 3)."""
    return PlayedRun(await Repository.open(project))


@pytest.fixture
def temporary_checkouts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where checkouts to verify in are made: empty again afterwards."""
    folder = tmp_path / "checkouts"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []
