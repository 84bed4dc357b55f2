"""What a run made on a machine goes with it, and nothing else does."""

from __future__ import annotations

from pathlib import Path

from tests.support.git import repositories
from tests.support.git.repositories import Bench, commit, git, make_bench
from tests.support.machines.shell_host import WITHOUT_RIGHTS, ShellHost

bench = repositories.bench
project = repositories.project
quiet_home = repositories.quiet_home


def _everything(bench: Bench) -> dict[str, str]:
    """Refs and files of the machine, but for objects and logs."""
    kept = {"objects", "logs"}
    files = [p for p in bench.folder.rglob("*") if not kept & set(p.relative_to(bench.folder).parts)]
    found = {str(p): "" if p.is_dir() else p.read_bytes().hex() for p in files}
    return found | {"refs": git(bench.store, "for-each-ref")}


async def test_removing_a_task_leaves_no_trace(bench: Bench) -> None:
    """Worktree, branches, stashes and notes of one task are gone; those of the others are as they were."""
    other = await bench.prepare("other")
    bench.play(other, "echo o >o; git stash -qu")
    before = _everything(bench)
    paths = await bench.prepare()
    bench.play(
        paths,
        "save a; git commit -q --amend -m b; git checkout -qb mine; echo 2 >c; git stash -qu;"
        "git worktree add -q sub -b sub; cd sub; git init -q inner; cd inner; git commit -q --allow-empty -m inner",
    )
    await bench.collect(paths)
    await bench.workspace.remove(paths)
    assert _everything(bench) == before
    assert git(other_folder := bench.checkout(other), "stash", "list").count("\n") == 0
    assert git(other_folder, "stash", "pop")


async def test_removing_is_repeatable(bench: Bench) -> None:
    """Removing what is not there, or was never there, is no error."""
    paths = await bench.prepare()
    for _ in range(2):
        await bench.workspace.remove(paths)
        await bench.workspace.remove_run("r1")
    await bench.workspace.remove_run("never")
    assert list((bench.folder / "checkouts").iterdir()) == []


async def test_removing_where_nothing_was_made(bench: Bench) -> None:
    """A machine that never saw the repository has nothing to remove."""
    await bench.workspace.remove_run("r1")
    assert not (bench.folder / "repos").exists()


async def test_removing_a_run_leaves_the_other(bench: Bench) -> None:
    """Runs whose names begin alike are not mistaken for each other."""
    for run in ("r1", "r10"):
        for task in ("a", "a.b"):
            paths = await bench.prepare(task, run=run)
            bench.play(paths, "echo x >x; git add x; git commit -qm x; git commit -q --amend -m y")
            await bench.collect(paths)
    await bench.workspace.remove_run("r1")
    refs = git(bench.store, "for-each-ref", "--format=%(refname)", "refs/miyabi/base", "refs/miyabi/heads").splitlines()
    assert refs == [f"refs/miyabi/{kind}/r10/{task}" for kind in ("base", "heads") for task in ("a", "a.b")]
    assert sorted(p.name for p in (bench.folder / "checkouts").iterdir()) == ["r10"]
    assert (await bench.collect(paths)).strays


async def test_the_last_run_takes_everything_along(bench: Bench) -> None:
    """When no task is left, nothing of what agents made is in the store. The history stays known."""
    paths = await bench.prepare()
    bench.play(
        paths,
        "git branch left; git tag left; git remote add there https://x.example/; echo 1 >a; git add a; git stash -q",
    )
    await bench.workspace.remove_run("r1")
    refs = git(bench.store, "for-each-ref", "--format=%(refname)").splitlines()
    assert refs == [f"refs/miyabi/known/{git(bench.root, 'rev-parse', 'main')}"]
    assert "there" not in (bench.store / "config").read_text()
    assert list((bench.store / "miyabi").glob("r1*")) == []


async def test_a_task_that_ran_elsewhere_is_cleaned_up(bench: Bench) -> None:
    """A worktree that was prepared ahead and not used is removed, and may be prepared again."""
    paths = await bench.prepare()
    await bench.workspace.remove(paths)
    assert not bench.checkout(paths).exists()
    await bench.prepare()
    assert (bench.checkout(paths) / "README.md").exists()


async def test_folders_without_write_permission_go_too(project: Path, tmp_path: Path) -> None:
    """Caches that protect their files do not stop the removal."""
    bench = await make_bench(project, tmp_path / "machine", host=ShellHost(WITHOUT_RIGHTS))
    paths = await bench.prepare()
    bench.play(paths, "mkdir -p a/b; echo x >a/b/c; chmod -R a-w a")
    await bench.workspace.remove(paths)
    assert not bench.checkout(paths).exists()


async def test_the_users_branches_stay(bench: Bench) -> None:
    """Removing on the machine takes nothing from the user's repository."""
    paths = await bench.prepare()
    bench.play(paths, "echo 1 >a; git add a; git commit -qm a")
    head = (await bench.collect(paths)).head
    await bench.workspace.remove_run("r1")
    assert git(bench.root, "rev-parse", paths.branch) == head


async def test_only_the_latest_histories_are_remembered(bench: Bench) -> None:
    """After many runs on a moving branch the mirror remembers a few of its states, not all."""
    for n in range(8):
        commit(bench.root, {"n": str(n)})
        await bench.prepare(run=f"r{n}")
        await bench.workspace.remove_run(f"r{n}")
    assert len(git(bench.store, "for-each-ref", "refs/miyabi/known").splitlines()) == 5
