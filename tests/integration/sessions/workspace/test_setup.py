"""What a checkout is given and how it is set up: there for the session, and no work of it."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence

import pytest

from miyabi.errors import RemoteFailed
from miyabi.sessions import SessionPaths
from miyabi.system import clean_environment
from tests.support.git import repositories
from tests.support.git.repositories import Bench, commit, git
from tests.support.git.submodules import Task, add_submodule, make_library

bench = repositories.bench
project = repositories.project
quiet_home = repositories.quiet_home

SECRET = b"KEY=canary-4711\n\0\xff"
SIGNED = "-c user.name=x -c user.email=x@example"
MAKES = "mkdir -p deps/x && echo 1 >deps/x/a; echo 2 >'odd [name]*'; echo 9 >>README.md; rm -f src/a.txt"


def set_up(bench: Bench, paths: SessionPaths, *commands: str, shell: Sequence[str] = ("/bin/sh",)) -> int:
    """Sets the task's checkout up as its session's supervisor does; the exit status."""
    place = {"checkout": str(bench.checkout(paths)), "prelude": "VALUE=given; export VALUE"}
    text = bench.workspace.setup_script(paths, commands=commands, **place)
    environment = clean_environment(os.environ)
    script = text.decode().replace("/bin/sh ", f"{shlex.join(shell)} ")
    return subprocess.run([*shell, "-c", script], env=environment, check=False).returncode


async def test_what_a_set_up_made_is_no_work(bench: Bench) -> None:
    """Its new files and what it changed are committed by no `git add -A`, ours included; the session's work is."""
    paths = await bench.prepare()
    assert set_up(bench, paths, "[ $VALUE = given ]", MAKES) == 0
    bench.play(
        paths, "echo mine >mine.txt; git add -A . ':!README.md' ':!src'; git commit -qm mine; echo open >open.txt"
    )
    collected = await bench.collect(paths)
    assert bench.files(collected.head) == ["README.md", "mine.txt", "open.txt", "src/a.txt"]
    assert bench.show(f"{collected.head}:README.md") == "hello"
    assert collected.left_there == ()
    assert (bench.checkout(paths) / "deps/x/a").exists()


async def test_only_what_a_set_up_made_is_no_work(bench: Bench) -> None:
    """With nothing else there is no commit; a file that the session changed further is the session's."""
    paths = await bench.prepare()
    set_up(bench, paths, MAKES)
    assert (await bench.collect(paths)).head == git(bench.root, "rev-parse", "main")
    other = await bench.prepare("t2")
    set_up(bench, other, MAKES)
    bench.play(other, "echo more >>README.md; echo new >deps/x/new")
    head = (await bench.collect(other)).head
    assert bench.files(head) == ["README.md", "deps/x/new", "src/a.txt"]
    assert bench.show(f"{head}:README.md") == "hello\n9\nmore"


@pytest.mark.parametrize(
    "setup",
    [
        "echo 9 >>README.md; echo 9 >gen; git add -A; rm src/a.txt",
        "git update-index --assume-unchanged README.md; echo 9 >>README.md",
        "git update-index --skip-worktree README.md; echo 9 >>README.md",
        "rm README.md; ln -s src/a.txt README.md; rm -r src; echo 9 >src",
    ],
)
async def test_what_a_set_up_told_git_is_no_work(bench: Bench, setup: str) -> None:
    """Nor what it staged, what git is not to look at, and what it put in a file's place."""
    paths = await bench.prepare()
    assert set_up(bench, paths, setup) == 0
    bench.play(paths, "echo mine >mine.txt")
    head = (await bench.collect(paths)).head
    assert git(bench.root, "diff", "--name-only", "main", head) == "mine.txt"


