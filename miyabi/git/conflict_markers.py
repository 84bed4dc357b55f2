"""Conflicts that nobody resolved: the files of a commit with conflict markers that were not there before.

A marker is a line that begins with 7 of `<`, `|` or `>` (git's merge attributes, gitattributes(5)), or as many as the
attribute `conflict-marker-size` says, in one of the commits that are compared.
"""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from miyabi.git.command import Git, GitResult, printable_path

LARGEST_BYTES = 64 << 20
"""Of a file that is looked at; a larger one is no source that somebody merges."""

_SIZE = 7  # git's own
_SHORTEST = 4  # that is taken for a marker without an attribute that says so
_ATTRIBUTE = "conflict-marker-size"
_ARGUMENTS = 1000
_MOST_LINES = "10000"
_MOST_SIDES = 20
_NOTHING_FOUND = 1
_REGULAR = {"100644", "100755"}
_LINE = re.compile(rb"^(?P<oid>[0-9a-f]{40,64})\0(?P<line>[^\n]*)", re.MULTILINE)
_MARKER = re.compile(rb"(<+|\|+|=+|>+)(\s.*)?", re.DOTALL)
_KINDS = b"<|=>"


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """A file that differs from every side: its blob, and what the sides have under its name."""

    blob: str
    before: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Marker:
    """A line like a conflict marker: its kind (`<`, `|`, `=` or `>`), its length, and whether a label follows."""

    kind: int
    size: int
    is_labelled: bool
    line: bytes

    @classmethod
    def of(cls, line: bytes) -> _Marker | None:
        text = line.removesuffix(b"\r")
        found = _MARKER.fullmatch(text)
        if not found:
            return None
        return cls(found[1][0], len(found[1]), bool(found[2]), text)


@dataclass(slots=True)
class _Changed:
    files: dict[str, _File] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)


async def unresolved(git: Git, head: str, *, sides: Sequence[str]) -> tuple[str, ...]:
    """Finds the files of a commit with conflict markers that none of the sides has in them, sorted.

    Binary files and those over `LARGEST_BYTES` are not looked at; nor is one that a side has under another name.

    Args:
        git: where the commits are.
        head: the commit.
        sides: what it was made of, at least one: the commit that the work began with, what was merged into it.

    Raises:
        GitFailed: one of the commits is not here.
    """
    changed = await _changed(git, head, sides)
    files = await _small(git, changed.files)
    sizes = await _sizes(git, (head, *sides), sorted(files))
    shortest = min({_SHORTEST, *(size for known in sizes.values() for size in known)})
    suspects = await _with_markers(git, {file.blob for file in files.values()}, shortest=shortest)
    files = {path: file for path, file in files.items() if file.blob in suspects}
    if not files:
        return ()
    before = {blob for file in files.values() for blob in file.before} | changed.deleted
    lines = await _lines(git, suspects | before, shortest=shortest)
    moved = _counted(lines.get(blob, ()) for blob in changed.deleted)
    found = {
        path: file
        for path, file in files.items()
        if _markers(lines[file.blob], sizes=sizes.get(path, frozenset()))
        - (_counted(lines.get(blob, ()) for blob in file.before) if file.before else moved)
    }
    copied = await _elsewhere(git, sides, {file.blob for file in found.values() if not file.before})
    return tuple(sorted(printable_path(path) for path, file in found.items() if file.blob not in copied))


async def left_by_session(
    git: Git, head: str, *, base: str, unmerged: Collection[str] = (), is_resolution: bool = False
) -> tuple[str, ...]:
    """Finds the files of a session's branch with conflicts that it did not resolve, sorted.

    What it merged of the user's own branches had its markers before, too.

    Args:
        git: where the commits are.
        head: of the branch.
        base: the commit that it began with.
        unmerged: the files that were unmerged in its index when it ended.
        is_resolution: it was to resolve the markers that the base has; then they have to be in one of its parents.

    Raises:
        GitFailed: one of the commits is not here.
    """
    began = (await git.ask("rev-parse", f"{base}^@")).lines if is_resolution else [base]
    files = await unresolved(git, head, sides=began)
    if files:
        files = await unresolved(git, head, sides=[*began, *await _merged(git, head, base=base)])
    return tuple(sorted({*files, *unmerged}))


async def _merged(git: Git, head: str, *, base: str) -> list[str]:
    """What a branch holds of the user's own ones."""
    known = ("--not", base, "--exclude=miyabi/*", "--branches", "--tags", "--remotes")
    rows = (await git.ask("rev-list", "--boundary", head, *known, "--")).lines
    return [row[1:] for row in rows if row.startswith("-") and row[1:] != base][:_MOST_SIDES]


