"""A repository with branches of a run, and a stand-in for GitHub that they are pushed to: `pushing_repository`."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr

from miyabi.git import Remote, Repository, push
from miyabi.git.remote.client import Patience
from miyabi.github.access import remote_token
from tests.support.git.repositories import commit, git
from tests.support.github.git_side import TOKEN, GitHubGit

NAME = "acme/api"
BRANCH = "miyabi/r1/t1"
QUICK = Patience(retry_seconds=0.02, timeout_seconds=20)


@dataclass(frozen=True, kw_only=True)
class PushingRepository:
    """Where pushes are tried."""

    project: Path
    hub: GitHubGit
    bare: Path

    @property
    def base(self) -> str:
        """Where main is."""
        return git(self.project, "rev-parse", "main")

    def work(self, text: str = "1", *, branch: str = BRANCH, start: str = "main") -> str:
        """A task's branch gets to a new commit on that start, as if it was collected from a machine; the commit."""
        blob = git(self.project, "hash-object", "-w", "--stdin", stdin=text)
        tree = git(self.project, "mktree", stdin=f"100644 blob {blob}\tf.txt\n")
        made = git(self.project, "commit-tree", tree, "-p", start, "-m", f"work {text}")
        git(self.project, "update-ref", "--create-reflog", "-m", "miyabi: collected", f"refs/heads/{branch}", made)
        return made

    def somebody_pushes(self, branch: str = BRANCH, *, text: str = "theirs") -> str:
        """Another person clones, commits on the branch and pushes; their commit."""
        clone = self.project.parent / f"clone-{text}"
        git(clone.parent, "clone", "-q", str(self.bare), clone.name)
        git(clone, "switch", "-q", branch)
        made = commit(clone, {"theirs.txt": text}, message=f"Fix {text}")
        git(clone, "push", "-q", "origin", branch)
        return made

    def there(self, branch: str = BRANCH) -> str:
        """Where the branch is at the remote; nothing where it is not."""
        return git(self.bare, "rev-parse", "--verify", "-q", f"refs/heads/{branch}", check=False)

    @contextmanager
    def held(self) -> Iterator[threading.Event]:
        """GitHub does not answer the next push before the end of the `with`; the event is that the push arrived."""
        arrived, gate = threading.Event(), threading.Event()

        def hold() -> None:
            arrived.set()
            gate.wait(20)

        self.hub.before(hold)
        try:
            yield arrived
        finally:
            gate.set()

    async def target(self, token: str | None = TOKEN, *, remote: str = "origin") -> Remote:
        """The remote, with a token for it."""
        repository = await Repository.open(self.project)
        given = None if token is None else remote_token(SecretStr(token), base_url=self.hub.url)
        return await Remote.resolve(repository, remote=remote, token=given)

    async def push(
        self,
        branches: dict[str, str],
        *,
        target: Remote | None = None,
        folder: Path | None = None,
        patience: Patience = QUICK,
    ) -> tuple[str, ...]:
        """What is under test."""
        repository = await Repository.open(folder or self.project)
        return await push(repository, branches, remote=target or await self.target(), patience=patience)


def commands() -> list[str]:
    """The command lines of all processes, as anybody on this machine may read them."""
    lines = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            lines.append(file.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return lines


@pytest.fixture
def pushing_repository(tmp_path: Path, project: Path) -> Iterator[PushingRepository]:
    """A repository, and GitHub with an empty one of the same; the test imports `project` and `quiet_home` too."""
    with GitHubGit(tmp_path / "hub") as hub:
        bare = hub.create(NAME)
        git(project, "remote", "add", "origin", hub.clone_url(NAME))
        git(project, "push", "-q", str(bare), "main")
        yield PushingRepository(project=project, hub=hub, bare=bare)
