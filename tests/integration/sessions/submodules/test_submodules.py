"""Submodules of the user's clone are filled on a machine, offline, and what is done in them comes back there."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from miyabi.claude import Evidence
from miyabi.claude.outcome import decide
from miyabi.git import Repository, Submodules, submodules_of
from miyabi.sessions import Outcome
from tests.support.claude.recordings import init, read, result
from tests.support.git import repositories, submodules
from tests.support.git.repositories import Bench, commit, git, make_bench
from tests.support.git.submodules import ALLOWED, Task, add_submodule, bump, make_library
from tests.support.machines.shell_host import STRICT_SHELLS, ShellHost

any_git = repositories.any_git
bench = repositories.bench
library = submodules.library
project = repositories.project
quiet_home = repositories.quiet_home


async def test_it_is_a_submodule_as_after_update(any_git: str, bench: Bench, library: Path) -> None:
    """Its files are there; status, update and a look at it work without its remote, which no command asks."""
    shutil.rmtree(library)
    task = await Task.prepare(bench)
    assert (task.folder / "lib/lib.txt").read_text() == "lib\n"
    assert task.git("submodule", "status").startswith(" ")
    task.git("submodule", "update", "--init", "--recursive")
    assert task.git("status", "--porcelain") == ""
    assert git(task.folder / "lib", "fsck") == ""
    assert git(task.folder / "lib", "rev-parse", "--show-superproject-working-tree") == str(task.folder)


async def test_its_remote_says_who_fetches(bench: Bench, library: Path) -> None:
    """As in the repository around it, `fetch` and `push` inside say that Water Spider does that."""
    git(bench.root / "lib", "remote", "set-url", "origin", "https://someone:secret@example.com/lib.git")
    task = await Task.prepare(bench)
    assert "Water Spider does that" in task.play("cd lib; git fetch 2>&1 || true; git push 2>&1 || true")
    assert "secret" not in task.play("cat .git/config .git/modules/lib/config")


async def test_commits_and_open_work_come_back(any_git: str, bench: Bench, library: Path) -> None:
    """What was committed and named, and what was left uncommitted, is in the user's clone of the submodule."""
    task = await Task.prepare(bench)
    task.play("cd lib; save one; cd ..; git add lib; git commit -qm bump; echo open >lib/open.txt")
    work = await task.collect_all()
    named = git(bench.root, "rev-parse", f"{work.head}:lib")
    assert work.strays is None
    assert git(bench.root / "lib", "rev-parse", task.paths.branch) == named
    assert git(bench.root / "lib", "ls-tree", "--name-only", named).split() == ["lib.txt", "one", "open.txt"]
    (said,) = await task.outcomes_of()
    assert named[:12] in said.text
    assert said.command == f"git -C lib push origin {named[:12]}:refs/heads/miyabi/r1/t1"
    git(bench.root / "lib", "push", "-q", "origin", f"{named[:12]}:refs/heads/miyabi/r1/t1")
    git(bench.root / "lib", "fetch", "-q")
    assert await task.outcomes_of() == ()


async def test_a_checkout_of_the_branch_finds_it(bench: Bench, library: Path) -> None:
    """The user switches to the task's branch, and `git submodule update` has what it names."""
    task = await Task.prepare(bench)
    task.play("cd lib; echo new >lib.txt; git commit -qam new; cd ..; git commit -qam bump")
    await task.collect_all()
    git(bench.root, "switch", "-q", task.paths.branch)
    git(bench.root, "submodule", "update", "--init")
    assert (bench.root / "lib/lib.txt").read_text() == "new\n"


async def test_what_was_not_touched_leaves_no_branch(bench: Bench, library: Path) -> None:
    """A session that only read in a submodule leaves nothing in the clone of it."""
    task = await Task.prepare(bench)
    task.play("cat lib/lib.txt >copy; git add copy; git commit -qm copy")
    assert (await task.collect_all()).strays is None
    assert await task.outcomes_of() == ()
    assert git(bench.root / "lib", "branch", "--list", "miyabi/*") == ""


@pytest.mark.parametrize(
    "script",
    [
        "cd lib; git checkout -qb side; save side; git checkout -q -",
        "cd lib; save one; git reset -q --hard HEAD~1",
        "cd lib; echo s >>lib.txt; git stash -q",
        "cd lib; git worktree add -q ../../beside; cd ../../beside; save there",
        "cd lib; git tag before; git checkout -q --detach; save detached; git checkout -q before",
    ],
)
async def test_work_that_the_branch_does_not_name_is_reported(bench: Bench, library: Path, script: str) -> None:
    """Other branches, stashes, worktrees and commits taken back inside a submodule are kept there, and said."""
    task = await Task.prepare(bench)
    task.play(f"({script}); save work")
    await task.collect_all()
    (said,) = await task.outcomes_of()
    assert said.text.startswith("1 commit (1 file, +1 -0) on miyabi/r1/t1+strays in the submodule lib")
    assert git(bench.root / "lib", "rev-parse", "--verify", "miyabi/r1/t1+strays")


