"""The filters that a commit's own `.gitattributes` name: programs that a checkout's files pass through.

gitattributes(5) has `filter`, git-config(1) `filter.<driver>.required`.
"""

from __future__ import annotations

import re

from miyabi.errors import BadInput
from miyabi.git.command import Git

LFS = "lfs"
"""The name that git-lfs gives its own."""

_KEY = "filter="
_SEARCH = ("grep", "--no-color", "--no-line-number", "--no-column", "-h", "-a", "-F", "-e", _KEY)
_FILES = ("--", ":(top,glob)**/.gitattributes")
_REQUIRED = re.compile(r"filter\.(.+)\.required\ntrue")


async def named_by(git: Git, commit: str) -> frozenset[str]:
    """Returns the names of the filters that files of the commit may pass through.

    Raises:
        GitFailed: the commit is not here.
    """
    answer = await git.run(*_SEARCH, commit, *_FILES)
    if answer.exit_status and (answer.exit_status > 1 or answer.stderr):
        raise git.failure(answer, *_SEARCH)
    lines = (line.strip() for line in answer.lines)
    words = (word for line in lines if not line.startswith("#") for word in line.split()[1:])
    return frozenset(word.removeprefix(_KEY) for word in words if word.startswith(_KEY) and word != _KEY)


async def uses_lfs(git: Git, commit: str) -> bool:
    """Returns whether files of the commit may be in Git LFS.

    Raises:
        GitFailed: the commit is not here.
    """
    return LFS in await named_by(git, commit)


async def needed(git: Git, commit: str) -> tuple[str, ...]:
    """Returns the filters that the commit's files are useless without: Git LFS, and those that the user's git requires.

    Raises:
        BadInput: there is no git-lfs here, and the commit needs it.
        GitFailed: the commit is not here.
    """
    names = await named_by(git, commit)
    if LFS in names:
        await require_lfs(git)
    if not names - {LFS}:
        return tuple(names)
    answer = await git.run("config", "-z", "--type=bool", "--get-regexp", r"^filter\..*\.required$")
    required = {found[1] for entry in answer.text.split("\0") if (found := _REQUIRED.fullmatch(entry))}
    return tuple(sorted(names & (required | {LFS})))


async def require_lfs(git: Git) -> None:
    """Checks that git has Git LFS here.

    Raises:
        BadInput: it has not; the message says how to get it.
    """
    if (await git.run("lfs", "version")).exit_status:
        raise BadInput(
            f"{git.folder} keeps files in Git LFS, and there is no git-lfs here. "
            "Install it (brew install git-lfs, or apt install git-lfs), then start again."
        )
