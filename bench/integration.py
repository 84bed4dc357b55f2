"""How long it takes to merge a run's branches into one; beside us `git merge --no-ff`, one by one in a worktree.

    python -m bench.integration [BRANCHES [FILES]]

Each branch changes four files of its own and, each on another line, two that all of them change, in a repository of
2,000 files. Both ways start from the same heads and must end with the same files. Prints seconds and the ratio.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from miyabi.git import Repository
from tests.support.git.repositories import git, make_repository
from tests.support.values.finished_runs import PlayedRun

GOAL_SECONDS = 30.0
SHARED = ("src/registry.py", "docs/changes.md")


def main(branches: int = 100, files: int = 2000) -> None:
    """Runs the comparison and prints it."""
    with tempfile.TemporaryDirectory() as folder:
        root = make_repository(Path(folder) / "repository", files=_files(branches, files))
        run = asyncio.run(_played(root, branches))
        print(f"{branches} branches of 6 changed files each, {files:,} files in the repository")
        ours, our_tree = asyncio.run(_integrated(run))
        peer, peer_tree = _merged_by_git(run, Path(folder) / "worktree")
        assert our_tree == peer_tree, "both ways end with the same files"
    for name, seconds in (("miyabi", ours), ("git merge --no-ff", peer)):
        each = 1000 * seconds / branches
        print(f"{name:18} {seconds:7.2f} s   {each:6.1f} ms a branch   {seconds / ours:5.1f} x miyabi")
    print(f"goal               {GOAL_SECONDS:7.2f} s   {'met' if ours <= GOAL_SECONDS else 'MISSED'}")


def _files(branches: int, files: int) -> Mapping[str, str]:
    own = {f"src/package{n % 50:02}/module{n:04}.py": _lines(f"module {n}", 60) for n in range(files - len(SHARED))}
    return own | dict.fromkeys(SHARED, _lines("entry", 4 * branches))


def _lines(what: str, count: int) -> str:
    return "".join(f"# {what}, line {number}\n" for number in range(count))


async def _played(root: Path, branches: int) -> PlayedRun:
    run = PlayedRun(await Repository.open(root))
    names = sorted(_files(branches, 4 * branches + len(SHARED)))
    own = [name for name in names if name not in SHARED]
    for number in range(branches):
        changed: dict[str, str | None] = dict.fromkeys(own[4 * number :][:4], f"changed by {number}\n")
        for name in SHARED:
            lines = (root / name).read_text(encoding="utf-8").splitlines(keepends=True)
            lines[4 * number + 2] = f"changed by {number}\n"
            changed[name] = "".join(lines)
        await run.task(f"t{number:03}", changed)
    return run


async def _integrated(run: PlayedRun) -> tuple[float, str]:
    started = time.perf_counter()
    came = await run.integrate()
    seconds = time.perf_counter() - started
    assert len(came.merged) == len(run.results)
    return seconds, git(run.root, "rev-parse", f"{came.head}^{{tree}}")


def _merged_by_git(run: PlayedRun, worktree: Path) -> tuple[float, str]:
    started = time.perf_counter()
    git(run.root, "worktree", "add", "-q", "--detach", str(worktree), run.base)
    for task, result in run.results.items():
        git(worktree, "merge", "-q", "--no-ff", "-m", f"Merge {task}", result.head or "")
    return time.perf_counter() - started, git(worktree, "rev-parse", "HEAD^{tree}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
