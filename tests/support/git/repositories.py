"""Small real repositories, and a machine's workspace where a session can be played by a few lines of shell."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from miyabi.git import Clone, Repository, clone_of
from miyabi.machines import Host
from miyabi.machines.local import LocalHost
from miyabi.sessions import Collected, SessionPaths, Workspace
from miyabi.system import clean_environment

_NEWER = Path(__file__).parents[3] / ".peers" / "git" / "bin"
GITS = {"git": "", "newer git": str(_NEWER)}
"""The folders of the gits that the tests run with, "" for the machine's own; the newer one is of 2.54 at least."""

WHO = {
    "GIT_AUTHOR_NAME": "Agent",
    "GIT_AUTHOR_EMAIL": "agent@example.com",
    "GIT_COMMITTER_NAME": "Agent",
    "GIT_COMMITTER_EMAIL": "agent@example.com",
}


def git(folder: Path, *words: str, stdin: str = "", check: bool = True) -> str:
    """What git prints there."""
    done = subprocess.run(
        ["git", "-C", str(folder), *words],
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
        env=clean_environment(os.environ) | WHO,
        check=False,
    )
    assert not check or not done.returncode, f"git {words}: {done.stderr}"
    return done.stdout.removesuffix("\n")


def make_repository(
    folder: Path, *, files: Mapping[str, str | bytes] | None = None, options: tuple[str, ...] = ()
) -> Path:
    """A repository with a branch `main` and one commit."""
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main", *options)
    commit(folder, files or {"README.md": "hello\n"}, message="first")
    return folder


