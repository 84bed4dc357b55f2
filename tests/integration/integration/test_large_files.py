"""Tasks with files that GitHub takes in no push are left out by name, and the rest is merged."""

from __future__ import annotations

from pathlib import Path

import pytest

from miyabi.errors import PushRefused
from miyabi.integration import Conflict, Integration, LeftOut, LeftOutKind
from miyabi.sessions import Outcome, published_branch
from tests.support.git.pushing import PushingRepository, pushing_repository  # noqa: F401
from tests.support.git.repositories import commit, git, project, quiet_home  # noqa: F401
from tests.support.prefect.aggregated import aggregate, report
from tests.support.prefect.server import RealServer, prefect_database, prefect_server  # noqa: F401
from tests.support.values.finished_runs import PlayedRun, commit_on, played, temporary_checkouts  # noqa: F401

MOST = 2 << 20
LARGE = "x" * (MOST + 1)
REASON = "GitHub takes no file over 2 MiB, and its commits hold "


def left(came: Integration) -> dict[str, LeftOutKind]:
    """Why each task is left out."""
    return {task: out.kind for task, out in came.left_out_by_task.items()}


async def test_it_is_left_out_with_what_builds_on_it(played: PlayedRun) -> None:
    """The task is named with file and size, its dependants with it, and all others are merged."""
    await played.task("a", {"a.txt": "a"})
    await played.task("big", {"data.bin": LARGE, "small.txt": "s"}, after=["a"])
    await played.task("on-it", {"on.txt": "on"}, after=["big"])
    await played.task("also", {"also.txt": "also"}, after=["on-it"])
    await played.task("b", {"b.txt": "b"}, after=["a"])
    came = await played.integrate(max_file_bytes=MOST)
    assert came.tasks == ("a", "b")
    assert came.left_out == (
        LeftOut(task="big", kind=LeftOutKind.SIZE, reason=f"{REASON}data.bin (2.0 MiB)"),
        LeftOut(
            task="on-it",
            kind=LeftOutKind.UPSTREAM,
            because_of="big",
            reason="it builds on big, which holds a file that is too large for GitHub",
        ),
        LeftOut(
            task="also",
            kind=LeftOutKind.UPSTREAM,
            because_of="big",
            reason="it builds on big, which holds a file that is too large for GitHub",
        ),
    )
    assert "data.bin" not in git(played.root, "log", "--format=", "--name-only", came.head)


async def test_where_there_is_no_limit_all_is_merged(played: PlayedRun) -> None:
    """A run whose branch goes nowhere is not harmed, and neither is one whose files are just small enough."""
    await played.task("big", {"data.bin": LARGE})
    assert (await played.integrate()).tasks == ("big",)
    assert (await played.integrate(max_file_bytes=MOST + 1)).tasks == ("big",)
    assert left(await played.integrate(max_file_bytes=MOST)) == {"big": LeftOutKind.SIZE}


async def test_a_file_that_was_taken_back_is_still_in_the_commits(played: PlayedRun) -> None:
    """A push brings the whole history: what a later commit deleted counts, and who builds on it goes with it."""
    head = await played.task("big", {"data.bin": LARGE})
    gone = commit_on(played.root, "gone", {"data.bin": None, "a.txt": "a"}, parent=head, message="without")
    played.results["big"] = played.results["big"].model_copy(update={"head": gone})
    await played.task("later", {"b.txt": "b"}, after=["big"])
    await played.task("alone", {"c.txt": "c"})
    came = await played.integrate(max_file_bytes=MOST)
    assert left(came) == {"big": LeftOutKind.SIZE, "later": LeftOutKind.UPSTREAM}
    assert came.tasks == ("alone",)


async def test_what_the_base_has_is_nobodys(played: PlayedRun) -> None:
    """A large file that is in the base, moved or changed in mode by a task, is not the task's."""
    played.base = commit(played.root, {"old.bin": LARGE})
    await played.task("moves", {"old.bin": None, "new.bin": LARGE})
    await played.task("reads", {"a.txt": "a"})
    assert (await played.integrate(max_file_bytes=MOST)).left_out == ()