@pytest.mark.parametrize("end", ["true", "exit 3"])
@pytest.mark.parametrize(
    "setup",
    [
        "git add -A; git commit -qm generated",
        "git checkout -qb beside; git add -A; git commit -qm generated",
        "git add -A; git commit -qm generated; git checkout -q --detach; git commit -q --allow-empty -m more",
        "git add -A; git stash -q; git stash apply -q",
    ],
)
async def test_what_a_set_up_committed_is_no_work(bench: Bench, setup: str, end: str) -> None:
    """Wherever it did, and whether it went well: the branch stands where it stood, and the files are there."""
    paths = await bench.prepare()
    base = git(bench.root, "rev-parse", "main")
    changes = "git config user.name x; git config user.email x@example; echo 9 >>README.md; echo 9 >gen"
    assert set_up(bench, paths, f"{changes}; {setup}", end) == (3 if end == "exit 3" else 0)
    collected = await bench.collect(paths)
    assert (collected.head, collected.strays) == (base, None)
    again = await bench.prepare(attempt=2)
    assert set_up(bench, again, "true") == 0
    assert (bench.checkout(again) / "gen").exists()
    bench.play(
        again, "git checkout -q -B own; git checkout -q -; echo mine >mine.txt; git add -A .; git commit -qm mine"
    )
    collected = await bench.collect(again)
    assert git(bench.root, "diff", "--name-only", "main", collected.head).split() == ["README.md", "mine.txt"]
    assert collected.strays is None


@pytest.mark.parametrize("setup", ["rm README.md; ln -s a README.md", "rm README.md"])
async def test_a_link_in_place_of_a_file_is_the_sessions(bench: Bench, setup: str) -> None:
    """A link is told from another one, and from nothing: what the session made of it is collected."""
    paths = await bench.prepare()
    set_up(bench, paths, setup)
    bench.play(paths, "ln -sfn b README.md")
    assert bench.show(f"{(await bench.collect(paths)).head}:README.md") == "b"


async def test_in_submodules(bench: Bench) -> None:
    """What a set-up made in one, changed in it or checked out of it is no work; what the session did there is."""
    library = make_library(bench.folder.parent / "library")
    for path in ("built", "moved"):
        add_submodule(bench.root, library, path)
    setup = f"touch built/lib.o; echo 9 >>built/lib.txt; git -C moved {SIGNED} commit -q --allow-empty -m newer"
    task = await Task.prepare(bench)
    assert set_up(bench, task.paths, setup) == 0
    task.play("echo mine >mine.txt")
    collected = await task.collect_all()
    assert git(bench.root, "diff", "--name-only", task.base, collected.head) == "mine.txt"
    assert not any(each.collected.salvaged for each in task.found_inside)
    task = await Task.prepare(bench, "t2")
    assert set_up(bench, task.paths, setup) == 0
    task.play("echo mine >built/mine.txt; cd moved; save mine.txt")
    collected = await task.collect_all()
    assert git(bench.root, "diff", "--name-only", task.base, collected.head).split() == ["built", "moved"]
    built = next(each.collected.head for each in task.found_inside if each.inside.path == "built")
    assert git(bench.root / "built", "ls-tree", "--name-only", built).split() == ["lib.txt", "mine.txt"]
    assert git(bench.root / "built", "show", f"{built}:lib.txt") == "lib"


async def test_thousands_of_files_are_named_by_their_folders(bench: Bench) -> None:
    """What git is told to ignore stays short, and a folder that was there before is not ignored as a whole."""
    paths = await bench.prepare()
    set_up(bench, paths, "mkdir venv && cd venv && seq 1100 | xargs touch; touch ../src/made")
    assert (bench.checkout(paths) / ".git/info/exclude").read_text().splitlines()[-2:] == ["/venv/", "/src/made"]
    bench.play(paths, "echo mine >src/mine")
    assert bench.files((await bench.collect(paths)).head) == ["README.md", "src/a.txt", "src/mine"]


async def test_a_red_set_up_leaves_no_work(bench: Bench) -> None:
    """What it had made is not committed; nor is it after another session, whose set-up went well."""
    paths = await bench.prepare()
    assert set_up(bench, paths, MAKES, "exit 3", "touch never") == 3
    base = git(bench.root, "rev-parse", "main")
    assert (await bench.collect(paths)).head == base
    again = await bench.prepare(attempt=2)
    assert set_up(bench, again, MAKES, "true") == 0
    assert (await bench.collect(again)).head == base
    assert not (bench.checkout(paths) / "never").exists()


