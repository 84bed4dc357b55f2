"""A commit checked out in a folder of its own, away from the user's checkout, and gone again afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from miyabi.errors import GitFailed
from miyabi.git.clone import Clone
from miyabi.git.command import Git
from miyabi.git.filters import uses_lfs
from miyabi.git.large_objects import Storage, with_lfs
from miyabi.git.repository import Repository
from miyabi.git.submodules import submodules_of
from miyabi.system import locked_folder

_STALE_SECONDS = 60.0  # a younger folder may be made, and not yet held


@asynccontextmanager
async def temporary_checkout(repository: Repository, commit: str, clone: Clone) -> AsyncIterator[Path]:
    """Yields a folder with the commit's files: a repository as a session has it, which reads the user's objects.

    Its submodules are filled as far as the user's clone has their commits.

    What an orchestrator that was killed has left of such folders is removed on the way.

    Raises:
        GitFailed: the files cannot be written, as GitDiskFull where the disk is full; or a link leads out of the
            folder.
        OSError: what we write for git there cannot be written.
    """
    prefix = f"miyabi-verify-{repository.key}-"
    await asyncio.to_thread(_remove_stale, prefix)
    try:
        top = Path(tempfile.mkdtemp(prefix=prefix))
    except OSError as error:
        raise GitFailed(f"{tempfile.gettempdir()}: no folder can be made to verify in: {error.strerror}") from error
    try:
        with locked_folder(top):  # or another orchestrator would take it for left over
            folder = await _clone(repository, commit, clone, top / _name(repository))
            for each in (await submodules_of(repository, commit)).filled:
                inside = _require_plain(folder, each.path)
                git_folder = folder / ".git" / each.git_folder
                await _clone(each.repository, each.commit, each.clone, inside, git_folder=git_folder)
            yield folder
    finally:
        await asyncio.shield(asyncio.to_thread(_remove, top))


async def _clone(
    repository: Repository, commit: str, clone: Clone, folder: Path, *, git_folder: Path | None = None
) -> Path:
    """As `git clone --shared`, but nothing in it says where the user's repository is pushed to."""
    words = ["init", "-q", "--template=", "-b", "main", f"--object-format={repository.object_format}"]
    if git_folder is not None:
        git_folder.parent.mkdir(parents=True, exist_ok=True)
        words.append(f"--separate-git-dir={git_folder}")
    await Git(folder.parent).ask(*words, str(folder))
    own = git_folder or folder / ".git"
    info = own / "objects" / "info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "alternates").write_bytes(os.fsencode(repository.common / "objects") + b"\n")
    if await uses_lfs(repository.git, commit):
        clone = with_lfs(clone, storage=str((await Storage.of(repository)).folder))
    clone.put_into(own)
    await Git(folder).ask("checkout", "-q", "-f", "--detach", commit)  # without -f, files that it lacks are no error
    return folder


def _require_plain(top: Path, path: str) -> Path:
    """The folder of that path, where no link leads elsewhere: a name may mean two things to a file system."""
    folder = top / path
    if folder.resolve() != top.resolve() / path:
        raise GitFailed(f"the submodule {path} cannot be filled: a link leads from there to {folder.resolve()}")
    return folder


def _name(repository: Repository) -> str:
    """The folder's name as people have it, since build tools take names from it."""
    return repository.root.name.removesuffix(".git") or "repository"


def _remove_stale(prefix: str) -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        with contextlib.suppress(OSError):
            found = folder.lstat()
            if found.st_uid == os.geteuid() and time.time() - found.st_mtime > _STALE_SECONDS:
                with locked_folder(folder):
                    _remove(folder)


def _remove(folder: Path) -> None:
    """Also what a build has made read-only."""
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        for parent, folders, _ in os.walk(folder):
            for inner in (Path(parent) / name for name in folders):
                if not inner.is_symlink():
                    inner.chmod(0o700)
        shutil.rmtree(folder, ignore_errors=True)
