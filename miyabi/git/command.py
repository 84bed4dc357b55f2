"""The one place where git runs at the orchestrator: argument lists, a tidy environment, none of the user's hooks."""

from __future__ import annotations

import ast
import os
import re
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from miyabi.errors import GitDiskFull, GitFailed, GitUnusable
from miyabi.system import kill_group, says_full, spawn
from miyabi.text import version_numbers

MINIMUM_VERSION = (2, 38)
"""The first git whose `merge-tree` merges without a worktree."""

_EVENTS = (
    "commit-msg",
    "post-checkout",
    "post-commit",
    "post-index-change",
    "post-merge",
    "post-rewrite",
    "pre-auto-gc",
    "pre-commit",
    "pre-merge-commit",
    "pre-push",
    "prepare-commit-msg",
    "reference-transaction",
)
"""Of the hooks that a command of ours could run: those of the configuration run by no path, but git 2.55 and later can
be told not to run any for an event. Git 2.54 knows only the name of each."""

_HOOKS_HAVE_ONLY_NAMES = (2, 54)
_versions: dict[str | None, tuple[int, ...]] = {}
_NAMED = re.compile(r"hook\.(.*)\.event", re.DOTALL)

_OURS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.quotePath=false",
    "commit.gpgSign=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "i18n.commitEncoding=UTF-8",
    "i18n.logOutputEncoding=UTF-8",
    "log.showSignature=false",
    # git's own defaults from here to diff.renames: the same heads merge alike, whatever the user has set
    "merge.conflictStyle=merge",
    "merge.renames=true",
    "merge.renameLimit=7000",
    "merge.directoryRenames=conflict",
    "diff.algorithm=histogram",
    "diff.renames=true",
    "checkout.workers=0",  # as many as there are cores
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "trailer.separators=:",
    *(f"hook.{event}.enabled=false" for event in _EVENTS),
)
_SETTINGS = tuple(word for setting in _OURS for word in ("-c", setting))
# What points git at another repository, at another author or at a trace file stays out; the user's settings stay in.
_KEPT = re.compile(r"GIT_(CONFIG|EXEC_PATH$|CEILING_DIRECTORIES$|DISCOVERY_ACROSS_FILESYSTEM$)")
_TIDY = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",  # what a partial clone lacks is fetched before: see `miyabi.git.remote.partial_clone`
    "GIT_OPTIONAL_LOCKS": "0",  # git(1): what runs in the background locks no index of the user for a refresh
    "GIT_GRAFT_FILE": "/dev/null/grafts",  # is not there and cannot be, so that nothing is said of it
    "GIT_DEFAULT_REF_FORMAT": "files",  # a fresh repository gets its refs as a file: see `Clone.put_into`
    "GIT_TRACE2": "0",
    "GIT_TRACE2_PERF": "0",
    "GIT_TRACE2_EVENT": "0",
    "LC_ALL": "C",
    "LANGUAGE": "C",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GitResult:
    """A git command that ended, however it ended."""

    exit_status: int
    stdout: bytes
    stderr: str

    @property
    def text(self) -> str:
        """Its stdout as one text, without the last line break."""
        return self.stdout.decode("utf-8", "surrogateescape").removesuffix("\n")

    @property
    def lines(self) -> list[str]:
        """Its stdout line by line."""
        return self.text.split("\n") if self.text else []


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """Makes the environment that our git commands get from the one we have."""
    kept = {name: value for name, value in given.items() if not name.startswith("GIT_") or _KEPT.match(name)}
    return kept | _TIDY