@pytest.mark.parametrize(
    "script",
    [
        "git checkout -qb side; save side; git checkout -q -",
        "echo s >>lib.txt; git stash -q",
        "save one; git reset -q --hard HEAD~1",
        "git worktree add -q ../../beside; cd ../../beside; save there",
    ],
)
async def test_work_only_beside_the_branch_of_one_is_off_the_branch(bench: Bench, library: Path, script: str) -> None:
    """A session that did all of it there is not said to have left no change; which it did is in the sentence."""
    task = await Task.prepare(bench)
    task.play(f"cd lib; {script}")
    work = await task.collect_all()
    changes = await bench.repository.changes(task.base, work.head)
    evidence = Evidence(agent_exit=0, task="t1", commits=changes.commits, submodules=await task.outcomes_of())
    said = decide(read(init() + result()), evidence)
    assert said.outcome is Outcome.OFF_BRANCH
    where = "on miyabi/r1/t1+strays in the submodule lib, and not in what its branch names of it"
    assert f"left nothing on its branch, but 1 commit (1 file, +1 -0) {where}" in (said.error_text or "")


async def test_work_in_one_that_git_ignores_is_reported(any_git: str, bench: Bench, library: Path) -> None:
    """Commits in a submodule with `ignore = all`, which nothing names by itself, are on a branch and said."""
    git(bench.root, "config", "-f", ".gitmodules", "submodule.lib.ignore", "all")
    commit(bench.root, {}, message="ignore")
    task = await Task.prepare(bench)
    task.play("save work; cd lib; save inside")
    head = (await task.collect_all()).head
    made = git(bench.root / "lib", "rev-parse", "miyabi/r1/t1")
    assert git(bench.root / "lib", "cat-file", "-t", f"{made}:inside") == "blob"
    (said,) = await task.outcomes_of()
    is_named = git(bench.root, "rev-parse", f"{head}:lib") == made  # gits differ in what `add` takes of such a one
    assert (made[:12] if is_named else "1 commit (1 file, +1 -0) on miyabi/r1/t1 in the submodule lib") in said.text


async def test_the_next_session_has_the_bumped_files(bench: Bench, library: Path, tmp_path: Path) -> None:
    """A task that builds on a bump finds its files, on the same machine and on another one."""
    first = await Task.prepare(bench)
    first.play("cd lib; echo new >lib.txt; git commit -qam new; cd ..; git commit -qam bump")
    head = (await first.collect_all()).head
    other = await make_bench(bench.root, tmp_path / "other")
    for there, name in ((bench, "t2"), (other, "t3")):
        task = await Task.prepare(there, name, base=head)
        assert (task.folder / "lib/lib.txt").read_text() == "new\n"
        assert task.git("submodule", "status").startswith(" ")


async def test_submodules_of_submodules(any_git: str, bench: Bench, library: Path, tmp_path: Path) -> None:
    """One inside of another is filled, and a commit in it comes back to the user's clone of it."""
    inner = make_library(tmp_path / "libraries" / "inner", content="inner\n")
    add_submodule(bench.root / "lib", inner, "deep/inner")
    commit(bench.root, {}, message="lib has one")
    task = await Task.prepare(bench)
    assert task.git("submodule", "status", "--recursive").count("\n ") == 1
    task.play("cd lib/deep/inner; save one")
    head = (await task.collect_all()).head
    lib = git(bench.root, "rev-parse", f"{head}:lib")
    named = git(bench.root / "lib", "rev-parse", f"{lib}:deep/inner")
    assert git(bench.root / "lib/deep/inner", "rev-parse", task.paths.branch) == named
    assert {each.command for each in await task.outcomes_of()} == {
        f"git -C lib push origin {lib[:12]}:refs/heads/miyabi/r1/t1",
        f"git -C lib/deep/inner push origin {named[:12]}:refs/heads/miyabi/r1/t1",
    }


