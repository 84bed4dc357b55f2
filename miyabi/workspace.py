"""The code on a machine: its mirror of the repository, and a worktree a task. Commits go and come as bundles."""

from __future__ import annotations

import asyncio
import re
import shlex
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from miyabi import arrival, toolbox
from miyabi.errors import MachineError
from miyabi.exchange import PrerequisiteMissing
from miyabi.host import Completed, Host
from miyabi.quoting import word
from miyabi.repository import Repository
from miyabi.session import SessionPaths
from miyabi.workspace_faults import BASE_MISSING, failure, require_safe, script_is_gone

_SCRIPT = "workspace"
_TIMEOUT_SECONDS = 900.0
_COLLECT_SECONDS = 3600.0
_BYTES_PER_SECOND = 100_000
_REPORT = re.compile(r"^miyabi-collected ([0-9a-f]{40,64}) ([0-9a-f]{40,64}|-)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What came home of a task; `strays` is the branch of what its own branch does not hold, if there is such."""

    head: str
    salvaged: bool
    strays: str | None = None


class Workspace:
    """One repository on one machine."""

    def __init__(self, host: Host, repository: Repository, *, workspace: str) -> None:
        self._host = host
        self._repository = repository
        self._workspace = workspace.rstrip("/") or "/"
        self._known: set[str] | None = None
        self._shipping: dict[str, asyncio.Lock] = {}
        self._runs: set[str] = set()

    async def prepare(self, paths: SessionPaths, *, base: str) -> str:
        """The path of the task's worktree there, on its branch; made at `base`, or kept as it is where it is there.

        Raises:
            MachineDiskFull: no room; nothing half-made stays.
            MachineNotReady: git or perl is missing there, or too old.
            GitFailed: the branch cannot come home later, because another branch's name is in its way.
            MachineError: as `Host.run`, and RemoteFailed where git fails there.
        """
        require_safe((paths.run, paths.task))
        if paths.run not in self._runs:
            await arrival.require_room(self._repository, paths.branch)
            self._runs.add(paths.run)
        if self._known is None or base in self._known:
            self._require(await self._prepare_or_ship(paths, base=base), "prepare the worktree")
        else:
            self._require(await self._ship(paths, base=base), "prepare the worktree")
        self._known = (self._known or set()) | {base}
        return f"{self._workspace}/{paths.worktree}"

    async def collect(self, paths: SessionPaths, *, base: str, aside: bool = False) -> Collected:
        """Brings the task's branch home, with what was left uncommitted; the session must be over. May be repeated.

        With `aside` a branch that is here stays as it is, and the strays get what it does not hold.

        Raises:
            RemoteFailed: there is no such task on the machine, or git fails there.
            MachineDiskFull: what is uncommitted cannot be committed there for want of room; it stays as it is.
            GitFailed: git fails here, or the branch is checked out here.
            MachineError: as `Host.run`.
        """
        require_safe((paths.run, paths.task))
        have = await arrival.heads_of(self._repository, paths.branch)
        try:
            return await self._collect(paths, base=base, have=(base, *have), aside=aside)
        except PrerequisiteMissing:
            return await self._collect(paths, base=base, have=(), aside=aside)

    async def remove(self, paths: SessionPaths) -> None:
        """Removes the task's worktree and its branches from the machine, not from the repository; may be repeated.

        Raises:
            MachineError: as `Host.run`, and RemoteFailed where it cannot be removed.
        """
        require_safe((paths.run, paths.task))
        self._require(await self._run("remove", paths.run, paths.task), "remove the worktree")

    async def remove_run(self, run: str) -> None:
        """The same for every task of the run. Raises as `remove`."""
        require_safe((run,))
        self._known = None
        self._require(await self._run("remove", run), "remove the run's worktrees")

    async def foreign_tasks(self, run: str) -> frozenset[str]:
        """The tasks that another repository with a run of this name has on the machine. Raises as `remove`."""
        require_safe((run,))
        answer = await self._run("foreign", run)
        self._require(answer, "look for other repositories")
        return frozenset(answer.stdout.decode("ascii", "replace").split())

    def after_script(self, paths: SessionPaths, *, check: str | None, prelude: str = "") -> bytes:
        """What the machine runs when the session is over: salvage, then, after the prelude, the check in the worktree.

        It ends with the check's exit status, 0 where there is none or where `MIYABI_STOPPED=1`. Needs an earlier
        `prepare` of the task on the machine.
        """
        require_safe((paths.run, paths.task))
        script = word(toolbox.path(self._workspace, _SCRIPT))
        where = f"{word(self._workspace)} {word(self._repository.key)} {word(paths.run)} {word(paths.task)}"
        lines = [f"/bin/sh {script} salvage {where} {word(paths.session)} </dev/null"]
        if check is not None:
            lines += [
                '[ "${MIYABI_STOPPED:-}" != 1 ] || exit 0',
                f"cd {word(f'{self._workspace}/{paths.worktree}')} || exit",
                prelude,
                f"exec /bin/sh -c {shlex.quote(check)}",
            ]
        return "\n".join([*lines, "exit 0", ""]).encode()

    async def _prepare_or_ship(self, paths: SessionPaths, *, base: str) -> Completed:
        """One round trip where the machine has the base; where it has not, it says what it has."""
        before = self._known
        answer = await self._prepare(paths, base=base)
        if answer.exit_status != BASE_MISSING:
            return answer
        self._known = await self._told(answer) | (set() if before else self._known or set())
        return await self._ship(paths, base=base)

    async def _ship(self, paths: SessionPaths, *, base: str) -> Completed:
        """Once for all the tasks that need the same base; the first bundle for a machine goes alone."""
        async with self._shipping.setdefault(base if self._known else "", asyncio.Lock()):
            answer = await self._prepare_with_bundle(paths, base=base)
            if answer.exit_status == BASE_MISSING:
                self._known = await self._told(answer)
                answer = await self._prepare_with_bundle(paths, base=base)
            if answer.exit_status == BASE_MISSING:
                self._known = set()
                answer = await self._prepare_with_bundle(paths, base=base)
            if not answer.exit_status:
                self._known = (self._known or set()) | {base}
            return answer

    async def _prepare_with_bundle(self, paths: SessionPaths, *, base: str) -> Completed:
        known = self._known or set()
        if base in known:
            return await self._prepare(paths, base=base)
        with tempfile.TemporaryDirectory(prefix="miyabi-") as folder:
            file = Path(folder) / "base.bundle"
            needed = await self._repository.bundle(base, known=known, file=file)
            return await self._prepare(paths, base=base, bundle=file if needed else None)

    async def _prepare(self, paths: SessionPaths, *, base: str, bundle: Path | None = None) -> Completed:
        size = _size(bundle)
        words = ("prepare", paths.run, paths.task, self._repository.object_format, base, str(size))
        return await self._run(*words, stdin=bundle or b"", timeout_seconds=_TIMEOUT_SECONDS + size / _BYTES_PER_SECOND)

    async def _told(self, answer: Completed) -> set[str]:
        """The commits that the machine says it has and that are also here."""
        return await self._repository.contains(answer.stdout.decode("ascii", "replace").split())

    async def _collect(self, paths: SessionPaths, *, base: str, have: Sequence[str], aside: bool) -> Collected:
        with tempfile.TemporaryDirectory(prefix="miyabi-") as folder:
            file = Path(folder) / "home.bundle"
            file.touch()
            words = ("collect", paths.run, paths.task, paths.session, base, *have)
            answer = await self._run(*words, stdout=file, timeout_seconds=_COLLECT_SECONDS)
            self._require(answer, "collect the work")
            head, strays = self._reported(answer)
            kept = await arrival.take(
                self._repository, file, branch=paths.branch, head=head, strays=strays, base=base, aside=aside
            )
        if self._known is not None:
            self._known.add(head)
        return Collected(head=head, salvaged=await self._repository.salvaged(base, head), strays=kept)

    def _reported(self, answer: Completed) -> tuple[str, str | None]:
        found = _REPORT.search(answer.stderr.decode("utf-8", "replace"))
        if not found:
            raise self._failure(answer, "collect the work")
        return found[1], None if found[2] == "-" else found[2]

    async def _run(
        self,
        verb: str,
        *words: str,
        stdin: bytes | Path = b"",
        stdout: Path | None = None,
        timeout_seconds: float = 300,
    ) -> Completed:
        for _ in range(2):
            script = await toolbox.install(self._host, self._workspace, _SCRIPT)
            line = ["exec", "/bin/sh", script, verb, self._workspace, self._repository.key, *words]
            answer = await self._host.run(line, stdin=stdin, stdout=stdout, timeout_seconds=timeout_seconds)
            if not script_is_gone(answer, script):
                break
            toolbox.forget(self._host)
        return answer

    def _require(self, answer: Completed, doing: str) -> None:
        if answer.exit_status:
            raise self._failure(answer, doing)

    def _failure(self, answer: Completed, doing: str) -> MachineError:
        return failure(answer, machine=self._host.name, workspace=self._workspace, doing=doing)


def _size(file: Path | None) -> int:
    return file.stat().st_size if file else 0
