"""What a task's checkout costs on a machine that has the code: a repository of its own, beside a linked worktree.

    python -m bench.checkout [--files 5 5000 50000] [--times 7]

The same repository and machine, in turns: `prepare` as this build has it, as build 0.1 had it (a linked worktree of the
mirror, `tests/cases/upgrade/workspace.sh`), and plain `git worktree add` in that mirror. Prints medians in milliseconds
and their ratios to ours.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from miyabi.git import Clone, Repository, clone_of
from miyabi.machines import install
from miyabi.machines.local import LocalHost
from miyabi.sessions import SessionPaths, Workspace
from tests.support.git.repositories import git, make_repository

EARLIER = Path(__file__).parents[1] / "tests" / "cases" / "upgrade" / "workspace.sh"


def main() -> None:
    """Runs the comparison and prints it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, nargs="+", default=[5, 5000, 50_000])
    parser.add_argument("--times", type=int, default=7)
    given = parser.parse_args()
    print(
        f"{'files':>7}  {'own repository':>15}  {'linked (0.1)':>20}  {'git worktree add':>20}   milliseconds, x ours"
    )
    for files in given.files:
        with tempfile.TemporaryDirectory() as folder:
            medians = measure(Path(folder), files=files, times=given.times)
        ours, *others = medians
        print(f"{files:7}  {ours:15.1f}" + "".join(f"  {each:11.1f} {each / ours:6.2f} x" for each in others))


def measure(folder: Path, *, files: int, times: int) -> tuple[float, ...]:
    """The medians of the three ways, in milliseconds."""
    contents = {f"d{n // 100}/f{n}.txt": f"{n}\n" * 20 for n in range(files)}
    repository = asyncio.run(Repository.open(make_repository(folder / "repository", files=contents)))
    base = asyncio.run(repository.resolve("main"))
    clone = asyncio.run(clone_of(repository, branch="main", commit=base))
    ways = (own(folder, repository, base, clone), linked(folder, repository, base), plain(folder, repository))
    found: list[list[float]] = [[] for _ in ways]
    for number in range(times + 1):
        for turn in range(len(ways)):  # no way is always the one that comes after another
            which = (number + turn) % len(ways)
            os.sync()
            start = time.perf_counter()
            made = ways[which](number)
            found[which].append(1000 * (time.perf_counter() - start))
            shutil.rmtree(made)
    return tuple(statistics.median(taken[1:]) for taken in found)


def own(folder: Path, repository: Repository, base: str, clone: Clone) -> Callable[[int], Path]:
    """`prepare` of this build; the code is there."""
    there, host = str(folder / "own"), LocalHost()
    workspace = Workspace(host, repository, workspace=there)
    asyncio.run(workspace.prepare(SessionPaths(run="warm", task="t"), base=base, clone=clone))
    script = install.path(there, "workspace")

    def prepare(number: int) -> Path:
        words = ("prepare", there, repository.key, "r1", f"t{number}", "sha1", base, "0", clone.name, "0")
        _run("/bin/sh", script, *words)
        return folder / "own" / "checkouts" / "r1" / f"t{number}"

    return prepare


def linked(folder: Path, repository: Repository, base: str) -> Callable[[int], Path]:
    """The same of build 0.1."""
    there, bundle = folder / "linked", folder / "bundle"
    asyncio.run(repository.bundle(base, known=(), file=bundle))

    def prepare(number: int, *, size: int = 0) -> Path:
        words = ("prepare", str(there), repository.key, "r1", f"t{number}", "sha1", base, str(size))
        _run("/bin/sh", str(EARLIER), *words, stdin=bundle if size else Path("/dev/null"))
        return there / "worktrees" / "r1" / f"t{number}"

    prepare(-1, size=bundle.stat().st_size)
    return prepare


def plain(folder: Path, repository: Repository) -> Callable[[int], Path]:
    """`git worktree add` in a bare mirror."""
    mirror = folder / "mirror.git"
    git(folder, "clone", "-q", "--bare", str(repository.root), str(mirror))

    def prepare(number: int) -> Path:
        made = folder / "trees" / f"t{number}"
        _run("git", "-C", str(mirror), "worktree", "add", "-q", "-b", f"b{number}", str(made), "main")
        return made

    return prepare


def _run(*words: str, stdin: Path = Path("/dev/null")) -> None:
    with stdin.open("rb") as source:
        subprocess.run(words, stdin=source, stdout=subprocess.DEVNULL, check=True)


if __name__ == "__main__":
    main()
