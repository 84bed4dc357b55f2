"""The code on a machine: a store of its objects, and a repository of its own a task. Commits go and come as bundles."""

from __future__ import annotations

import asyncio
import re
import shlex
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from miyabi.errors import MachineError
from miyabi.git import (
    Clone,
    PrerequisiteMissing,
    Repository,
    Submodule,
    branches,
    printable_path,
    shallow_ends,
    unquoted,
)
from miyabi.machines import Completed, Host, install, quote_word
from miyabi.sessions.large_objects import LargeTravel
from miyabi.sessions.names import SessionPaths
from miyabi.sessions.workspace_errors import BASE_MISSING, failure, require_safe, script_is_gone

_SCRIPT = "workspace"
_TIMEOUT_SECONDS = 900.0
_COLLECT_SECONDS = 3600.0
_BYTES_PER_SECOND = 100_000
_REPORT = re.compile(r"^miyabi-collected ([0-9a-f]{40,64}) ([0-9a-f]{40,64}|-)$", re.MULTILINE)
_CLONE_NAME = re.compile("[0-9a-f]{32}")
_COMMIT = re.compile("[0-9a-f]{40,64}")


class Inside(NamedTuple):
    """A submodule in a task's checkout: the key of its repository, the commit that it began with, its path."""

    key: str
    base: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What was collected of a task.

    Args:
        head: the commit that its branch is at.
        salvaged: whether some of it had to be committed for the session.
        strays: the branch of what its own branch does not hold, where there is such.
        unmerged: paths with a conflict that the index still told of when the session ended.
        left_there: files that were not committed for their size or number, and stay on the machine.
        is_gone: whether the checkout had been removed: what was in it cannot be told.
        inside: its submodules, each of which is to be collected in a workspace of its own.
        lost_objects: Git LFS objects that its commits name, and that are neither there nor here.
    """

    head: str
    salvaged: bool
    strays: str | None = None
    unmerged: tuple[str, ...] = ()
    left_there: tuple[str, ...] = ()
    is_gone: bool = False
    lost_objects: tuple[str, ...] = ()
    inside: tuple[Inside, ...] = ()


@dataclass(frozen=True, slots=True)
class _Order:
    """What a machine is to make of a commit: a task's checkout, or with `submodule` (OUTER, AT, PATH) a part of one."""

    paths: SessionPaths
    base: str
    clone: Clone
    submodule: tuple[str, ...] = ()