def commit(folder: Path, files: Mapping[str, str | bytes], *, message: str = "change") -> str:
    """A commit with these files in the checkout there; its id."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", message)
    return git(folder, "rev-parse", "HEAD")


def snapshot(folder: Path) -> dict[str, str]:
    """All that is the user's in a repository with a checkout: files but runs, index, HEAD, hooks, refs but ours, ..."""
    runs = folder / ".miyabi" / "runs"
    files = {
        str(path.relative_to(folder)): f"{path.stat().st_mode} {path.stat().st_mtime_ns} {_digest(path)}"
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".git" not in path.relative_to(folder).parts and not path.is_relative_to(runs)
    }
    own = ["index", "HEAD", "ORIG_HEAD", "FETCH_HEAD", "MERGE_HEAD", "config", "packed-refs", "info/exclude", "shallow"]
    own += [f"hooks/{hook.name}" for hook in (folder / ".git" / "hooks").glob("*")]
    files |= {f".git/{name}": _digest(folder / ".git" / name) for name in own}
    refs = git(folder, "for-each-ref", "--format=%(refname) %(objectname)").splitlines()
    files["refs"] = "\n".join(ref for ref in refs if not ref.startswith("refs/heads/miyabi/"))
    files["reflog"] = git(folder, "reflog", check=False)
    files["status"] = git(
        folder, "--no-optional-locks", "status", "--porcelain=v2", "--branch", "--untracked-files=all"
    )
    return files


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """The user's repository, and one machine of it."""

    repository: Repository
    host: Host
    workspace: Workspace
    folder: Path

    @property
    def root(self) -> Path:
        """The user's checkout."""
        return self.repository.root

    @property
    def store(self) -> Path:
        """The machine's store of its objects."""
        return self.folder / "repos" / f"{self.repository.key}.git"

    def checkout(self, paths: SessionPaths) -> Path:
        """A task's repository on the machine."""
        return self.folder / paths.checkout

    async def clone(self) -> Clone:
        """What a checkout has besides its branch, where the run starts from `main`."""
        branch = await self.repository.branch_of("HEAD")
        return await clone_of(self.repository, branch=branch, commit=await self.repository.resolve("HEAD"))

    async def prepare(self, task: str = "t1", *, base: str = "main", run: str = "r1", attempt: int = 1) -> SessionPaths:
        """The paths of a task whose checkout is there."""
        paths = SessionPaths(run=run, task=task, attempt=attempt)
        await self.workspace.prepare(paths, base=await self.repository.resolve(base), clone=await self.clone())
        return paths

    async def worked(self, *tasks: str) -> list[str]:
        """The heads of tasks that each committed a file of their own, `TASK.txt`, and were collected."""
        heads = []
        for task in tasks:
            paths = await self.prepare(task)
            self.play(paths, f"echo {task} >{task}.txt; git add .; git commit -qm {task}")
            heads.append((await self.collect(paths)).head)
        return heads

    def play(self, paths: SessionPaths, script: str) -> None:
        """Does in the checkout what an agent does; `save NAME` commits a file of that name and content."""
        environment = clean_environment(os.environ) | WHO
        save = 'save() { echo "$1" >"$1"; git add "$1"; git commit -qm "$1"; }; '
        subprocess.run(["/bin/sh", "-euc", save + script], cwd=self.checkout(paths), env=environment, check=True)

    def after(
        self, paths: SessionPaths, *, check: str | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Ends the session as the machine's supervisor does."""
        text = self.workspace.after_script(paths, checkout=str(self.checkout(paths)), check=check)
        return subprocess.run(
            ["/bin/sh", "-c", text.decode()],
            env=clean_environment(os.environ) | environment,
            capture_output=True,
            text=True,
            check=False,
        )

    async def collect(self, paths: SessionPaths, *, base: str = "main") -> Collected:
        """The task's commits, collected."""
        return await self.workspace.collect(paths, base=await self.repository.resolve(base))

    def show(self, revision: str) -> str:
        """A file of a commit in the user's repository, as `branch:path`."""
        return git(self.root, "show", revision)

    def files(self, revision: str) -> list[str]:
        """Every file of a commit in the user's repository."""
        return git(self.root, "ls-tree", "-r", "-z", "--name-only", revision).rstrip("\0").split("\0")


async def make_bench(root: Path, folder: Path, *, host: Host | None = None, workspace: str = "") -> Bench:
    """A bench with its workspace in a folder, on this machine unless told otherwise; `workspace` is its name there."""
    repository = await Repository.open(root)
    host = host or LocalHost()
    there = Workspace(host, repository, workspace=workspace or str(folder))
    return Bench(repository=repository, host=host, workspace=there, folder=folder)


@pytest.fixture
def quiet_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty HOME, so that git has no settings but the test's."""
    home = tmp_path / "home"
    home.mkdir()
    for name in [n for n in os.environ if n.startswith(("GIT_", "XDG_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    return home


@pytest.fixture(params=GITS)
def any_git(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each of the gits in turn, as the one that is found by its name, here and on the machine; its name."""
    name = str(request.param)
    if folder := GITS[name]:
        assert Path(folder, "git").exists(), f"there is no {folder}/git: run `make peers`"
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return name


@pytest.fixture
def git_of_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A git as 2.54 is, in place of the one that is found: only the name of a hook switches it off, no event does."""
    script = f"""#!/bin/sh
case " $*" in *" version") echo git version 2.54.0; exit;; esac
n=$#
while [ $n -gt 0 ]; do
  word=$1 n=$((n - 1))
  shift
  case $word in hook.*.enabled=false) word=hook.none.enabled=false;; esac
  set -- "$@" "$word"
done
exec {_NEWER}/git "$@"
"""
    folder = tmp_path / "git-of-names"
    folder.mkdir()
    (folder / "git").write_text(script)
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
def project(tmp_path: Path, quiet_home: Path) -> Path:
    """A repository with a branch `main`, one commit and a checkout."""
    return make_repository(tmp_path / "project", files={"README.md": "hello\n", "src/a.txt": "1\n2\n3\n"})


@pytest.fixture
async def bench(tmp_path: Path, project: Path) -> Bench:
    """That repository and a machine."""
    return await make_bench(project, tmp_path / "machine")
