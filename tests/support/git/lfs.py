"""A repository of the user's that keeps files in Git LFS, real git-lfs with its settings in the repository: `large`."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from tests.support.git.repositories import commit, git, make_repository

OLD = os.urandom(5000)


def oid(content: bytes) -> str:
    """The name that LFS gives a content."""
    return hashlib.sha256(content).hexdigest()


def objects(folder: Path) -> dict[str, Path]:
    """The whole LFS objects below a folder, by their name."""
    found = {path.name: path for path in folder.glob("**/lfs/objects/??/??/*")}
    return {name: path for name, path in found.items() if oid(path.read_bytes()) == name}


def without_lfs(folder: Path) -> str:
    """A PATH of a computer on which there is no git-lfs that works."""
    folder.mkdir()
    (folder / "git-lfs").write_text("#!/bin/sh\nexit 127\n")
    (folder / "git-lfs").chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


@pytest.fixture
def large(tmp_path: Path, quiet_home: Path) -> Path:
    """A repository with `old.bin`, whose content is OLD, in Git LFS."""
    folder = make_repository(tmp_path / "project")
    git(folder, "lfs", "install", "--local", "--skip-repo")
    commit(folder, {".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n", "old.bin": OLD}, message="large")
    return folder
