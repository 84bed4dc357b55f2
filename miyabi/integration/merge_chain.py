"""The heads of a run, merged one after the other: a chain of commits on the base, one merge a task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from miyabi.dag import Dag
from miyabi.errors import MergeConflict
from miyabi.git import Git, History, merge
from miyabi.integration import left_out as leaving_out
from miyabi.integration.conflict import Breakage, Conflict, Resolve, conflict_of, resolved_tree
from miyabi.integration.large_files import large_files, large_files_words
from miyabi.integration.values import LeftOut, MergedTask
from miyabi.sessions import SessionResult
from miyabi.text import github_markdown


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """What came of merging. `merges` are those of the merged tasks that have a merge commit of their own."""

    base: str
    merged: tuple[MergedTask, ...]
    merges: tuple[MergedTask, ...]
    left_out: Mapping[str, LeftOut]

    @property
    def commits(self) -> tuple[str, ...]:
        """The base and then each merge commit: the state after 0, 1, 2 … merges."""
        return (self.base, *(step.commit for step in self.merges))

    @property
    def head(self) -> str:
        """The last of them."""
        return self.commits[-1]


@dataclass(slots=True, kw_only=True)
class _ChainSoFar:
    tip: str
    tip_seconds: int
    held: set[str] = field(default_factory=set)
    merged: list[MergedTask] = field(default_factory=list)
    merges: list[MergedTask] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Tree:
    """What two sides were merged to; `resolution` is the head on which somebody resolved their conflict, if any."""

    tree: str
    resolution: str = ""


@dataclass(frozen=True, slots=True)
class _Unresolved:
    """Nobody has resolved a conflict; `note` says why, where anybody could have."""

    note: str = ""


@dataclass(kw_only=True)
class ChainMaker:
    """Makes chains of the same heads, with more or fewer of them; what was merged, or mended, once is not again."""

    git: Git
    dag: Dag
    results: Mapping[str, SessionResult]
    run: str
    base: str
    history: History
    resolve: Resolve | None = None
    max_file_bytes: int | None = None
    _known: dict[tuple[str, str], MergedTask | LeftOut] = field(default_factory=dict)
    _mends: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    async def make(self, causes: Mapping[str, LeftOut], *, resolves: bool = True) -> Chain:
        """Makes the chain without those tasks, what builds on them, and what does not merge.

        With `resolves` somebody is asked about what does not.

        Raises:
            GitFailed: git could not do it.
        """
        causes = dict(causes)
        left_out = leaving_out.with_dependants(self.dag, causes)
        so_far = _ChainSoFar(tip=self.base, tip_seconds=self.history.unix_seconds[self.base])
        for task in self.dag.order:
            if task not in left_out and (conflict := await self._add(task, so_far, resolves=resolves)):
                causes[task] = conflict
                left_out = leaving_out.with_dependants(self.dag, causes)
        return Chain(base=self.base, merged=tuple(so_far.merged), merges=tuple(so_far.merges), left_out=left_out)

    async def _add(self, task: str, so_far: _ChainSoFar, *, resolves: bool) -> LeftOut | None:
        """Merges the task's head where that brings anything; why it is left out, else."""
        result = self.results[task]
        head = result.head or self.base
        new = self.history.beyond(head, so_far.held) if head != result.base else set()
        if not new:
            so_far.merged.append(MergedTask(task=task, commit=head, head=head))
            return None
        seconds = max(so_far.tip_seconds, self.history.unix_seconds[head])
        pair = (so_far.tip, head)
        step = self._known.get(pair) or await self._merge(
            result, head, so_far, unix_seconds=seconds, resolve=self.resolve if resolves else None
        )
        if resolves or isinstance(step, MergedTask):
            self._known[pair] = step
        if isinstance(step, LeftOut):
            return step
        so_far.tip, so_far.tip_seconds = step.commit, seconds
        so_far.held |= new
        so_far.merged.append(step)
        so_far.merges.append(step)
        return None

    async def _merge(
        self, result: SessionResult, head: str, so_far: _ChainSoFar, *, unix_seconds: int, resolve: Resolve | None
    ) -> MergedTask | LeftOut:
        merged = await merge.merge_trees(self.git, so_far.tip, head)
        made: _Tree | _Unresolved
        if merged.conflicts:
            made = await self._resolved(result, head, merged, ours=so_far.tip, resolve=resolve)
        else:
            made = await self._mended_again(result.task, merged.tree)
        if isinstance(made, _Unresolved):
            changed = {step.task: self.results[step.task].changes.files for step in so_far.merged}
            return leaving_out.conflicting(result.task, merged.files, merged=changed, note=made.note)
        commit = await merge.commit_tree(
            self.git,
            made.tree,
            parents=(so_far.tip, head),
            message=self._message(result.task, made.resolution),
            unix_seconds=unix_seconds,
        )
        return MergedTask(task=result.task, commit=commit, head=head, resolved=bool(made.resolution))

    async def _mended_again(self, task: str, tree: str) -> _Tree:
        """A task's merge with what somebody changed to mend it in another chain, where that fits."""
        made = _Tree(tree)
        for start, head in self._mends.get(task, ()):
            ours = await merge.commit_tree(self.git, made.tree, parents=(start,), message=f"Mend {task} again\n")
            merged = await merge.merge_trees(self.git, ours, head)
            if merged.conflicts:
                return _Tree(tree)
            made = _Tree(merged.tree, resolution=head)
        return made

    async def _resolved(
        self, result: SessionResult, head: str, merged: merge.MergedTree, *, ours: str, resolve: Resolve | None
    ) -> _Tree | _Unresolved:
        """The tree that resolves the conflict, or what there is to say about none."""
        if merged.submodules:  # of which there is no text to be joined: a session could only drop one side
            return _Unresolved(f"; {leaving_out.submodules_words(merged.submodules)}")
        if resolve is None:
            return _Unresolved()
        title = self.dag.by_id[result.task].title
        conflict = await conflict_of(
            self.git, merged, run=self.run, task=result.task, title=title, ours=ours, theirs=head
        )
        return await self._given(conflict, resolve)

    async def mend(self, breakage: Breakage) -> str | None:
        """Has mended what a merge breaks; the next chain has the mended one in its place, whatever comes before it.

        Returns:
            None where it is mended; else what there is to say, as the end of a sentence, or nothing.

        Raises:
            GitFailed: git could not do it.
        """
        made = await self._given(breakage, self.resolve) if self.resolve else _Unresolved()
        if isinstance(made, _Unresolved):
            return made.note
        commit = await merge.commit_tree(
            self.git,
            made.tree,
            parents=(breakage.ours, breakage.theirs),
            message=self._message(breakage.task, made.resolution),
        )
        self._mends.setdefault(breakage.task, []).append((breakage.start, made.resolution))
        step = MergedTask(task=breakage.task, commit=commit, head=breakage.theirs, resolved=True)
        self._known[breakage.ours, breakage.theirs] = step
        return None

    def _message(self, task: str, resolution: str) -> str:
        return merge_message(self.results[task], run=self.run, title=self.dag.by_id[task].title, resolution=resolution)

    async def _given(self, conflict: Conflict | Breakage, resolve: Resolve) -> _Tree | _Unresolved:
        """What came of giving it to somebody."""
        try:
            made = await resolved_tree(self.git, conflict, resolve)
        except MergeConflict as unresolved:
            return _Unresolved(f"; {unresolved}")
        if made is None:
            return _Unresolved()
        tree, made_on = made
        if self.max_file_bytes is not None:
            known = (conflict.ours, conflict.theirs, self.base)
            if large := await large_files(self.git, [tree], known=known, max_bytes=self.max_file_bytes):
                return _Unresolved(f"; the resolution holds {large_files_words(large)}, too large for GitHub")
        return _Tree(tree, resolution=made_on)


def merge_message(result: SessionResult, *, run: str, title: str, resolution: str = "") -> str:
    """Writes what a task's merge commit says: task and title, and as trailers where the work comes from.

    `resolution` is the head on which somebody resolved its conflict. The trailers have the form of
    git-interpret-trailers(1).
    """
    line = github_markdown.title(title, limit=200)
    subject = f"Merge {result.task}: {line}" if line and line != result.task else f"Merge {result.task}"
    trailers = {
        "Run": run,
        "Task": result.task,
        "Session": result.session_id,
        "Machine": result.machine,
        "Resolution": resolution,
    }
    return "\n".join([subject, "", *(f"Miyabi-{name}: {value}" for name, value in trailers.items() if value), ""])
