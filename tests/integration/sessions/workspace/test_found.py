"""What a session did beside its branch is found wherever it lies, with what is uncommitted there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from miyabi.sessions import Collected
from tests.support.git import repositories
from tests.support.git.repositories import Bench, commit, git

bench = repositories.bench
project = repositories.project
quiet_home = repositories.quiet_home


def _everywhere(bench: Bench, collected: Collected) -> set[str]:
    """Every file of every commit that was collected and is not in the base."""
    tips = [tip for tip in (collected.head, collected.strays) if tip]
    commits = git(bench.root, "rev-list", *tips, "--not", "main").split()
    return {file for one in commits for file in bench.files(one)}


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines()


def _is_there(folder: str) -> bool:
    return os.path.lexists(folder)


@pytest.mark.parametrize("place", [".claude/worktrees/w", "wt/sub", "../beside", "{tmp}/else where", "'in $side'"])
@pytest.mark.parametrize("how", ["-b wip {place}", "--detach {place}"])
async def test_worktrees_wherever_they_are(bench: Bench, tmp_path: Path, place: str, how: str) -> None:
    """Inside, beside or elsewhere, on a branch or detached: all of it is collected, and it goes with the task."""
    paths = await bench.prepare()
    there = place.format(tmp=tmp_path)
    quoted = there if there.startswith("'") else f"'{there}'"
    bench.play(
        paths,
        f"git worktree add -q {how.format(place=quoted)} 2>/dev/null; cd {quoted};"
        "save two; echo open >open; pwd >$HOME/at",
    )
    (folder,) = _lines(Path(os.environ["HOME"]) / "at")
    collected = await bench.collect(paths)
    assert collected.strays
    assert {"two", "open"} <= _everywhere(bench, collected)
    assert {"two", "open"}.isdisjoint(bench.files(collected.head))
    await bench.workspace.remove(paths)
    assert not _is_there(folder)


@pytest.mark.parametrize("how", ["relative", "moved", "locked"])
async def test_worktrees_that_are_noted_otherwise(bench: Bench, tmp_path: Path, how: str) -> None:
    """A relative note, as newer gits write it, leads to the folder too; and one that was moved, or is locked."""
    paths = await bench.prepare()
    bench.play(paths, "git worktree add -q ../beside -b wip; cd ../beside; save two; echo open >open")
    admin = bench.checkout(paths) / ".git/worktrees/beside"
    beside = bench.checkout(paths).parent / "beside"
    if how == "relative":
        (admin / "gitdir").write_text("../../../../beside/.git\n")
        (beside / ".git").write_text("gitdir: ../t1/.git/worktrees/beside\n")
    elif how == "moved":
        git(bench.checkout(paths), "worktree", "move", str(beside), str(tmp_path / "moved"))
    else:
        git(bench.checkout(paths), "worktree", "lock", str(beside))
    assert {"two", "open"} <= _everywhere(bench, await bench.collect(paths))


async def test_a_worktree_of_another_is_left_alone(bench: Bench, tmp_path: Path) -> None:
    """A folder that only claims to be the task's worktree is neither committed nor removed."""
    paths = await bench.prepare()
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("x")
    bench.play(paths, "git worktree add -q ../beside -b wip; rm -rf ../beside")
    (bench.checkout(paths) / ".git/worktrees/beside/gitdir").write_text(f"{precious}/.git\n")
    await bench.collect(paths)
    await bench.workspace.remove(paths)
    assert (precious / "file").read_text() == "x"