async def test_two_submodules_one_moved_and_one_with_its_repository_inside(
    bench: Bench, library: Path, tmp_path: Path
) -> None:
    """A submodule that was moved keeps its name, and one whose `.git` is a folder is filled as well."""
    git(bench.root, "mv", "lib", "moved to")
    git(bench.root, "-c", "protocol.file.allow=always", "clone", "-q", str(library), "old")
    git(bench.root, "config", "-f", ".gitmodules", "submodule.old.path", "old")
    git(bench.root, "config", "-f", ".gitmodules", "submodule.old.url", str(library))
    commit(bench.root, {}, message="two")
    assert (bench.root / "old/.git").is_dir()
    task = await Task.prepare(bench)
    for path in ("moved to", "old"):
        assert (task.folder / path / "lib.txt").read_text() == "lib\n"
        task.play(f"cd '{path}'; save one")
    await task.collect_all()
    assert len(await task.outcomes_of()) == 2
    for path in ("moved to", "old"):
        assert git(bench.root / path, "cat-file", "-t", f"{task.paths.branch}:one") == "blob"


async def test_what_the_clone_has_not_is_said(bench: Bench, library: Path, tmp_path: Path) -> None:
    """One whose commit is not in the clone stays empty, and one line says which, and what to do."""
    add_submodule(bench.root, make_library(tmp_path / "libraries" / "other"), "other")
    clone = tmp_path / "clone"
    git(bench.root, "clone", "-q", str(bench.root), str(clone))
    git(clone, "-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--init", "lib")
    there = await make_bench(clone, tmp_path / "machine 2")
    head = git(clone, "rev-parse", "HEAD:other")
    warning = (await submodules_of(there.repository, git(clone, "rev-parse", "HEAD"))).warning
    assert warning is not None
    assert f"other ({head[:12]})" in warning
    assert "git submodule update --init" in warning
    assert "lib" not in warning
    task = await Task.prepare(there)
    assert (task.folder / "lib/lib.txt").exists()
    assert list((task.folder / "other").iterdir()) == []


async def test_one_that_is_behind_is_said_with_its_fetch(bench: Bench, library: Path, tmp_path: Path) -> None:
    """Where the clone has the submodule and not the commit, as with a base that was fetched, the command is another."""
    clone = tmp_path / "clone"
    git(bench.root, *ALLOWED, "clone", "-q", "--recurse-submodules", str(bench.root), str(clone))
    made = bump(bench.root, "lib")
    git(bench.root / "lib", "push", "-q", "origin", "HEAD:refs/heads/later")
    git(clone, "fetch", "-q", "--no-recurse-submodules")
    there = await make_bench(clone, tmp_path / "machine 2")
    head = git(clone, "rev-parse", "origin/main")
    warning = (await submodules_of(there.repository, head)).warning
    assert warning is not None
    assert f"lib ({made[:12]})" in warning
    assert warning.endswith("To have them: git -C lib fetch")
    git(clone / "lib", "fetch", "-q")
    assert (await submodules_of(there.repository, head)).warning is None


async def test_a_second_run_ships_nothing(bench: Bench, library: Path) -> None:
    """What a machine has of a submodule stays there after a sweep; nothing of the run does."""
    task = await Task.prepare(bench)
    task.play("cd lib; save one")
    await task.collect_all()
    await bench.workspace.remove_run("r1")
    (store,) = (bench.folder / "repos").glob("lib-*.git")
    refs = git(store, "for-each-ref", "--format=%(refname)").splitlines()
    assert refs
    assert all(ref.startswith("refs/miyabi/known/") for ref in refs)
    assert not list((store / "miyabi").glob("r1*"))
    packs = sorted((store / "objects/pack").iterdir())
    await Task.prepare(await make_bench(bench.root, bench.folder), run="r2")
    assert sorted((store / "objects/pack").iterdir()) == packs


@pytest.mark.parametrize("shell", STRICT_SHELLS, ids=" ".join)
async def test_the_whole_way_in_each_shell(
    project: Path, library: Path, tmp_path: Path, shell: tuple[str, ...]
) -> None:
    """Filled, worked on, collected, once more, and removed: the same with each shell."""
    bench = await make_bench(project, tmp_path / "a machine", host=ShellHost(shell))
    task = await Task.prepare(bench)
    task.play("cd lib; save one; echo open >'open 開'")
    work = await task.collect_all()
    assert (await task.collect_all()).head == work.head
    again = await Task.prepare(bench, attempt=2)
    again.play("cd lib; save two")
    named = git(project, "rev-parse", f"{(await again.collect_all()).head}:lib")
    assert git(project / "lib", "ls-tree", "-z", "--name-only", named).split("\0")[:-1] == [
        "lib.txt",
        "one",
        "open 開",
        "two",
    ]
    await bench.workspace.remove_run("r1")
    assert not list((bench.folder / "checkouts").iterdir())


