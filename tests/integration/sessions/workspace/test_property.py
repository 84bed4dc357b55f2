"""Whatever sessions do with git, each one's lines are collected, to its own task only, and nothing else changes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.git import repositories
from tests.support.git.random_sessions import LinesWritten, play
from tests.support.git.repositories import Bench, commit, git, make_bench, make_repository

project = repositories.project
quiet_home = repositories.quiet_home

SESSIONS, AT_ONCE, GROUPS = 300, 4, 10


@pytest.fixture
async def shared_machine(project: Path, quiet_home: Path, tmp_path: Path) -> tuple[Bench, Bench]:
    """Two repositories on one machine, on which claude has folders of its own."""
    for file in (".claude.json", ".claude/settings.json", ".claude/projects/-elsewhere/memory/MEMORY.md", ".gitconfig"):
        (quiet_home / file).parent.mkdir(parents=True, exist_ok=True)
        (quiet_home / file).write_text("" if file == ".gitconfig" else "{}")
    files = {"shared.txt": "shared\n", "src/a.txt": "1\n2\n3\n"}
    other = make_repository(tmp_path / "other", files=files)
    commit(project, files, message="second")
    commit(other, {"more": "m"}, message="second")
    return await make_bench(project, tmp_path / "machine"), await make_bench(other, tmp_path / "machine")


@pytest.mark.parametrize("group", range(GROUPS))
async def test_every_line_is_collected_and_to_nobody_else(
    shared_machine: tuple[Bench, Bench], quiet_home: Path, tmp_path: Path, group: int
) -> None:
    """Of 300 random sessions, four at a time in two repositories, every line not thrown away is with its own task."""
    before = _everything(quiet_home)
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> tuple[str, LinesWritten, bytes]:
        async with gate:
            return await _session(shared_machine[number % 2], f"s{number}", tmp_path / f"scratch-{number}")

    per_group = SESSIONS // GROUPS
    ended = await asyncio.gather(*(one(n) for n in range(group * per_group, (group + 1) * per_group)))
    everyone = {line for _, lines, _ in ended for line in lines.written}
    lost = {task: sorted(line for line in lines.required if line.encode() not in kept) for task, lines, kept in ended}
    assert {task: lines for task, lines in lost.items() if lines} == {}
    strange = {
        task: sorted(line for line in everyone - lines.written if f"{line}\n".encode() in kept)
        for task, lines, kept in ended
    }
    assert {task: lines for task, lines in strange.items() if lines} == {}
    for bench in shared_machine:
        await bench.workspace.remove_run("r1")
    assert _everything(quiet_home) == before
    assert [*_left(tmp_path)] == []


async def _session(bench: Bench, task: str, scratch: Path) -> tuple[str, LinesWritten, bytes]:
    """A task with one session, or with a second one that goes on: what it wrote, and all that was collected of it."""
    number, lines = int(task.removeprefix("s")), LinesWritten()
    for attempt in (1, 2) if number % 4 == 0 else (1,):
        paths = await bench.prepare(task, attempt=attempt)
        found = await asyncio.to_thread(play, f"{task}.{attempt}", bench.checkout(paths), scratch)
        lines.written |= found.written
        lines.excused |= found.excused
        if number % 2:
            assert await asyncio.to_thread(bench.after, paths)
        collected = await bench.collect(paths)
        assert not collected.is_gone
    tips = [tip for tip in (collected.head, collected.strays) if tip]
    return task, lines, await asyncio.to_thread(_contents, bench, tips)


def _contents(bench: Bench, tips: list[str]) -> bytes:
    """Every file and message of the commits."""
    objects = git(bench.root, "rev-list", "--objects", *tips, "--not", "main").splitlines()
    asked = "".join(f"{line.split()[0]}\n" for line in objects)
    return git(bench.root, "cat-file", "--batch", stdin=asked).encode("utf-8", "surrogateescape")


def _everything(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def _left(tmp_path: Path) -> Iterator[str]:
    """What is there after the sweep and should not be: checkouts, notes, refs of tasks, worktrees elsewhere."""
    yield from (str(path) for path in (tmp_path / "machine").glob("checkouts/*"))
    yield from (str(path) for path in (tmp_path / "machine").glob("repos/*+*"))
    yield from (str(path) for path in (tmp_path / "machine").glob("repos/*.git/miyabi/r1*"))
    for store in (tmp_path / "machine").glob("repos/*.git"):
        refs = git(store, "for-each-ref", "--format=%(refname)").splitlines()
        yield from (ref for ref in refs if not ref.startswith("refs/miyabi/known/"))
    yield from (str(path) for path in tmp_path.glob("scratch-*/w*/.git"))


def test_a_journal_is_read_as_it_was_written(tmp_path: Path) -> None:
    """A line that its session threw away, with its folder, its stash or by a reset, is not asked for; others are."""
    (tmp_path / "journal").write_text(
        "w a top\nc top\nw b top\nx top\nw c top\ns top\nw d wt1\ndrop\nw e top\ngone wt1\n"
    )
    lines = LinesWritten.read(tmp_path / "journal")
    assert (lines.written, lines.required) == (set("abcde"), {"a", "e"})