@pytest.mark.parametrize(
    "name",
    ["app", "a b", "-dash", 'q"uote', "back\\slash", "tab\tname", "line\nbreak", " lead", "日本", "*", "deep/er"],
)
@pytest.mark.parametrize("ignored", [False, True])
async def test_repositories_inside_of_any_name(bench: Bench, name: str, *, ignored: bool) -> None:
    """Whatever a repository inside is called, and be it ignored: its commits and its open files are collected."""
    if ignored:
        commit(bench.root, {".gitignore": "inside/\n"})
    paths = await bench.prepare()
    folder = bench.checkout(paths) / "inside" / name
    folder.mkdir(parents=True)
    git(folder, "init", "-q")
    (folder / "two").write_text("two\n")
    git(folder, "add", "two")
    git(folder, "commit", "-qm", "two")
    (folder / "open").write_text("open\n")
    collected = await bench.collect(paths)
    assert collected.strays
    assert {"two", "open"} <= {Path(file).name for file in _everywhere(bench, collected)}
    assert (f"inside/{name}/open" in bench.files(collected.head)) is not ignored
    assert (folder / ".git").is_dir()


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("save x; mkdir deeper; cd deeper; git init -q; save y; echo open >z", {"x", "y", "z"}),
        ("save x; echo s >s; git stash -qu; save y", {"x", "y", "s"}),
        ("save x; git checkout -qb other; save y; git checkout -q -", {"x", "y"}),
        ("save x; git checkout -q --detach; save y; git checkout -q @{-1}", {"x"}),
        ("save x; git worktree add -q ../wt -b wt; cd ../wt; save y; echo open >z", {"x", "y", "z"}),
        ("save x; git worktree add -q --detach ../wt; cd ../wt; save y; echo open >z", {"x", "y", "z"}),
        ("echo open >x", {"x"}),
    ],
)
async def test_what_a_repository_inside_holds(bench: Bench, script: str, found: set[str]) -> None:
    """Repositories in it, its stashes, branches and worktrees come along."""
    paths = await bench.prepare()
    bench.play(paths, f"mkdir app; cd app; git init -q; git commit -q --allow-empty -m root; {script}")
    collected = await bench.collect(paths)
    assert found <= {Path(file).name for file in _everywhere(bench, collected)}


async def test_a_clone_inside_that_was_only_read(bench: Bench, tmp_path: Path) -> None:
    """A clone of something else, without a change, is no work: its files are, where they are not ignored."""
    repositories.make_repository(tmp_path / "lib", files={"lib.txt": "lib"})
    paths = await bench.prepare()
    bench.play(paths, f"mkdir vendor; echo /vendor >>.git/info/exclude; git clone -q '{tmp_path}/lib' vendor/lib")
    collected = await bench.collect(paths)
    assert (collected.salvaged, collected.strays) == (False, None)
    bench.play(paths, "cd vendor/lib; save change")
    assert "change" in _everywhere(bench, await bench.collect(paths.model_copy(update={"attempt": 2})))


@pytest.mark.parametrize(
    "script",
    [
        "echo mine >>README.md; git rebase -q --autostash main~1 --exec 'exit 1' 2>/dev/null || true",
        "git checkout -q --detach; save mine; git checkout -q miyabi/r1/t1",
        "save mine; git tag keep; git reset -q --hard HEAD~1",
        "save mine; git update-ref refs/my/own HEAD; git reset -q --hard HEAD~1; git reflog expire --expire=now --all",
        "git notes add -m mine",
        "echo mine >mine; git add mine; git stash -q; git stash branch b >/dev/null; save b; git checkout -q -",
        "git worktree add -q ../w --detach; cd ../w; save mine; cd -; rm -rf ../w",
    ],
)
async def test_commits_under_any_name(bench: Bench, script: str) -> None:
    """On tags, notes, refs of its own, detached, put aside by a rebase, in a worktree that is gone: all is kept."""
    commit(bench.root, {"n": "1"})
    commit(bench.root, {"n": "2"})
    paths = await bench.prepare()
    bench.play(paths, script)
    collected = await bench.collect(paths)
    assert collected.strays
    texts = git(bench.root, "log", "-p", "--format=%B", "-m", collected.head, collected.strays, "--not", "main")
    assert "mine" in texts


@pytest.mark.parametrize(
    "script",
    [
        "! git merge -q side >/dev/null 2>&1",
        "! git cherry-pick side >/dev/null 2>&1",
        "! git rebase -q side >/dev/null 2>&1",
        "! git revert --no-edit HEAD~1 >/dev/null 2>&1",
        "git format-patch -q -1 side -o ..; ! git am -q -3 ../*.patch >/dev/null 2>&1",
        "git reset -q --hard HEAD~2; echo o >src/a.txt; git stash -q; git merge -q side; ! git stash pop -q >/dev/null",
        "git reset -q --hard HEAD~2; echo open >src/a.txt; ! git checkout -q -m side 2>/dev/null || true",
    ],
)
async def test_a_conflict_that_is_open_is_reported(bench: Bench, script: str) -> None:
    """Whatever command stopped in a conflict, the file is named."""
    paths = await bench.prepare()
    bench.play(
        paths,
        "git checkout -qb side; echo theirs >src/a.txt; git commit -qam theirs; git checkout -q miyabi/r1/t1;"
        f"echo one >src/a.txt; git commit -qam one; echo two >src/a.txt; git commit -qam two; {script}",
    )
    collected = await bench.collect(paths)
    assert collected.unmerged == ("src/a.txt",)
    assert await bench.collect(paths) == collected


