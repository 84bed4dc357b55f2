"""What the user's repository hides from git, or git from us, is said in place of being taken for absent."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from miyabi.errors import NotARepository, SettingsError
from miyabi.git import Repository
from miyabi.runs import open_repository, settings_at
from miyabi.settings import Settings
from miyabi.system import clean_environment
from tests.support.git import repositories
from tests.support.git.repositories import commit, git

project = repositories.project
quiet_home = repositories.quiet_home

MIYABI = Path(sys.executable).parent / "miyabi"
BARE = r"this is a checkout, but .*config says core\.bare = true.*git -C .* config core\.bare false"


@pytest.mark.parametrize("below", ["", "src"])
async def test_a_checkout_that_says_it_is_bare_is_named(project: Path, below: str) -> None:
    """Where `core.bare` is true in a checkout, files and configuration would be looked for in the wrong place."""
    git(project, "config", "core.bare", "true")
    with pytest.raises(NotARepository, match=BARE):
        await Repository.open(project / below)


async def test_a_checkout_with_its_repository_elsewhere_is_named_too(project: Path, tmp_path: Path) -> None:
    """The same where `.git` is a file that leads to the repository."""
    git(project, "init", "-q", "--separate-git-dir", str(tmp_path / "elsewhere"))
    git(project, "config", "core.bare", "true")
    with pytest.raises(NotARepository, match=BARE):
        await Repository.open(project)


async def test_a_bare_repository_beside_its_worktrees_is_one(project: Path, tmp_path: Path) -> None:
    """A bare clone named `.git`, with linked worktrees around it, is used as it is, from each of them too."""
    git(tmp_path, "clone", "-q", "--bare", str(project), "all/.git")
    git(tmp_path / "all", "worktree", "add", "-q", "side")
    assert (await Repository.open(tmp_path / "all")).root == tmp_path / "all" / ".git"
    assert (await Repository.open(tmp_path / "all" / "side")).root == tmp_path / "all" / "side"


async def test_a_bare_repository_that_is_deployed_from_is_one(project: Path, tmp_path: Path) -> None:
    """One that writes its files elsewhere has an index without being a checkout."""
    git(tmp_path, "clone", "-q", "--bare", str(project), "bare.git")
    (tmp_path / "www").mkdir()
    git(tmp_path / "bare.git", "--work-tree", str(tmp_path / "www"), "checkout", "-q", "-f")
    assert (await Repository.open(tmp_path / "bare.git")).root == tmp_path / "bare.git"


@pytest.fixture
def sparse(project: Path) -> Path:
    """A sparse checkout without the configuration that the repository has."""
    commit(project, {".miyabi/config.toml": "[sessions]\ntimeout_minutes = 7\n"})
    git(project, "sparse-checkout", "set", "src")
    assert not (project / ".miyabi").exists()
    return project


async def test_a_configuration_that_is_not_checked_out_is_named(sparse: Path, tmp_path: Path) -> None:
    """A run never goes on without settings that the repository has; another file may be named."""
    with pytest.raises(SettingsError, match=r"config\.toml is in the repository, .*git sparse-checkout add \.miyabi\)"):
        await open_repository(sparse)
    (tmp_path / "other.toml").write_text("[sessions]\ntimeout_minutes = 8\n")
    (_, other) = await open_repository(sparse, config=tmp_path / "other.toml")
    git(sparse, "sparse-checkout", "add", ".miyabi")
    (_, own) = await open_repository(sparse)
    assert [each.sessions.timeout_minutes for each in (other, own)] == [8, 7]


async def test_patterns_and_linked_worktrees_are_sparse_too(sparse: Path, tmp_path: Path) -> None:
    """However the checkout came to be sparse: by patterns, or as another worktree with patterns of its own."""
    git(sparse, "sparse-checkout", "set", "--no-cone", "/src/", "!/.miyabi/")
    git(sparse, "worktree", "add", "-q", str(tmp_path / "linked"), "-b", "side")
    git(tmp_path / "linked", "sparse-checkout", "set", "src")
    for folder in (sparse, tmp_path / "linked"):
        with pytest.raises(SettingsError, match="sparse checkout leaves it out"):
            await open_repository(folder)


async def test_no_configuration_at_all_is_none(project: Path, tmp_path: Path) -> None:
    """Without such a file in the repository, or without a repository, there is nothing to say."""
    git(project, "sparse-checkout", "set", "src")
    found = [(await open_repository(project))[1], (await settings_at(tmp_path))[1]]
    assert [each.model_dump() for each in found] == [Settings().model_dump()] * 2


COMMANDS = (
    ("check",),
    ("sessions",),
    ("schedule", "tasks.json"),
    ("sweep", "r1"),
    ("orchestrate", "tasks.json", "--rehearse"),
    ("orchestrate", "--milestone", "1"),
)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_says_it_before_it_does_anything(
    sparse: Path, tmp_path: Path, quiet_home: Path, words: tuple[str, ...]
) -> None:
    """One line, whatever was asked for, and no server is started."""
    (sparse / "tasks.json").write_text('{"nodes": [{"id": "a", "title": "A"}]}')
    environment = clean_environment(os.environ) | {"MIYABI_HOME": str(tmp_path / "miyabi")}
    done = subprocess.run([MIYABI, *words], cwd=sparse, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "config.toml is in the repository, but this sparse checkout leaves it out" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "miyabi").exists()