async def test_many_files_are_counted(played: PlayedRun) -> None:
    """The largest three are named, whatever they are called, and the rest is counted."""
    files = {f"d/ü {n}.bin": LARGE + "x" * n * (1 << 20) for n in range(5)}
    await played.task("big", dict(files))
    (out,) = (await played.integrate(max_file_bytes=MOST)).left_out
    named = "d/ü 4.bin (6.0 MiB), d/ü 3.bin (5.0 MiB), d/ü 2.bin (4.0 MiB) and 2 more"
    assert out.reason == f"{REASON}{named}"


async def test_what_did_not_succeed_is_reported_as_that(played: PlayedRun) -> None:
    """A task that failed is left out for its failure, not for its size."""
    await played.task("big", {"data.bin": LARGE}, outcome=Outcome.CHECK_FAILED)
    assert left(await played.integrate(max_file_bytes=MOST)) == {"big": LeftOutKind.FAILED}


async def test_a_resolution_that_is_too_large(played: PlayedRun) -> None:
    """A session that resolves a conflict with a large file has not resolved it for GitHub."""
    await played.task("one", {"src/a.txt": "one\n2\n3\n"})
    await played.task("two", {"src/a.txt": "two\n2\n3\n"})

    async def resolve(conflict: Conflict) -> str:
        files: dict[str, str | None] = {"src/a.txt": "both\n", "dump": LARGE}
        return commit_on(played.root, "hands", files, parent=conflict.start, message="resolved")

    came = await played.integrate(resolve=resolve, max_file_bytes=MOST)
    assert left(came) == {"two": LeftOutKind.CONFLICT}
    assert came.left_out[0].reason.endswith("; the resolution holds dump (2.0 MiB), too large for GitHub")
    assert (await played.integrate(resolve=resolve)).left_out == ()


@pytest.mark.parametrize(
    ("remote", "settings", "applies"),
    [
        ("https://github.com/acme/api.git", "", True),
        ("git@github.com:acme/api.git", "", True),
        ("https://code.example.com/acme/api.git", "", True),
        ("https://gitlab.com/acme/api.git", "", False),
        ("../api.git", "", False),
        ("../api.git", 'repository = "acme/api"\n', True),
        ("", "", False),
    ],
)
@pytest.mark.usefixtures("temporary_checkouts")
async def test_when_it_applies(
    prefect_server: RealServer, played: PlayedRun, remote: str, settings: str, *, applies: bool
) -> None:
    """Where a pull request can be opened for the repository, as remote and settings say; a local one keeps all."""
    await played.task("big", {"data.bin": LARGE})
    await played.task("small", {"small.txt": "s"})
    if remote:
        git(played.root, "remote", "add", "origin", remote)
    _configure(played.root, f"[github]\nmax_file_mib = 2\n{settings}")
    folder = played.keep()
    state = aggregate(played)
    assert state.name == ("Partial" if applies else "Completed"), state.message
    kept = folder.load(Integration)
    assert kept
    assert kept.tasks == (("small",) if applies else ("big", "small"))
    assert (f"{REASON}data.bin (2.0 MiB)" in report(folder)) is applies


def _configure(root: Path, text: str) -> None:
    (root / ".miyabi").mkdir()
    (root / ".miyabi/config.toml").write_text(text)


REFUSES = """#!/bin/sh
while read -r _ new _; do
  git rev-list --objects "$new" --not --all | cut -d' ' -f1 | git cat-file --batch-check='%(objectname) %(objectsize)' |
    awk -v most={most} '$2 > most {{ found = 1 }} END {{ exit found }}' || {{
    echo "error: GH001: Large files detected. You may want to try Git Large File Storage"; exit 1; }}
done
"""


async def test_what_is_left_is_pushed(played: PlayedRun, pushing_repository: PushingRepository) -> None:
    """A remote that refuses large files takes the branch that they were left out of, and refuses the one with all."""
    hook = pushing_repository.bare / "hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(REFUSES.format(most=MOST))
    hook.chmod(0o755)
    await played.task("big", {"data.bin": LARGE})
    await played.task("small", {"small.txt": "s"})
    branch = published_branch(played.run)
    everything = await played.integrate()
    with pytest.raises(PushRefused, match="Take the large files out of the commits"):
        await pushing_repository.push({branch: everything.head})
    without = await played.integrate(max_file_bytes=MOST)
    assert await pushing_repository.push({branch: without.head}) == (branch,)
    assert pushing_repository.there(branch) == without.head