@pytest.mark.parametrize(
    "damage",
    [
        "rm -rf .git/modules/lib lib",
        "rm -rf lib; mkdir lib",
        "echo x >.git/modules/lib/HEAD",
        "rm .git/modules/lib/config",
    ],
)
async def test_a_damaged_one_does_not_keep_the_rest_back(bench: Bench, library: Path, damage: str) -> None:
    """Whatever a session did to the repository of a submodule, its own branch comes back."""
    task = await Task.prepare(bench)
    task.play(f"save work; {damage}")
    work = await task.collect_all()
    assert "work" in bench.files(work.head)


async def test_none_is_none(project: Path) -> None:
    """A repository without any has none, and none is said to be missing."""
    found = await submodules_of(await Repository.open(project), git(project, "rev-parse", "HEAD"))
    assert found == Submodules()
    assert found.warning is None


async def test_bumps_are_seen_by_git(bench: Bench, library: Path) -> None:
    """A commit that the user bumped to by hand, and has nowhere else, is filled too."""
    made = bump(bench.root, "lib")
    task = await Task.prepare(bench)
    assert git(task.folder / "lib", "rev-parse", "HEAD") == made
    assert (task.folder / "lib/lib.txt").read_text() == "changed\n"


async def test_several_tasks_at_once(bench: Bench, library: Path) -> None:
    """Tasks that are prepared side by side have each their own, and the history of the submodule travels once."""
    tasks = await asyncio.gather(*(Task.prepare(bench, f"t{n}") for n in range(4)))
    for number, task in enumerate(tasks):
        task.play(f"cd lib; save only-{number}")
    for number, task in enumerate(tasks):
        await task.collect_all()
        files = git(bench.root / "lib", "ls-tree", "--name-only", task.paths.branch).split()
        assert files == ["lib.txt", f"only-{number}"]
    (store,) = (bench.folder / "repos").glob("lib-*.git")
    assert len(list((store / "objects/pack").glob("*.pack"))) == 1


async def test_a_shallow_one(any_git: str, bench: Bench, tmp_path: Path) -> None:
    """A submodule of which the clone has the last commit only is filled, and a commit on top of that comes back."""
    library = make_library(tmp_path / "libraries" / "lib")
    commit(library, {"more": "x"})
    add_submodule(bench.root, library, "lib")
    clone = tmp_path / "clone"
    git(bench.root, "clone", "-q", str(bench.root), str(clone))
    git(clone, "config", "submodule.lib.url", f"file://{library}")
    git(clone, *ALLOWED, "submodule", "--quiet", "update", "--init", "--depth", "1")
    assert git(clone / "lib", "rev-parse", "--is-shallow-repository") == "true"
    task = await Task.prepare(await make_bench(clone, tmp_path / "machine 2"))
    task.play("cd lib; save one")
    await task.collect_all()
    assert git(clone / "lib", "ls-tree", "--name-only", task.paths.branch).split() == ["lib.txt", "more", "one"]


async def test_a_store_that_was_damaged_is_healed(bench: Bench, library: Path) -> None:
    """Where a machine has lost what it had of a submodule, all of it travels again."""
    await Task.prepare(bench)
    await bench.workspace.remove_run("r1")
    (store,) = (bench.folder / "repos").glob("lib-*.git")
    for file in (store / "objects/pack").iterdir():
        file.chmod(0o600)
        file.unlink()
    task = await Task.prepare(await make_bench(bench.root, bench.folder), run="r2")
    assert (task.folder / "lib/lib.txt").read_text() == "lib\n"


async def test_a_checkout_that_was_moved(bench: Bench, library: Path) -> None:
    """A session that has moved its checkout loses nothing of what it did in a submodule."""
    task = await Task.prepare(bench)
    task.play("cd lib; save one; cd ..; git commit -qam bump; mv ../t1 ../elsewhere")
    head = (await task.collect_all()).head
    assert git(bench.root / "lib", "rev-parse", task.paths.branch) == git(bench.root, "rev-parse", f"{head}:lib")


async def test_one_that_a_session_made_itself_goes_to_the_strays(bench: Bench, library: Path, tmp_path: Path) -> None:
    """A submodule that nobody has had before is kept whole with the task's strays."""
    new = make_library(tmp_path / "libraries" / "new", content="new\n")
    task = await Task.prepare(bench)
    task.play(
        f"git -c protocol.file.allow=always submodule --quiet add {new} new; git commit -qm 'add new'; cd new; save one"
    )
    work = await task.collect_all()
    named = git(bench.root, "rev-parse", f"{work.head}:new")
    assert git(bench.root, "ls-tree", "--name-only", named).split() == ["lib.txt", "one"]
    (said,) = await task.outcomes_of()
    assert said.text == (
        f"commit {named[:12]} of the submodule new, which its branch names, is in no clone of it here, "
        "only on miyabi/r1/t1+strays of the repository around it"
    )
