"""Repositories with submodules, as a user's clone has them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from miyabi.attempts.submodule_work import CollectedWork, collect, outcomes
from miyabi.git import submodules_of
from miyabi.sessions import Collected, InSubmodule, SessionPaths
from tests.support.git.repositories import Bench, commit, git, make_repository

ALLOWED = ("-c", "protocol.file.allow=always")


def make_library(folder: Path, *, content: str = "lib\n") -> Path:
    """A repository that others have as a submodule, with one file, `lib.txt`."""
    return make_repository(folder, files={"lib.txt": content})


def add_submodule(project: Path, library: Path, path: str, *, name: str | None = None) -> str:
    """Makes it a submodule of the project, which has it initialised; the project's new commit."""
    named = ("--name", name) if name else ()
    git(project, *ALLOWED, "submodule", "--quiet", "add", *named, str(library), path)
    return commit(project, {}, message=f"use {path}")


def bump(folder: Path, path: str, *, content: str = "changed\n") -> str:
    """A commit in the submodule at that path, and one that names it; the submodule's."""
    made = commit(folder / path, {"lib.txt": content}, message=f"change {path}")
    commit(folder, {}, message=f"bump {path}")
    return made


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task on a machine, with the submodules that its base names."""

    bench: Bench
    paths: SessionPaths
    base: str
    found_inside: list[CollectedWork]
    heads: list[str]

    @classmethod
    async def prepare(
        cls, bench: Bench, task: str = "t1", *, base: str = "main", run: str = "r1", attempt: int = 1
    ) -> Task:
        """One whose checkout is there."""
        paths = SessionPaths(run=run, task=task, attempt=attempt)
        start = await bench.repository.resolve(base)
        filled = (await submodules_of(bench.repository, start)).filled
        await bench.workspace.prepare(paths, base=start, clone=await bench.clone(), submodules=filled)
        return cls(bench=bench, paths=paths, base=start, found_inside=[], heads=[])

    @property
    def folder(self) -> Path:
        """Its checkout."""
        return self.bench.checkout(self.paths)

    def git(self, *words: str) -> str:
        """What git prints in the checkout."""
        return git(self.folder, *words)

    def play(self, script: str) -> str:
        """Does in the checkout what an agent does, see `Bench.play`; what that prints."""
        self.bench.play(self.paths, f"({script}) >../said")
        return (self.folder.parent / "said").read_text()

    async def collect_all(self) -> Collected:
        """Its commits, and those in its submodules."""
        workspace = self.bench.workspace
        collected = await workspace.collect(self.paths, base=self.base)
        found_inside, left = await collect(
            collected.inside,
            known=await submodules_of(self.bench.repository, self.base),
            collect=lambda inside, base: workspace.of(inside).collect(self.paths, base=base),
        )
        assert left == ()
        self.found_inside[:], self.heads[:] = found_inside, [collected.head]
        return collected

    async def outcomes_of(self) -> tuple[InSubmodule, ...]:
        """What is said of the work in its submodules."""
        repository = self.bench.repository
        return await outcomes(
            self.found_inside,
            repository=repository,
            branch=self.paths.branch,
            before=await submodules_of(repository, self.base),
            after=await submodules_of(repository, self.heads[0]),
        )


@pytest.fixture
def library(tmp_path: Path, project: Path) -> Path:
    """A submodule of the project, at `lib`; the test imports `project` and `quiet_home` too."""
    made = make_library(tmp_path / "libraries" / "lib")
    add_submodule(project, made, "lib")
    return made
