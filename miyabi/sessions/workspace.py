"""The code on a machine: a store of its objects, and a repository of its own a task. Commits go and come as bundles."""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from miyabi.errors import MachineError
from miyabi.git import (
    Clone,
    PrerequisiteMissing,
    Repository,
    Submodule,
    branches,
    printable_path,
    shallow_ends,
)
from miyabi.machines import Completed, Host, install, quote_word
from miyabi.sessions import phases
from miyabi.sessions.collected import Collected, notes_of
from miyabi.sessions.large_objects import LargeTravel
from miyabi.sessions.names import SessionPaths
from miyabi.sessions.workspace_errors import BASE_MISSING, failure, require_safe, script_is_gone

_SCRIPT = "workspace"
_TIMEOUT_SECONDS = 900.0
_COLLECT_SECONDS = 3600.0
_BYTES_PER_SECOND = 100_000
_NAMED = 10  # as workspace.sh says it
_REPORT = re.compile(r"^miyabi-collected ([0-9a-f]{40,64}) ([0-9a-f]{40,64}|-)$", re.MULTILINE)
_CLONE_NAME = re.compile("[0-9a-f]{32}")
_COMMIT = re.compile("[0-9a-f]{40,64}")


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
        self,
        paths: SessionPaths,
        *,
        base: str,
        to_strays: bool = False,
        may_be_nothing: bool = False,
        max_file_bytes: int = 0,
    ) -> Collected:
        """Collects the task's branch, with what was left uncommitted; the session must be over. May be repeated.

        A submodule where nothing was done gets no branch, nor does a task then of which that is expected.

        Args:
            paths: of the session.
            base: commit that its branch started from.
            to_strays: a branch that is here stays as it is, and the strays get what it does not hold.
            may_be_nothing: nothing is expected of the session.
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
        may_be_nothing = (may_be_nothing or self._is_submodule) and not have
        collect = partial(self._collect, paths, base=base, to_strays=to_strays, may_be_nothing=may_be_nothing)
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

    async def copy(self, paths: SessionPaths, files: Mapping[str, bytes]) -> None:
        """Puts files into the task's checkout, by path, mode 0600; no commit of ours will have them. May be repeated.

        Raises:
            MachineDiskFull: no room; some of them may be there.
            MachineError: as `Host.run`, and RemoteFailed where one cannot be written.
        """
        require_safe((paths.run, paths.task))
        named = {os.fsencode(path): text for path, text in files.items()}
        sent = b"".join(b"%d %d\n%s%s" % (len(text), len(name), name, text) for name, text in named.items())
        await self._call(
            "copy", paths.run, paths.task, str(len(sent)), doing="copy files into the checkout", stdin=sent
        )

    async def names_slot(self, paths: SessionPaths) -> bool:
        """Finds whether a file of the task's checkout names a variable of ours but MIYABI_CACHE, such as MIYABI_PORT.

        Raises:
            MachineError: as `Host.run`, and RemoteFailed where there is no checkout.
        """
        require_safe((paths.run, paths.task))
        answer = await self._run("names-slot", paths.run, paths.task)
        if answer.exit_status != _NAMED:
            self._require(answer, "look through the checkout")
        return answer.exit_status == _NAMED

    @property
    def cache(self) -> str:
        """The folder on the machine in which sessions of this repository may keep what outlives runs."""
        return f"{self._workspace}/cache/{self._repository.key}"

    def setup_script(self, paths: SessionPaths, *, checkout: str, commands: Sequence[str], prelude: str) -> bytes:
        """Makes the script for before a session, as `phases.setup_script`. Needs an earlier `prepare` of the task.

        Raises:
            BadInput: run or task cannot be the name of a branch and a folder.
        """
        return phases.setup_script(
            self._word(paths), session=paths.session, checkout=checkout, commands=commands, prelude=prelude
        )

    def after_script(
        self, paths: SessionPaths, *, checkout: str, check: str | None, prelude: str = "", max_file_bytes: int = 0
    ) -> bytes:
        """Makes the script for after a session, as `phases.after_script`. Needs an earlier `prepare` of the task.

        Raises:
            BadInput: run or task cannot be the name of a branch and a folder.
        """
        salvage = f"{self._word(paths)('salvage')} {quote_word(paths.session)} {max_file_bytes}"
        return phases.after_script(salvage, checkout=checkout, check=check, prelude=prelude)

    def _word(self, paths: SessionPaths) -> Callable[[str], str]:
        """Makes the sh text that asks our script there for something about a task."""
        require_safe((paths.run, paths.task))
        script = quote_word(install.path(self._workspace, _SCRIPT))
        where = " ".join(map(quote_word, (self._workspace, self._repository.key, paths.run, paths.task)))
        return lambda verb: f"/bin/sh {script} {verb} {where}"

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
            **notes_of(answer),
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
