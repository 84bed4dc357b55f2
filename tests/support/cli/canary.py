"""A token that must be seen nowhere: watched for in the processes of this computer, looked for in files.

with Canary(token) as canary:
    ...  # the command runs
assert canary.in_commands == set()
assert canary.in_sessions == set()
assert canary.files(folder) == []
"""

from __future__ import annotations

import contextlib
from base64 import b64encode
from collections import Counter
from pathlib import Path

from tests.support.cli.background import Watching
from tests.support.git.repositories import git

_EVERY_SECONDS = 0.02
_FAR = (b"MIYABI_SESSION=", b"SSH_CONNECTION=")
_LOOKS = 10  # what a process is started with does not change


class Canary(Watching):
    """Looks every 20 ms which command lines and environments hold the token, or its form for git.

    `in_commands` are the names of programs that were called with it, `holders` those that have it in their
    environment, `in_sessions` those among them that belong to a session or came over SSH.
    """

    def __init__(self, token: str) -> None:
        super().__init__(every_seconds=_EVERY_SECONDS)
        self._forms = [form.encode() for form in (token, b64encode(f"x-access-token:{token}".encode()).decode())]
        self.in_commands: set[str] = set()
        self.holders: set[str] = set()
        self.in_sessions: set[str] = set()
        self._looks: Counter[str] = Counter()

    def is_in(self, content: bytes) -> bool:
        """Whether the token is there, as it is or in the form for git."""
        return any(form in content for form in self._forms)

    def files(self, *folders: Path) -> list[Path]:
        """The files below that hold it."""
        found = (path for folder in folders for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
        return [path for path in found if self.is_in(path.read_bytes())]

    def commits(self, repository: Path) -> bool:
        """Whether it is in any commit of a repository, which is compressed in its files."""
        return self.is_in(git(repository, "log", "--all", "--patch", "--format=fuller").encode())

    def look(self) -> None:
        """At every process that is new."""
        for process in Path("/proc").iterdir():
            if process.name.isdigit() and self._looks[process.name] < _LOOKS:
                self._looks[process.name] += 1
                self._look(process)

    def _look(self, process: Path) -> None:
        with contextlib.suppress(OSError):
            words, environment = (process / "cmdline").read_bytes(), (process / "environ").read_bytes()
            name = {(process / "comm").read_text().strip()}
            self.in_commands |= name if self.is_in(words) else set()
            if self.is_in(environment):
                self.holders |= name
                self.in_sessions |= name if any(mark in environment for mark in _FAR) else set()