async def test_a_deleted_file_in_conflict_is_reported(bench: Bench) -> None:
    """A conflict without markers, one side having deleted the file, is one too; any name arrives."""
    commit(bench.root, {'日本 "x"\t.txt': "1\n"})
    paths = await bench.prepare()
    bench.play(
        paths,
        "git checkout -qb side; git rm -q 日本*; git commit -qm gone; git checkout -q miyabi/r1/t1;"
        'for f in 日本*; do echo 2 >"$f"; done; git commit -qam two; ! git merge -q side >/dev/null 2>&1',
    )
    assert (await bench.collect(paths)).unmerged == ('日本 "x"\t.txt',)


async def test_files_that_are_too_large_stay_and_are_named(bench: Bench) -> None:
    """New or changed, over the limit: not in the commit, still on the machine, and told; the rest is salvaged."""
    commit(bench.root, {"old.bin": "small"})
    paths = await bench.prepare()
    bench.play(
        paths,
        "head -c 3000000 /dev/zero >'big one.bin'; head -c 3000000 /dev/zero >old.bin; mkdir d;"
        "head -c 2500000 /dev/zero >d/deep.bin; head -c 900000 /dev/zero >ok.bin",
    )
    collected = await bench.workspace.collect(
        paths, base=await bench.repository.resolve("main"), max_file_bytes=1_000_000
    )
    assert collected.salvaged
    assert set(collected.left_there) == {"big one.bin (3 MB)", "d/deep.bin (2 MB)", "old.bin (3 MB)"}
    assert "ok.bin" in bench.files(collected.head)
    assert not {"big one.bin", "d/deep.bin"} & set(bench.files(collected.head))
    assert bench.show(f"{collected.head}:old.bin") == "small"
    assert (bench.checkout(paths) / "big one.bin").stat().st_size == 3_000_000


@pytest.mark.parametrize(("files", "left"), [(1001, True), (1000, False)])
async def test_very_many_new_files_are_no_work(bench: Bench, files: int, *, left: bool) -> None:
    """A folder of over a thousand new files, as a forgotten node_modules, stays there; what else is new is salvaged."""
    paths = await bench.prepare()
    many = bench.checkout(paths) / "node_modules" / "x"
    many.mkdir(parents=True)
    for n in range(files):
        (many / f"{n}.js").write_text("")
    bench.play(paths, "mkdir -p lib; echo work >lib/work.txt; echo more >more.txt")
    if not left:
        shutil.rmtree(bench.checkout(paths) / "lib")
        (bench.checkout(paths) / "more.txt").unlink()
    collected = await bench.collect(paths)
    saved = set(bench.files(collected.head))
    assert collected.left_there == ((f"node_modules/ ({files} files)",) if left else ())
    assert ("node_modules/x/1.js" in saved) is not left
    assert ({"lib/work.txt", "more.txt"} <= saved) is left


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("cd ..; mv t1 ../../../away; ln -s '{other}' t1", None),
        ("mv .git ../../../../away; ln -s '{other}/.git' .git; echo w >w", {"w"}),
        ("mkdir sub; ln -s '{other}/.git' sub/.git; echo w >sub/w", {"sub/w"}),
        ("git -C '{other}' worktree add -q -b theirs \"$PWD/sub\"; echo w >sub/w", {"sub/w"}),
        ("ln -s '{other}' sub; echo w >w", {"w"}),
        ("git worktree add -q ../x -b x; printf '%s/.git\\n' '{other}' >.git/worktrees/x/gitdir; echo w >w", {"w"}),
    ],
)
async def test_what_is_not_the_tasks_is_never_touched(
    bench: Bench, tmp_path: Path, script: str, found: set[str] | None
) -> None:
    """Links and worktrees that lead to a repository of the user's own: it stays as it is, whatever is done to ours."""
    other = repositories.make_repository(tmp_path / "other", files={"theirs": "1"})
    git(other, "worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    (other / "open").write_text("being edited")
    (tmp_path / "side" / "open").write_text("being edited")
    paths = await bench.prepare()
    bench.play(paths, script.format(other=other))
    before = _state(other, tmp_path / "side")
    collected = await bench.collect(paths)
    assert collected.is_gone is (found is None)
    assert (found or set()) <= set(bench.files(collected.head))
    assert collected.strays is None or "theirs" not in _everywhere(bench, collected)
    await bench.workspace.remove_run("r1")
    assert _state(other, tmp_path / "side") == before


def _state(*folders: Path) -> list[str]:
    words = [("status", "--porcelain"), ("for-each-ref", "refs/heads"), ("log", "--oneline", "--all")]
    return [git(folder, *each) for folder in folders for each in words]