def _markers(lines: Iterable[bytes], *, sizes: Collection[int]) -> Counter[bytes]:
    """The lines that mark a conflict, each as often as it is there."""
    found = [marker for line in lines if (marker := _Marker.of(line))]
    known = {_SIZE, *sizes}
    wrong = {size for size in {marker.size for marker in found} if _is_conflict(found, size, is_known=size in known)}
    return Counter(m.line for m in found if m.size in wrong and chr(m.kind) != "=")


def _is_conflict(markers: Sequence[_Marker], size: int, *, is_known: bool) -> bool:
    """Whether markers of one size make a conflict, or are what is left of one."""
    these = [marker for marker in markers if marker.size == size]
    order = "".join(chr(marker.kind) for marker in these)
    labelled = {chr(marker.kind) for marker in these if marker.is_labelled}
    is_whole = re.search("<.*=.*>", order) is not None
    if is_known and size >= _SHORTEST and labelled & {"<", "|"}:
        return True
    if is_known and size >= _SHORTEST and ">" in labelled:
        return not _is_quoting(markers, size)
    return is_whole and (is_known or size > _SIZE or {"<", ">"} <= labelled)


def _is_quoting(markers: Sequence[_Marker], size: int) -> bool:
    """Whether lines that begin with `>` are those of a letter, which quotes at other depths too."""
    return any(chr(marker.kind) == ">" and marker.size != size for marker in markers)


def _counted(several: Iterable[Iterable[bytes]]) -> Counter[bytes]:
    """Each line as often as in that of the texts that has most of it."""
    most: Counter[bytes] = Counter()
    for lines in several:
        most |= Counter(line.removesuffix(b"\r") for line in lines)
    return most


async def _changed(git: Git, head: str, sides: Sequence[str]) -> _Changed:
    """The files that differ from every side, and the blobs of those that a side has and `head` has no more."""
    whole = _Changed()
    for number, side in enumerate(sides):
        one = await _diff(git, side, head)
        whole.deleted |= one.deleted
        whole.files = one.files if not number else _both(whole.files, one.files)
    return whole


def _both(some: Mapping[str, _File], others: Mapping[str, _File]) -> dict[str, _File]:
    return {
        path: _File(blob=file.blob, before=file.before | others[path].before)
        for path, file in some.items()
        if path in others
    }


async def _diff(git: Git, side: str, head: str) -> _Changed:
    words = ("diff-tree", "-r", "-z", "--raw", "--no-abbrev", "--no-renames", "--ignore-submodules=all")
    fields = iter((await git.ask(*words, side, head)).text.split("\0"))
    changed = _Changed()
    for row in fields:
        if not row:
            break
        old_mode, mode, old, new, _ = row.removeprefix(":").split(" ")
        path = next(fields)
        before = frozenset({old} if old_mode in _REGULAR else ())
        if mode in _REGULAR:
            changed.files[path] = _File(blob=new, before=before)
        else:
            changed.deleted |= before
    return changed


async def _small(git: Git, files: Mapping[str, _File]) -> dict[str, _File]:
    """Without those that are too large."""
    asked = "".join(f"{blob}\n" for blob in sorted({file.blob for file in files.values()})).encode()
    rows = (await git.ask("cat-file", "--batch-check=%(objectname) %(objectsize)", stdin=asked)).lines if files else ()
    sizes = {blob: int(size) for blob, size in (row.split(" ") for row in rows) if size.isdecimal()}
    return {path: file for path, file in files.items() if sizes.get(file.blob, LARGEST_BYTES) < LARGEST_BYTES}


async def _with_markers(git: Git, blobs: Collection[str], *, shortest: int) -> set[str]:
    """Those that have a line like the first or last marker of a conflict."""
    pattern = f"^(<{{{shortest},}}|>{{{shortest},}}|[|]{{{_SIZE}}})([[:space:]]|$)"
    found: set[str] = set()
    words = ("grep", "-I", "-z", "-l", "--full-name", "--no-recurse-submodules", "--no-color", "-E", pattern)
    for some in _portions(blobs):
        found |= set((await _grep(git, *words, *some)).text.split("\0")) - {""}
    return found