class Workspace:
    """One repository on one machine."""

    def __init__(self, host: Host, repository: Repository, *, workspace: str, is_submodule: bool = False) -> None:
        self._host = host
        self._is_submodule = is_submodule
        self._repository = repository
        self._workspace = workspace.rstrip("/") or "/"
        self._known: set[str] | None = None
        self._shipping: dict[str, asyncio.Lock] = {}
        self._runs: set[str] = set()
        self._inside: dict[str, Workspace] = {}
        self._large = LargeTravel(repository, machine=host.name, call=self._call)

    def of(self, repository: Repository) -> Workspace:
        """Returns the workspace there of a submodule, whose tasks are collected in it like those of any repository."""
        if repository.key not in self._inside:
            there = Workspace(self._host, repository, workspace=self._workspace, is_submodule=True)
            self._inside[repository.key] = there
        return self._inside[repository.key]

    async def prepare(
        self, paths: SessionPaths, *, base: str, clone: Clone, submodules: Sequence[Submodule] = ()
    ) -> str:
        """Prepares the task's checkout there, on its branch: made at `base`, or kept as it is where it is there.

        Args:
            paths: of the task.
            base: commit that its branch starts from.
            clone: what it finds besides, as in any clone.
            submodules: those that it finds filled, each before those inside of it.

        Returns:
            The path of the checkout on the machine.

        Raises:
            MachineDiskFull: no room; nothing half-made stays.
            MachineNotReady: git or perl is missing there, or too old, or git-lfs where the base needs it.
            GitFailed: the branch cannot be collected later, because another branch's name is in its way.
            MachineError: as `Host.run`, and RemoteFailed where git fails there.
        """
        answer = await self._make(_Order(paths, base, clone), "prepare the checkout")
        path = answer.stdout.decode("utf-8", "surrogateescape").removesuffix("\n")
        if not path:
            return f"{self._workspace}/{paths.linked_worktree}"
        for each in submodules:
            submodule = self._repository.key, each.git_folder, each.path
            order = _Order(paths, each.commit, each.clone, submodule)
            await self.of(each.repository)._make(order, f"fill the submodule {printable_path(each.path)}")
        return path

    async def collect(
        self, paths: SessionPaths, *, base: str, to_strays: bool = False, max_file_bytes: int = 0
    ) -> Collected:
        """Collects the task's branch, with what was left uncommitted; the session must be over. May be repeated.

        A submodule where nothing was done gets no branch.

        Args:
            paths: of the session.
            base: commit that its branch started from.
            to_strays: a branch that is here stays as it is, and the strays get what it does not hold.
            max_file_bytes: uncommitted files over that stay on the machine; 0: none does.

        Raises:
            RemoteFailed: there is no such task on the machine, or git fails there.
            MachineDiskFull: what is uncommitted cannot be committed there for want of room; it stays as it is.
            GitFailed: git fails here, or the branch is checked out here.
            MachineError: as `Host.run`.
        """
        require_safe((paths.run, paths.task))
        have = await branches.heads_of(self._repository, paths.branch)
        limit = f"max={max_file_bytes}"
        collect = partial(
            self._collect, paths, base=base, to_strays=to_strays, may_be_nothing=self._is_submodule and not have
        )
        try:
            return await collect(have=(limit, base, *have))
        except PrerequisiteMissing:
            return await collect(have=(limit,))

    async def remove(self, paths: SessionPaths) -> None:
        """Removes the task's checkout from the machine, not its branches from the repository; may be repeated.

        Raises:
            MachineError: as `Host.run`, and RemoteFailed where it cannot be removed.
        """
        require_safe((paths.run, paths.task))
        self._require(await self._run("remove", paths.run, paths.task), "remove the checkout")

    async def remove_run(self, run: str) -> None:
        """Removes the checkouts of every task of the run; may be repeated.

        Raises:
            MachineError: as `remove`.
        """
        require_safe((run,))
        self._known = None
        self._inside.clear()
        self._require(await self._run("remove", run), "remove the run's checkouts")

    async def foreign_tasks(self, run: str) -> frozenset[str]:
        """Returns the tasks that another repository with a run of this name has on the machine.

        Raises:
            MachineError: as `remove`.
        """
        require_safe((run,))
        answer = await self._run("foreign", run)
        self._require(answer, "look for other repositories")
        return frozenset(answer.stdout.decode("ascii", "replace").split())

    def after_script(
        self, paths: SessionPaths, *, checkout: str, check: str | None, prelude: str = "", max_file_bytes: int = 0
    ) -> bytes:
        """Makes the script for when the session is over: salvage, then, after the prelude, the check in the checkout.

        It ends with the check's exit status, 0 where there is none or where `MIYABI_STOPPED=1`. Needs an earlier
        `prepare` of the task on the machine.

        Args:
            paths: of the session.
            checkout: what `prepare` gave.
            check: shell command, None for none.
            prelude: shell text that sets up its environment.
            max_file_bytes: as `collect` takes it.

        Raises:
            BadInput: run or task cannot be the name of a branch and a folder.
        """
        require_safe((paths.run, paths.task))
        script = quote_word(install.path(self._workspace, _SCRIPT))
        where = " ".join(map(quote_word, (self._workspace, self._repository.key, paths.run, paths.task)))
        lines = [f"/bin/sh {script} salvage {where} {quote_word(paths.session)} {max_file_bytes} </dev/null"]
        if check is not None:
            lines += [
                '[ "${MIYABI_STOPPED:-}" != 1 ] || exit 0',
                f"cd {quote_word(checkout)} || exit",
                prelude,
                f"exec /bin/sh -c {shlex.quote(check)}",
            ]
        return "\n".join([*lines, "exit 0", ""]).encode("utf-8", "surrogateescape")

    async def _make(self, order: _Order, doing: str) -> Completed:
        """The machine's answer when all of it is there. Raises as `prepare`."""
        require_safe((order.paths.run, order.paths.task))
        if order.paths.run not in self._runs:
            await branches.require_name_free(self._repository, order.paths.branch)
            self._runs.add(order.paths.run)
        order = replace(order, clone=await self._large.ship(order.paths, commit=order.base, clone=order.clone))
        need = {order.base, order.clone.name}
        make = self._make_or_ship if self._known is None or need <= self._known else self._ship
        answer = await make(order)
        self._require(answer, doing)
        self._known = (self._known or set()) | need
        return answer

    async def _make_or_ship(self, order: _Order) -> Completed:
        """One round trip where the machine has what is needed; where it has not, it says what it has."""
        before = self._known
        answer = await self._send(order)
        if answer.exit_status != BASE_MISSING:
            return answer
        self._known = await self._known_there(answer) | (set() if before else self._known or set())
        return await self._ship(order)

    async def _ship(self, order: _Order) -> Completed:
        """Once for all the tasks that need the same base; the first bundle for a machine goes alone."""
        async with self._shipping.setdefault(order.base if self._known else "", asyncio.Lock()):
            answer = await self._send_with_bundle(order)
            if answer.exit_status == BASE_MISSING:
                self._known = await self._known_there(answer)
                answer = await self._send_with_bundle(order)
            if answer.exit_status == BASE_MISSING:
                self._known = set()
                answer = await self._send_with_bundle(order)
            if not answer.exit_status:
                self._known = (self._known or set()) | {order.base, order.clone.name}
            return answer

    async def _send_with_bundle(self, order: _Order) -> Completed:
        known, clone, base = self._known or set(), order.clone, order.base
        new = clone.name not in known
        if base in known and not new:
            return await self._send(order)
        with tempfile.TemporaryDirectory(prefix="miyabi-") as folder:
            file, commits = Path(folder) / "base.bundle", {one for one in known if not _CLONE_NAME.fullmatch(one)}
            lasting = clone.tips[0]
            also = clone.tips if new else (lasting,)
            await self._repository.bundle(base, also=also, known=commits, file=file, lasting=lasting)
            return await self._send(order, bundle=file, with_clone=new)

    async def _send(self, order: _Order, *, bundle: Path | None = None, with_clone: bool = False) -> Completed:
        size, text = _size(bundle), order.clone.text if with_clone else b""
        sizes = (str(size), order.clone.name, str(len(text)))
        verb, form = "embed" if order.submodule else "prepare", self._repository.object_format
        words = (verb, order.paths.run, order.paths.task, form, order.base, *sizes, *order.submodule)
        if bundle is None or not text:
            sent: bytes | Path = bundle if bundle and size else text
        else:
            sent = await asyncio.to_thread(_append, bundle, text)
        return await self._run(*words, stdin=sent, timeout_seconds=_TIMEOUT_SECONDS + size / _BYTES_PER_SECOND)

    async def _known_there(self, answer: Completed) -> set[str]:
        """The commits that the machine says it has and that are also here, and the names of the clones it knows."""
        lines = answer.stdout.decode("ascii", "replace").splitlines()
        clones = {line for line in lines if _CLONE_NAME.fullmatch(line)}
        ends = {line.removeprefix("shallow ") for line in lines if line.startswith("shallow ")}
        if ends - shallow_ends(self._repository.common):  # here it goes on below: what is there is not to be built upon
            return clones
        return clones | await self._repository.contains([line for line in lines if _COMMIT.fullmatch(line)])

    async def _collect(
        self, paths: SessionPaths, *, base: str, have: Sequence[str], to_strays: bool, may_be_nothing: bool
    ) -> Collected:
        with tempfile.TemporaryDirectory(prefix="miyabi-") as folder:
            file = Path(folder) / "home.bundle"
            file.touch()
            words = ("collect", paths.run, paths.task, paths.session, base, *have)
            answer = await self._run(*words, stdout=file, timeout_seconds=_COLLECT_SECONDS)
            self._require(answer, "collect the work")
            head, strays = self._reported(answer)
            kept = None
            if not (may_be_nothing and head == base and strays is None):
                own, to = self._repository, paths.branch
                kept = await branches.receive(
                    own, file, branch=to, head=head, strays=strays, base=base, to_strays=to_strays
                )
        if self._known is not None:
            self._known.add(head)
        lost = await self._large.collect(paths, [head, *([strays] if strays else [])], base=base)
        return Collected(
            head=head,
            salvaged=await self._repository.salvaged(base, head),
            strays=kept,
            lost_objects=lost,
            **_notes(answer),
        )

    def _reported(self, answer: Completed) -> tuple[str, str | None]:
        found = _REPORT.search(answer.stderr.decode("utf-8", "replace"))
        if not found:
            raise self._failure(answer, "collect the work")
        return found[1], None if found[2] == "-" else found[2]

    async def _call(
        self,
        verb: str,
        *words: str,
        doing: str,
        stdin: bytes | Path = b"",
        stdout: Path | None = None,
        timeout_seconds: float = 300,
    ) -> Completed:
        answer = await self._run(verb, *words, stdin=stdin, stdout=stdout, timeout_seconds=timeout_seconds)
        self._require(answer, doing)
        return answer

    async def _run(
        self,
        verb: str,
        *words: str,
        stdin: bytes | Path = b"",
        stdout: Path | None = None,
        timeout_seconds: float = 300,
    ) -> Completed:
        for _ in range(2):
            script = await install.install(self._host, self._workspace, _SCRIPT)
            line = ["exec", "/bin/sh", script, verb, self._workspace, self._repository.key, *words]
            answer = await self._host.run(line, stdin=stdin, stdout=stdout, timeout_seconds=timeout_seconds)
            if not script_is_gone(answer, script):
                break
            install.forget(self._host)
        return answer

    def _require(self, answer: Completed, doing: str) -> None:
        if answer.exit_status:
            raise self._failure(answer, doing)

    def _failure(self, answer: Completed, doing: str) -> MachineError:
        return failure(answer, machine=self._host.name, workspace=self._workspace, doing=doing)


def _size(file: Path | None) -> int:
    return file.stat().st_size if file and file.exists() else 0


def _append(file: Path, text: bytes) -> Path:
    with file.open("ab") as out:
        out.write(text)
    return file


def _notes(answer: Completed) -> dict[str, Any]:
    """The fields of `Collected` that the machine says besides the commits."""
    lines = answer.stderr.decode("utf-8", "replace").split("\n")
    rows = [line.removeprefix("miyabi-").partition(" ") for line in lines if line.startswith("miyabi-")]
    kinds = ("unmerged", "left", "gone", "inside")
    notes = {kind: tuple(printable_path(unquoted(text)) for word, _, text in rows if word == kind) for kind in kinds}
    return {
        "unmerged": notes["unmerged"],
        "left_there": notes["left"],
        "is_gone": bool(notes["gone"]),
        "inside": tuple(Inside(*row.split(" ", 2)) for row in notes["inside"]),
    }
