"""Code goes out to a machine and is collected."""

from __future__ import annotations

import asyncio
import re
import shutil
from pathlib import Path

import pytest

from miyabi.errors import GitFailed, RemoteFailed
from tests.support.git import repositories
from tests.support.git.repositories import Bench, commit, git, make_bench, snapshot

bench = repositories.bench
project = repositories.project
quiet_home = repositories.quiet_home


async def test_a_worktree_is_made_on_its_branch_at_the_base(bench: Bench) -> None:
    """The agent finds the files of the base, on the task's branch, with nothing to commit."""
    paths = await bench.prepare()
    there = bench.checkout(paths)
    assert (there / "src" / "a.txt").read_text() == "1\n2\n3\n"
    assert git(there, "rev-parse", "--abbrev-ref", "HEAD") == "miyabi/r1/t1"
    assert git(there, "status", "--porcelain", "--ignored") == ""


async def test_commits_are_collected_on_their_branch(bench: Bench) -> None:
    """What the agent committed is on the task's branch at the orchestrator, untouched."""
    paths = await bench.prepare()
    bench.play(paths, "echo hi >new; git add new; git commit -qm 'Add new'; git rm -q README.md; git commit -qm 'Drop'")
    collected = await bench.collect(paths)
    assert collected.head == git(bench.checkout(paths), "rev-parse", "HEAD")
    assert git(bench.root, "log", "--format=%an %s", "main..miyabi/r1/t1").splitlines() == [
        "Agent Drop",
        "Agent Add new",
    ]
    assert (collected.salvaged, collected.strays) == (False, None)


async def test_the_users_checkout_is_never_touched(bench: Bench) -> None:
    """Whatever the user has open, staged, stashed or set up is as it was, byte for byte, after a whole run."""
    root = bench.root
    (root / "README.md").write_text("being edited\n")
    git(root, "stash", "-q")
    (root / "staged").write_text("s")
    git(root, "add", "staged")
    (root / "README.md").write_text("being edited again\n")
    (root / "untracked 日本").write_text("u")
    for hook in ("post-checkout", "pre-commit", "reference-transaction", "post-merge", "pre-auto-gc"):
        (root / ".git/hooks" / hook).write_text(f"#!/bin/sh\ntouch '{root}/hook-ran'\nexit 1\n")
        (root / ".git/hooks" / hook).chmod(0o755)
    git(root, "config", "gc.auto", "1")
    before = snapshot(root)
    paths = await bench.prepare()
    bench.play(
        paths, "echo hi >new; git add new; git commit -qm one; git commit -q --amend -m two; echo left >>README.md"
    )
    bench.after(paths)
    collected = await bench.collect(paths)
    await bench.repository.merge([collected.head], base="main", message="m")
    await bench.workspace.remove_run("r1")
    assert snapshot(root) == before
    assert set(await bench.repository.branches("miyabi")) == {"miyabi/r1/t1", "miyabi/r1/t1+strays"}


async def test_a_session_without_commits_still_has_its_branch(bench: Bench) -> None:
    """Where nothing was done, the branch is there and is the base."""
    paths = await bench.prepare()
    collected = await bench.collect(paths)
    assert collected.head == git(bench.root, "rev-parse", "main") == git(bench.root, "rev-parse", "miyabi/r1/t1")


async def test_collecting_again_changes_nothing(bench: Bench) -> None:
    """Asked twice, the answer is the same and no commit is made twice."""
    paths = await bench.prepare()
    bench.play(paths, "echo 1 >a; git add a; git commit -qm a; git commit -q --amend -m b; echo 2 >b")
    first = await bench.collect(paths)
    refs = git(bench.root, "for-each-ref")
    assert await bench.collect(paths) == first
    assert git(bench.root, "for-each-ref") == refs


async def test_a_dependant_starts_from_its_upstreams(bench: Bench) -> None:
    """A worktree based on the merge of two heads has the files of both, and only what is its own is collected."""
    base = await bench.repository.merge(
        await bench.worked("t1", "t2"), base="main", message="Merge the upstreams of t3"
    )
    paths = await bench.prepare("t3", base=base)
    assert {"t1.txt", "t2.txt"} <= {path.name for path in bench.checkout(paths).iterdir()}
    bench.play(paths, "cat t1.txt t2.txt >t3.txt; git add .; git commit -qm t3")
    collected = await bench.collect(paths, base=base)
    changes = await bench.repository.changes(base, collected.head)
    assert (changes.commits, changes.files) == (1, ("t3.txt",))


async def test_preparing_again_keeps_what_is_there(bench: Bench) -> None:
    """A second attempt goes on where the first one was: its commits and its open files stay."""
    paths = await bench.prepare()
    bench.play(paths, "echo 1 >a; git add a; git commit -qm a; echo open >b")
    await bench.prepare(attempt=2)
    assert (bench.checkout(paths) / "b").read_text() == "open\n"
    assert git(bench.checkout(paths), "log", "-1", "--format=%s") == "a"


async def test_many_tasks_at_once(bench: Bench) -> None:
    """Twenty tasks prepared, worked on and collected at the same time get on with each other."""
    names = [f"t{n}" for n in range(20)]
    everyone = await asyncio.gather(*(bench.prepare(name) for name in names))
    for paths in everyone:
        bench.play(paths, f"echo {paths.task} >{paths.task}.txt; git add .; git commit -qm {paths.task}; echo x >left")
    collected = await asyncio.gather(*(bench.collect(paths) for paths in everyone))
    assert len({c.head for c in collected}) == 20
    for paths in everyone:
        assert bench.files(paths.branch) == ["README.md", "left", "src/a.txt", f"{paths.task}.txt"]


