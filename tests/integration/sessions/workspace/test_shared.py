"""What is shared on a machine: by repositories whose runs have one name, and by the agents of one mirror."""

from __future__ import annotations

from pathlib import Path

import pytest

from miyabi.errors import RemoteFailed
from miyabi.machines import Machine
from miyabi.machines.local import LocalHost
from miyabi.runs import sweep_machine
from miyabi.sessions import RemoteSession, list_sessions
from miyabi.settings import Settings
from tests.support.git import repositories
from tests.support.git.repositories import Bench, git, make_bench, make_repository

bench = repositories.bench
project = repositories.project
quiet_home = repositories.quiet_home


async def test_two_repositories_with_a_run_of_one_name(bench: Bench, tmp_path: Path) -> None:
    """Who comes second is told so; neither its preparing nor its removing touches what is the first one's."""
    other = await make_bench(make_repository(tmp_path / "other"), bench.folder)
    paths = await bench.prepare()
    bench.play(paths, "echo precious >precious.txt")
    with pytest.raises(RemoteFailed, match="another repository has a run r1 with a task t1 here"):
        await other.prepare()
    theirs = await other.prepare("t2")
    await other.workspace.remove(paths)
    await other.workspace.remove_run("r1")
    assert not other.checkout(theirs).exists()
    await bench.collect(paths)
    assert bench.show("miyabi/r1/t1:precious.txt") == "precious"
    await bench.workspace.remove_run("r1")
    assert [*bench.folder.glob("checkouts/*"), *bench.folder.glob("repos/*+*")] == []
    await other.prepare()


async def test_a_sweep_leaves_the_sessions_of_another_repository(bench: Bench, tmp_path: Path) -> None:
    """Of two runs of one name, sweeping one removes its own worktrees and sessions and none of the other's."""
    other = await make_bench(make_repository(tmp_path / "other"), bench.folder)
    host, there = LocalHost("mini"), str(bench.folder)
    for each, task in ((bench, "t1"), (other, "t2")):
        session = RemoteSession(host, (await each.prepare(task)).session, workspace=there)
        limits = {"slots": 2, "timeout_seconds": 20, "after_timeout_seconds": 20, "linger_seconds": 15}
        await session.start(script=b"echo hello", stdin=b"", after=b"", **limits)  # type: ignore[arg-type]
        await session.follow(tmp_path / f"{task}.out", tmp_path / f"{task}.err")
    swept = await sweep_machine(
        Machine(name="mini", workspace=there), host, other.repository, run="r1", settings=Settings()
    )
    assert swept[:2] == (True, "mini: swept, 1 session")
    assert [name for name, _ in await list_sessions(host, workspace=there)] == ["r1.t1.1"]
    assert [path.name for path in bench.folder.glob("checkouts/r1/*")] == ["t1"]


@pytest.mark.parametrize("goes_back", ["git checkout -q miyabi/r1/t1", "true"])
async def test_a_branch_named_like_ours_is_an_agents(bench: Bench, goes_back: str) -> None:
    """What an agent commits on a branch of its own is collected, also where that is called as if it were ours."""
    paths = await bench.prepare()
    bench.play(paths, f"save one; git checkout -qb miyabi/r1/t1-again HEAD~1; save two; {goes_back}")
    collected = await bench.collect(paths)
    assert collected.strays
    words = ("log", "--format=%s", "--author=Agent", collected.head, collected.strays, "--not", "main")
    assert sorted(git(bench.root, *words).split()) == ["one", "two"]
    await bench.workspace.remove_run("r1")
    assert git(bench.store, "for-each-ref", "refs/heads") == ""


async def test_settings_that_git_cannot_read_harm_no_other_task(bench: Bench) -> None:
    """Where an agent's `git config` made the mirror unreadable, work of all tasks is collected, and new ones begin."""
    paths, other = await bench.prepare(), await bench.prepare("t2")
    bench.play(paths, "save one; git config core.repositoryformatversion 99")
    assert "one" in bench.files((await bench.collect(paths)).head)
    await bench.collect(other)
    await bench.prepare("t3")


async def test_what_an_agent_excludes_is_not_hidden_from_later_tasks(bench: Bench) -> None:
    """Patterns in the exclude file, which all worktrees share, end with the next task."""
    bench.play(await bench.prepare(), "echo '*' >>$(git rev-parse --git-path info/exclude)")
    paths = await bench.prepare("t2")
    bench.play(paths, "echo work >work.txt")
    assert "work.txt" in bench.files((await bench.collect(paths)).head)
