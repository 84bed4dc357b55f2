"""Whether a commit passes the run's verify commands, in a checkout of its own; what is known is not tried again."""

from __future__ import annotations

import asyncio
import contextlib
import os
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from miyabi.git import Clone, Repository, checkout
from miyabi.runs import CheckoutSetup
from miyabi.settings import IntegrationSettings
from miyabi.system import guarded_command, private_files, reap, spawn
from miyabi.text import clean, redact

LOG_CHARACTERS = 20_000
_BARE = CheckoutSetup()


class CommandEnd(NamedTuple):
    """How a command ended. `output` is the end of what it printed."""

    exit_status: int
    output: str

    def __repr__(self) -> str:
        return f"CommandEnd(exit_status={self.exit_status}, output of {len(self.output)} characters)"


class RunCommand(Protocol):
    """Runs one shell command; never raises because of how it ends."""

    async def __call__(self, command: str, *, folder: Path, timeout_seconds: float, label: str) -> CommandEnd:
        """Runs the command to its end in that folder. `label` says what is tried, such as `the base`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyResult:
    """How the commands ended on a commit. `command` is the one that failed, None where all passed."""

    command: str | None = None
    exit_status: int = 0
    output: str = ""
    log: str = ""

    @property
    def passed(self) -> bool:
        """Whether all of them passed."""
        return self.command is None


async def run_plainly(command: str, *, folder: Path, timeout_seconds: float, label: str) -> CommandEnd:  # noqa: ARG001 - only for those who show it
    """Runs a command guarded, as a child of ours, as `RunCommand` says.

    Raises:
        OSError: it cannot be started.
    """
    words = guarded_command.guarded(command, timeout_seconds=timeout_seconds)
    process = await spawn(words, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, env=os.environ, cwd=str(folder))
    try:
        output, _ = await process.communicate()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()  # not killed: it ends what the command has made
        await reap(process)
    assert process.returncode is not None  # noqa: S101 - it has ended
    return CommandEnd(process.returncode, output.decode("utf-8", "replace"))


class Verifier:
    """Verifies commits. One that passed once passes; one that failed twice fails."""

    def __init__(
        self,
        repository: Repository,
        how: IntegrationSettings,
        *,
        clone: Clone,
        run_command: RunCommand = run_plainly,
        setup: CheckoutSetup = _BARE,
    ) -> None:
        self.how = how
        self._setup = setup
        self._clone = clone
        self._repository = repository
        self._run_command = run_command
        self._results: dict[str, list[VerifyResult]] = {}

    async def passes(self, commit: str, *, label: str) -> bool:
        """Returns whether it passes, by one try where it has not been tried yet.

        Raises:
            GitFailed: the commit cannot be checked out.
        """
        if not self._tries(commit):
            await self._try(commit, label=label)
        return self.passed(commit)

    async def surely_fails(self, commit: str, *, label: str) -> bool:
        """Returns whether it fails twice: a test that fails now and then is nobody's fault.

        Raises:
            GitFailed: the commit cannot be checked out.
        """
        while not self.passed(commit) and len(self._tries(commit)) < 2:  # noqa: PLR2004 - twice
            await self._try(commit, label=f"{label}, again" if self._tries(commit) else label)
        return not self.passed(commit)

    def passed(self, commit: str) -> bool:
        """Returns whether it is known to pass."""
        return any(result.passed for result in self._tries(commit))

    def last(self, commit: str) -> VerifyResult:
        """Returns how its last try ended.

        Raises:
            IndexError: it was never tried.
        """
        return self._tries(commit)[-1]

    def log(self, commit: str) -> str:
        """Returns the end of what all its tries printed, at most 20,000 characters."""
        again = "\n\nIt failed, and was run again:\n\n"
        return tail(again.join(result.log for result in self._tries(commit)), characters=LOG_CHARACTERS)

    def _tries(self, commit: str) -> Sequence[VerifyResult]:
        return self._results.get(commit, ())

    async def _try(self, commit: str, *, label: str) -> None:
        async with checkout.temporary_checkout(self._repository, commit, self._clone) as folder:
            await asyncio.to_thread(_put_into, folder, self._setup)
            result = await self._verify(folder, label=label)
        self._results.setdefault(commit, []).append(result)

    async def _verify(self, folder: Path, *, label: str) -> VerifyResult:
        log: list[str] = []
        for command in self.how.verify:
            seconds = self.how.verify_timeout_seconds
            end = await self._run_command(command, folder=folder, timeout_seconds=seconds, label=label)
            output = tail(redact(clean(end.output)).strip("\n"), characters=guarded_command.TAIL_CHARACTERS)
            log += [f"$ {redact(command)}", output, *([f"[exit status {end.exit_status}]"] if end.exit_status else [])]
            if end.exit_status:
                text = "\n".join(line for line in log if line)
                return VerifyResult(command=command, exit_status=end.exit_status, output=output, log=text)
        return VerifyResult(log="\n".join(line for line in log if line))


def _put_into(folder: Path, setup: CheckoutSetup) -> None:
    """Gives a checkout what it is lent, and its commands what they find besides; through no link of the commit."""
    for path, content in setup.files.items():
        file = folder / path
        if file.parent.resolve().is_relative_to(folder.resolve()):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.unlink(missing_ok=True)
            private_files.write_bytes(file, content)
    cache = setup.cache and setup.cache.expanduser()
    environment = {"MIYABI_CACHE": str(cache)} if cache else {}
    if cache:
        with contextlib.suppress(OSError):  # whoever uses it says so
            cache.mkdir(parents=True, exist_ok=True)
    guarded_command.note(folder, secret_files=setup.files, environment=environment)


def tail(text: str, *, characters: int) -> str:
    """Returns the end of a text; where something is left out, it says so."""
    return text if len(text) <= characters else f"… {text[2 - characters :]}"