class Git:
    """Git in one folder.

    Args:
        folder: where it runs.
        extra: environment variables that each command gets.
    """

    def __init__(self, folder: Path, extra: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self._extra = dict(extra or {})

    def given(self, extra: Mapping[str, str]) -> Git:
        """Returns git for the same folder with further environment variables."""
        return Git(self.folder, {**self._extra, **extra})

    async def run(
        self,
        *words: str,
        stdin: bytes | BinaryIO = b"",
        stdout: BinaryIO | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> GitResult:
        """Runs a command to its end, whatever its exit status. Files are read and written from where they stand.

        Raises:
            GitUnusable: there is no git here.
            OSError: git cannot be started for another reason, as too many processes.
        """
        given = {**environment(os.environ), **self._extra, **(extra or {})}
        if (await _version(given))[:2] == _HOOKS_HAVE_ONLY_NAMES:
            given |= settings(given, await self._no_hooks(given))
        return await self._end(words, given, stdin=stdin, stdout=stdout)

    async def ask(
        self, *words: str, stdin: bytes | BinaryIO = b"", stdout: BinaryIO | None = None, **extra: str
    ) -> GitResult:
        """Runs a command that must work; further keywords are environment variables.

        Raises:
            GitFailed: it did not; the message holds the command and what git said. GitDiskFull where the disk is full.
            GitUnusable: there is no git here.
        """
        answer = await self.run(*words, stdin=stdin, stdout=stdout, extra=extra)
        if answer.exit_status:
            raise self.failure(answer, *words)
        return answer

    def failure(self, answer: GitResult, *words: str) -> GitFailed:
        """Makes the error for a result that should not be: GitDiskFull where git says so, else GitFailed."""
        why = answer.stderr or f"exit status {answer.exit_status}"
        kind = GitDiskFull if says_full(why) else GitFailed
        return kind(f"git {' '.join(words[:4])} failed in {self.folder}: {why}")

    async def _no_hooks(self, given: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        """A setting for each hook that the configuration has."""
        words = ("config", "-z", "--name-only", "--get-regexp", r"^hook\..*\.event$")
        keys = (await self._end(words, given)).text.split("\0")
        return tuple((f"hook.{found[1]}.enabled", "false") for key in keys if (found := _NAMED.fullmatch(key)))

    async def _end(
        self,
        words: tuple[str, ...],
        given: Mapping[str, str],
        *,
        stdin: bytes | BinaryIO = b"",
        stdout: BinaryIO | None = None,
    ) -> GitResult:
        process = await self._spawn(words, given, stdin=stdin, stdout=stdout)
        try:
            out, err = await process.communicate(stdin if isinstance(stdin, bytes) else None)
        finally:
            await kill_group(process)
        assert process.returncode is not None  # noqa: S101 - it has ended
        return GitResult(
            exit_status=process.returncode, stdout=out or b"", stderr=err.decode("utf-8", "replace").strip()
        )

    async def _spawn(
        self, words: tuple[str, ...], given: Mapping[str, str], *, stdin: bytes | BinaryIO, stdout: BinaryIO | None
    ) -> Process:
        try:
            return await spawn(
                ("git", "-C", str(self.folder), *_SETTINGS, *words),
                stdin=PIPE if isinstance(stdin, bytes) else stdin,
                stdout=stdout or PIPE,
                stderr=PIPE,
                env=given,
            )
        except FileNotFoundError:
            raise GitUnusable from None


def settings(given: Mapping[str, str], pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Makes the environment that gives git these settings, after those that the user gives in the same way.

    The variables are `GIT_CONFIG_COUNT`, `GIT_CONFIG_KEY_<n>` and `GIT_CONFIG_VALUE_<n>` of git-config(1).
    """
    counted = given.get("GIT_CONFIG_COUNT", "")
    first = int(counted) if counted.isdecimal() else 0
    entries = {"GIT_CONFIG_COUNT": str(first + len(pairs))}
    for number, (key, value) in enumerate(pairs, first):
        entries |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return entries


async def _version(given: Mapping[str, str]) -> tuple[int, ...]:
    """The numbers of the git that is found there; asked for once."""
    path = given.get("PATH")
    if path not in _versions:
        _versions[path] = version_numbers((await Git(Path("/"))._end(("version",), given)).text)  # noqa: SLF001 - not `run`, which asks us
    return _versions[path]


async def require_git() -> None:
    """Checks that git is there and new enough.

    Raises:
        GitUnusable: it is not; the message says what was found.
    """
    answer = await Git(Path("/")).run("version")
    if version_numbers(answer.text) < MINIMUM_VERSION:
        found = answer.text or answer.stderr or "nothing"
        raise GitUnusable(
            f"git is too old or does not work here: it says {found!r}. Install git {_dotted(MINIMUM_VERSION)} or newer."
        )


async def installed_version() -> tuple[int, ...]:
    """Returns the numbers of the git that is here, `()` where it says none; asked for once.

    Raises:
        GitUnusable: there is no git here.
    """
    return await _version(environment(os.environ))


def printable_path(name: str) -> str:
    """Makes a file name of git's fit for a report: bytes that are no UTF-8 become U+FFFD."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def unquoted(name: str) -> str:
    """Undoes the C quoting of a file name (`core.quotePath` of git-config(1)); any other name stays."""
    if len(name) < 2 or not (name.startswith('"') and name.endswith('"')):  # noqa: PLR2004 - two quotation marks
        return name
    content: bytes = ast.literal_eval(f"b{name}")
    return content.decode("utf-8", "surrogateescape")


def _dotted(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))
