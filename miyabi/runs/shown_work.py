"""What a report shows of sessions beside their results: what each said and did, and what each task changed.

Cut to what a browser opens at once: the whole is in `stdout.jsonl` of each attempt, and in git.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from miyabi.claude import Transcript, readable
from miyabi.errors import GitError, GitUnusable
from miyabi.git import Git
from miyabi.runs.folder import RunFolder
from miyabi.runs.secrets import hide_secrets_of_run
from miyabi.sessions import SessionResult
from miyabi.text import clean, redact, shorten

_ALL_CHARACTERS, _MOST, _LEAST = 3_000_000, 40_000, 2_000
_ALL_BYTES, _MOST_BYTES, _LEAST_BYTES = 48 << 20, 4 << 20, 64 << 10
_LINE, _LONGEST_LINE = 40, 2_000  # a browser pays for a line as for 40 characters: each is an element
_SEAM = 1_000  # characters that are looked at for secrets, and not shown
_MOST_LINES_CHANGED = 20_000
_COMMIT = re.compile(r"^(?=[0-9a-f]{40,64}$)", re.MULTILINE)
_DIFF = ("diff-tree", "--stdin", "-r", "-p", "-M", "--always", "--no-color", "--no-ext-diff", "--no-textconv")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownText:
    """A text without secrets, cut; `note` says in words what was left out of it, nothing where all is there."""

    text: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownWork:
    """What is shown of a task, or of a session in its place: `said` by attempt, and the diff where there is one."""

    said: Mapping[int, ShownText]
    diff: ShownText | None = None


def shown_work(folder: RunFolder, results: Sequence[SessionResult]) -> dict[str, ShownWork]:
    """Reads it for all sessions that have results, by what stands in the place of the task's id in their names.

    Whatever cannot be read is left out. May be called from where an event loop runs, and keeps it waiting.
    """
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, _shown_work(folder, results)).result()


async def _shown_work(folder: RunFolder, results: Sequence[SessionResult]) -> dict[str, ShownWork]:
    try:
        await hide_secrets_of_run(folder)
    except OSError:  # what is secret is not known then
        return {}
    begun = [result for result in results if result.start]
    characters = _share(_ALL_CHARACTERS, begun, least=_LEAST, most=_MOST)
    size = _share(_ALL_BYTES, begun, least=_LEAST_BYTES, most=_MOST_BYTES)
    said: dict[str, dict[int, ShownText]] = {}
    for result in begun:
        stream = folder.attempt(result.task, result.attempt) / "stdout.jsonl"
        if text := _said(stream, characters=characters, size=size):
            said.setdefault(result.task, {})[result.attempt] = text
    diffs = await _diffs(folder, results, characters=characters)
    return {task: ShownWork(said=said.get(task, {}), diff=diffs.get(task)) for task in {**said, **diffs}}


def _share(whole: int, among: Sequence[object], *, least: int, most: int) -> int:
    return min(most, max(least, whole // max(1, len(among))))


def _said(stream: Path, *, characters: int, size: int) -> ShownText | None:
    """The lines of `miyabi logs`; of a long stream its begin and its end."""
    transcript, lines = Transcript(), list[str]()
    with suppress(OSError):
        for chunk in _chunks(stream, size=size):
            for event in transcript.feed(chunk):
                said = readable(event, cwd=transcript.init.cwd if transcript.init else "")
                lines += (shorten(line, characters=_LONGEST_LINE) for line in said)
    if not lines:
        return None
    first = _within(lines, characters // 4)
    last = _within(lines[len(first) :][::-1], characters - characters // 4)[::-1]
    is_cut = len(first) + len(last) < len(lines)
    text = "\n".join((*first, "…", *last) if is_cut else lines)
    return ShownText(text=text, note="what it said in between is left out" if is_cut or size < _size(stream) else "")


def _within(lines: Sequence[str], characters: int) -> list[str]:
    """The first of them, as many as fit."""
    ends = accumulate(max(len(line) + 1, _LINE) for line in lines)
    return [line for line, end in zip(lines, ends, strict=True) if end <= characters]


def _size(file: Path) -> int:
    with suppress(OSError):
        return file.stat().st_size
    return 0


def _chunks(stream: Path, *, size: int) -> Iterator[bytes]:
    """Of a file longer than that its begin and its end; where they meet no line is whole."""
    length = stream.stat().st_size
    with stream.open("rb") as file:
        if length <= size:
            yield file.read()
        else:
            yield file.read(size // 4)
            file.seek(length - 3 * size // 4)
            yield b"\n" + file.readline() + file.read()


async def _diffs(folder: RunFolder, results: Sequence[SessionResult], *, characters: int) -> dict[str, ShownText]:
    last = {each.task: each for each in results if each.base and each.head and each.changes.commits}
    found = {
        task: ShownText(text="", note=f"it is too long to be shown: git diff {each.base} {each.head}")
        for task, each in last.items()
        if each.changes.insertions + each.changes.deletions > _MOST_LINES_CHANGED
    }
    wanted = {task: (str(each.head), str(each.base)) for task, each in last.items() if task not in found}
    with suppress(GitError, GitUnusable, OSError):
        git = Git(folder.repository)
        known = await _known(git, {commit for pair in wanted.values() for commit in pair})
        pairs = {task: pair for task, pair in wanted.items() if known.issuperset(pair)}
        given = "".join(f"{head} {base}\n" for head, base in pairs.values())
        answer = await git.ask("-c", "core.bigFileThreshold=256k", *_DIFF, stdin=given.encode())
        texts = _COMMIT.split(answer.stdout.decode("utf-8", "replace"))[1:] if given else []
        for (task, (head, base)), text in zip(pairs.items(), texts, strict=False):
            found[task] = _cut(text.partition("\n")[2], f"git diff {base[:10]} {head[:10]}", characters=characters)
    return found


async def _known(git: Git, commits: set[str]) -> set[str]:
    """Those that are in the repository: branches that were swept may be gone."""
    given = "".join(f"{commit}\n" for commit in sorted(commits)).encode()
    answer = await git.ask("cat-file", "--batch-check=%(objectname) %(objecttype)", stdin=given)
    return {line.removesuffix(" commit") for line in answer.lines if line.endswith(" commit")}


def _cut(diff: str, command: str, *, characters: int) -> ShownText:
    shown = redact(clean(diff[: characters + _SEAM])).rstrip("\n")
    if len(diff) > characters + _SEAM:  # half a secret may stand at its end
        shown = shown[:-_SEAM].rpartition("\n")[0]
    lines = shown.split("\n")
    kept, of = _within(lines, characters), len(diff.rstrip("\n").split("\n"))
    note = "" if len(kept) == of else f"the first {len(kept):,} of {of:,} lines; all: {command}"
    return ShownText(text="\n".join(kept), note=note)