async def test_a_checkout_is_set_up_once(bench: Bench) -> None:
    """Another attempt in it finds it so, unless it is to be set up otherwise; one that is made anew is set up anew."""
    paths = await bench.prepare()
    count = "echo x >>../../count"
    for attempt in (1, 2):
        assert set_up(bench, await bench.prepare(attempt=attempt), count) == 0
    counted = bench.folder / "checkouts/r1/count"
    assert counted.read_text() == "x\n"
    assert set_up(bench, await bench.prepare(attempt=3), count, "true") == 0
    assert counted.read_text() == "x\nx\n"
    shutil.rmtree(bench.checkout(paths))
    assert set_up(bench, await bench.prepare(attempt=4), count, "true") == 0
    assert counted.read_text() == "x\nx\nx\n"


async def test_files_are_copied_and_never_committed(bench: Bench) -> None:
    """They are there as they are, mode 0600; whatever becomes of the .gitignore, we commit none of them."""
    commit(bench.root, {".gitignore": ".env\n*.local.*\n"})
    paths = await bench.prepare()
    files = {".env": SECRET, "config/a.local.json": b"{}", "ünïcode .local.x": b""}
    for _ in range(2):
        await bench.workspace.copy(paths, files)
    there = {name: bench.checkout(paths) / name for name in files}
    assert {name: file.read_bytes() for name, file in there.items()} == files
    assert {file.stat().st_mode & 0o777 for file in there.values()} == {0o600}
    bench.play(paths, "git rm -q .gitignore; echo '!.env' >.gitignore; echo changed >>.env; echo w >w; git add -A")
    head = (await bench.collect(paths)).head
    assert bench.files(head) == [".gitignore", "README.md", "src/a.txt", "w"]


async def test_a_branch_that_holds_one_stays_there(bench: Bench) -> None:
    """Under whatever name a session committed it, and beside its branch too; nothing of it comes here."""
    base = git(bench.root, "rev-parse", "main")
    for task, script in (
        ("forced", "git add -f .env; git commit -qm x"),
        (
            "renamed",
            "cp .env shown.txt; save more; git add shown.txt; git commit -qm x; git rm -q shown.txt; save gone",
        ),
        ("open", "cp .env shown.txt"),
    ):
        paths = await bench.prepare(task)
        await bench.workspace.copy(paths, {".env": SECRET, "empty": b""})
        bench.play(paths, f"touch nothing; git add nothing; {script}")
        collected = await bench.collect(paths)
        assert (collected.head, collected.leaked) == (base, (".env",) if task == "forced" else ("shown.txt",)), task
    beside = await bench.prepare("beside")
    await bench.workspace.copy(beside, {".env": SECRET})
    bench.play(beside, "save good; git checkout -qb other; git add -f .env; git commit -qm x; git checkout -q -")
    collected = await bench.collect(beside)
    assert (collected.leaked, collected.strays) == ((), None)
    assert collected.left_there == ("what is beside its branch: it holds .env",)
    assert bench.files(collected.head) == ["README.md", "good", "src/a.txt"]
    assert b"canary" not in git(bench.root, "log", "--all", "-p").encode()


async def test_files_are_not_copied_through_links(bench: Bench) -> None:
    """A link in the checkout leads no file of ours out of it."""
    paths = await bench.prepare()
    bench.play(paths, "ln -s /tmp config; ln -s ../../../outside .env")
    await bench.workspace.copy(paths, {".env": SECRET})
    assert (bench.checkout(paths) / ".env").read_bytes() == SECRET
    assert not (bench.checkout(paths) / ".env").is_symlink()
    with pytest.raises(RemoteFailed, match=r"config is no folder"):
        await bench.workspace.copy(paths, {"config/x": SECRET})


async def test_nothing_of_it_stays(bench: Bench) -> None:
    """What was noted of a task goes with it."""
    paths = await bench.prepare()
    await bench.workspace.copy(paths, {".env": SECRET})
    set_up(bench, paths, MAKES)
    await bench.workspace.remove(paths)
    assert not [file.name for file in (bench.store / "miyabi").iterdir() if file.name.startswith("r1+t1.")]