async def test_two_machines_on_one_disk_do_not_meet(bench: Bench, tmp_path: Path) -> None:
    """Two workspaces of one user keep apart, also for the same task name in two runs."""
    other = await make_bench(bench.root, tmp_path / "other")
    one, two = await asyncio.gather(bench.prepare(run="r1"), other.prepare(run="r2"))
    bench.play(one, "echo 1 >one; git add .; git commit -qm one")
    other.play(two, "echo 2 >two; git add .; git commit -qm two")
    await asyncio.gather(bench.collect(one), other.collect(two))
    assert bench.files("miyabi/r1/t1") == ["README.md", "one", "src/a.txt"]
    assert bench.files("miyabi/r2/t1") == ["README.md", "src/a.txt", "two"]


async def test_any_file_travels(bench: Bench) -> None:
    """Japanese and odd names, bytes of any kind, links and modes arrive as they are."""
    root = bench.root
    (root / "link").symlink_to("README.md")
    (root / "日本語").mkdir()
    (root / "日本語" / "run me.sh").write_text("#!/bin/sh\n")
    (root / "日本語" / "run me.sh").chmod(0o755)
    commit(root, {"b.bin": bytes(range(256)) * 300, 'a\tb "q" \'\\': "odd", "crlf.txt": "a\r\nb\r\n"})
    paths = await bench.prepare()
    there = bench.checkout(paths)
    assert (there / "b.bin").read_bytes() == bytes(range(256)) * 300
    assert (there / "link").is_symlink()
    bench.play(
        paths,
        "cp b.bin 絵.bin; printf 'a\\r\\n' >'新しい ファイル'; git add .; git commit -qm 日本語; echo 残り >残り",
    )
    collected = await bench.collect(paths)
    changes = await bench.repository.changes("main", collected.head)
    assert changes.files == ("新しい ファイル", "残り", "絵.bin")
    assert git(root, "ls-tree", collected.head, "日本語/run me.sh").startswith("100755")


async def test_the_machine_knows_no_way_out(bench: Bench) -> None:
    """No credential of the user's repository is in the store or a checkout, and git asks nobody from there."""
    git(bench.root, "remote", "add", "origin", "https://token@example.com/x.git")
    git(bench.root, "config", "http.extraHeader", "Authorization: Bearer secret")
    paths = await bench.prepare()
    configs = [(folder / "config").read_text() for folder in (bench.store, bench.checkout(paths) / ".git")]
    assert not re.search("url|remote", configs[0])
    assert not re.search("token|secret", "".join(configs))
    assert git(bench.checkout(paths), "config", "remote.origin.url") == "https://example.com/x.git"


async def test_the_check_runs_after_the_salvage(bench: Bench) -> None:
    """The check sees the agent's files; what it drops is not committed, neither at once nor when collected."""
    paths = await bench.prepare()
    bench.play(paths, "echo work >work.txt")
    ended = bench.after(paths, check="cat work.txt; echo dropping >dropping.txt; git status --porcelain\nexit 5")
    assert (ended.returncode, ended.stdout) == (5, "work\n?? dropping.txt\n")
    collected = await bench.collect(paths)
    assert collected.salvaged
    assert bench.files(collected.head) == ["README.md", "src/a.txt", "work.txt"]


async def test_a_stopped_session_is_salvaged_and_not_checked(bench: Bench) -> None:
    """Where the session was stopped, its work is kept and the check does not run."""
    paths = await bench.prepare()
    bench.play(paths, "echo work >work.txt")
    ended = bench.after(paths, check="echo checked; exit 5", MIYABI_STOPPED="1")
    assert (ended.returncode, ended.stdout) == (0, "")
    assert "work.txt" in bench.files((await bench.collect(paths)).head)


async def test_no_check_is_a_good_end(bench: Bench) -> None:
    """Without a check the end of the session is 0, and says nothing."""
    ended = bench.after(await bench.prepare())
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


async def test_a_branch_in_the_way_is_reported_before_the_session(bench: Bench) -> None:
    """A branch called like our folder is refused before anything is started, with the command that helps."""
    git(bench.root, "branch", "miyabi")
    with pytest.raises(GitFailed, match="git branch -m miyabi miyabi-old"):
        await bench.prepare()


async def test_a_branch_below_ours_is_reported_at_the_end(bench: Bench) -> None:
    """A branch that sits where the task's should be is named; the work stays on the machine and comes with a retry."""
    paths = await bench.prepare()
    git(bench.root, "branch", "miyabi/r1/t1/mine")
    with pytest.raises(GitFailed, match="git branch -m miyabi/r1/t1/mine miyabi-r1-t1-mine-old"):
        await bench.collect(paths)
    git(bench.root, "branch", "-m", "miyabi/r1/t1/mine", "mine")
    assert (await bench.collect(paths)).head


async def test_a_branch_that_is_checked_out_stays(bench: Bench) -> None:
    """We do not move a branch under the user's feet; once they have left it, it is collected."""
    paths = await bench.prepare()
    await bench.collect(paths)
    git(bench.root, "checkout", "-q", "miyabi/r1/t1")
    bench.play(paths, "echo 1 >a; git add a; git commit -qm a")
    with pytest.raises(GitFailed, match="is checked out in"):
        await bench.collect(paths)
    git(bench.root, "checkout", "-q", "main")
    assert (await bench.collect(paths)).head == git(bench.root, "rev-parse", "miyabi/r1/t1")


async def test_a_task_that_was_never_there_is_an_error(bench: Bench) -> None:
    """Collecting what does not exist says so, and makes nothing up."""
    paths = await bench.prepare()
    shutil.rmtree(bench.folder)
    with pytest.raises(RemoteFailed, match="cannot collect the work"):
        await bench.collect(paths)
    assert await bench.repository.branches("miyabi") == {}