async def _lines(git: Git, blobs: Collection[str], *, shortest: int) -> dict[str, list[bytes]]:
    """The lines of each that look like markers, in their order."""
    pattern = f"^({'|'.join(f'[{chr(kind)}]{{{shortest},}}' for kind in _KINDS)})([[:space:]]|$)"
    found: dict[str, list[bytes]] = {blob: [] for blob in blobs}
    words = (
        "grep",
        "-I",
        "-z",
        "--full-name",
        "--no-line-number",
        "--no-column",
        "--no-color",
        "--no-recurse-submodules",
    )
    for some in _portions(blobs):
        answer = await _grep(git, *words, "--max-count", _MOST_LINES, "-E", pattern, *some)
        for match in _LINE.finditer(answer.stdout):
            found[match["oid"].decode()].append(match["line"])
    return found


def _portions(blobs: Collection[str]) -> Iterator[Sequence[str]]:
    """As many at a time as fit a command line."""
    ordered = sorted(blobs)
    return (ordered[first : first + _ARGUMENTS] for first in range(0, len(ordered), _ARGUMENTS))


async def _grep(git: Git, *words: str) -> GitResult:
    answer = await git.run(*words)
    if answer.exit_status > _NOTHING_FOUND:
        raise git.failure(answer, *words)
    return answer


async def _elsewhere(git: Git, sides: Sequence[str], blobs: Collection[str]) -> set[str]:
    """Those of the blobs that a side has, under whatever name."""
    there: set[str] = set()
    for side in sides if blobs else ():
        rows = (await git.ask("ls-tree", "-r", "-z", side)).text.split("\0")
        there |= {row.partition("\t")[0].rpartition(" ")[2] for row in rows}
    return there & set(blobs)


async def _sizes(git: Git, commits: Sequence[str], paths: Sequence[str]) -> dict[str, frozenset[int]]:
    """How long the markers of each path are, where the attributes of one of the commits say so."""
    files = await _attribute_files(git, dict.fromkeys(commits), paths)
    words = ("grep", "-I", "-l", "-z", "--no-recurse-submodules", "--no-color", "-F", "-e", _ATTRIBUTE)
    blobs = {blob for found in files.values() for blob in found.values()}
    saying = [some for some in _portions(blobs) if (await _grep(git, *words, *some)).stdout]
    sizes: dict[str, frozenset[int]] = {}
    for found in files.values() if saying else ():
        for path, size in (await _attributes(git, found, paths)).items():
            sizes[path] = sizes.get(path, frozenset()) | {size}
    return sizes


async def _attribute_files(git: Git, commits: Iterable[str], paths: Sequence[str]) -> dict[str, dict[str, str]]:
    """The files of attributes that hold for the paths in each commit, with their blobs."""
    folders = {"", *(f"{folder}/" for path in paths for folder in map(str, PurePosixPath(path).parents[:-1]))}
    asked = [(commit, f"{folder}.gitattributes") for commit in commits for folder in sorted(folders)]
    askable = [(commit, file) for commit, file in asked if "\n" not in file]
    names = "".join(f"{commit}:{file}\n" for commit, file in askable).encode("utf-8", "surrogateescape")
    rows = (await git.ask("cat-file", "--batch-check=%(objecttype) %(objectname)", stdin=names)).lines if paths else ()
    found: dict[str, dict[str, str]] = {}
    for (commit, file), row in zip(askable, rows, strict=False):
        if row.startswith("blob ") and not row.endswith(" missing"):
            found.setdefault(commit, {})[file] = row.removeprefix("blob ")
    return found


async def _attributes(git: Git, files: Mapping[str, str], paths: Sequence[str]) -> dict[str, int]:
    """The same for one commit: git before 2.40 reads attributes of an index only, so it gets one with no other file."""
    with tempfile.TemporaryDirectory(prefix="miyabi-") as folder:
        index = str(Path(folder) / "index")
        made = "".join(f"100644 {blob}\t{file}\0" for file, blob in files.items()).encode("utf-8", "surrogateescape")
        await git.ask("update-index", "-z", "--index-info", stdin=made, GIT_INDEX_FILE=index)
        asked = "".join(f"{path}\0" for path in paths).encode("utf-8", "surrogateescape")
        words = ("check-attr", "--cached", "-z", "--stdin", _ATTRIBUTE)
        answer = await git.ask(*words, stdin=asked, GIT_INDEX_FILE=index)
    fields = answer.text.split("\0")
    rows = zip(fields[::3], fields[2::3], strict=False)
    return {path: int(value) for path, value in rows if value.isdecimal() and int(value)}
