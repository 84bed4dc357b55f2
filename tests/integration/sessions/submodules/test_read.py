"""What a commit says of its submodules is whatever somebody wrote: it leads nowhere else, and runs and asks nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from miyabi.git import Repository, Submodules, submodules_of
from tests.support.git import repositories, submodules
from tests.support.git.repositories import Bench, commit, git
from tests.support.git.submodules import Task

any_git = repositories.any_git
bench = repositories.bench
library = submodules.library
project = repositories.project
quiet_home = repositories.quiet_home


def _write(project: Path, *entries: tuple[str, str]) -> str:
    """A commit whose `.gitmodules` has these names and paths, and which has a commit of the library at each path."""
    lib = git(project, "rev-parse", "HEAD:lib")
    text = "".join(f'[submodule "{name}"]\n\tpath = "{path}"\n\turl = ./lib\n' for name, path in entries)
    blob = git(project, "hash-object", "-w", "--stdin", stdin=text)
    rows = {f"100644 blob {blob}\t.gitmodules"} | {_row(project, path, lib) for _, path in entries}
    tree = git(project, "mktree", "--missing", stdin="".join(f"{row}\n" for row in rows))
    return git(project, "commit-tree", "-p", "HEAD", "-m", "names", tree)


def _row(project: Path, path: str, commit: str) -> str:
    """What a tree has for a submodule at that path: no name is refused there."""
    *folders, name = path.split("/")
    row = f"160000 commit {commit}\t{name}"
    for folder in reversed(folders):
        tree = git(project, "mktree", "--missing", stdin=f"{row}\n")
        row = f"040000 tree {tree}\t{folder}"
    return row


async def _read(project: Path, commit: str) -> Submodules:
    return await submodules_of(await Repository.open(project), commit)


@pytest.mark.parametrize(
    "name", ["../modules/lib", "..", "a/../../modules/lib", "-lib", "/lib", "lib/", "./lib", "a\\\\..\\\\b"]
)
async def test_a_name_that_leads_elsewhere_is_not_followed(
    any_git: str, project: Path, library: Path, name: str
) -> None:
    """The submodule counts as one that the clone has not, though a folder of that name is one that has its commit."""
    (project / "lib/.git").unlink()
    found = await _read(project, _write(project, (name, "lib")))
    assert found.filled == ()
    assert [path for path, _ in found.missing] == ["lib"]


@pytest.mark.parametrize("path", ["../lib", "a/../../x", ".git/x", "-x", "a/.git", ".GIT/hooks", "./lib"])
async def test_a_path_that_leads_elsewhere_is_not_followed(project: Path, library: Path, path: str) -> None:
    """Nothing is filled at a path that is not plainly one below the checkout."""
    found = await _read(project, _write(project, ("lib", path)))
    assert found.filled == ()


@pytest.mark.parametrize("others", [("lib/deep", "b"), ("LIB", "b"), ("lib", "b")])
async def test_names_that_lie_in_each_other(project: Path, library: Path, others: tuple[str, str]) -> None:
    """Of two submodules whose repositories would be one folder, or one inside of the other, none breaks the other."""
    found = await _read(project, _write(project, ("lib", "lib"), others))
    folders = [each.git_folder.casefold() for each in found.filled]
    assert len(set(folders)) == len(folders)
    assert not any(one != other and one.startswith(f"{other}/") for one in folders for other in folders)


async def test_two_names_of_one_path(bench: Bench, library: Path) -> None:
    """One path is filled once."""
    head = _write(bench.root, ("lib", "lib"), ("again", "lib"))
    task = await Task.prepare(bench, base=head)
    assert (task.folder / "lib/lib.txt").exists()


@pytest.mark.parametrize("text", ["not a configuration [\n", "", "[submodule]\n\tpath = lib\n", "\x00\xff"])
async def test_a_file_that_says_nothing(project: Path, library: Path, text: str) -> None:
    """A `.gitmodules` that git cannot read, or that names none, gives none."""
    (project / ".gitmodules").write_text(text, encoding="latin-1")
    assert await _read(project, commit(project, {}, message="odd")) == Submodules()


async def test_its_commands_and_addresses_are_not_used(bench: Bench, library: Path, tmp_path: Path) -> None:
    """`update = !command` is not run, and an address that runs one is not asked: not even by git."""
    marks = tmp_path / "marks"
    marks.mkdir()
    for key, value in (("update", f"!touch {marks}/update"), ("url", f"ext::sh -c touch% {marks}/url")):
        git(bench.root, "config", "-f", ".gitmodules", f"submodule.lib.{key}", value)
    commit(bench.root, {}, message="odd")
    git(bench.root / "lib", "remote", "set-url", "origin", f"ext::sh -c touch% {marks}/origin")
    task = await Task.prepare(bench)
    task.play("cd lib; save one; git fetch || true")
    await task.collect_all()
    await task.outcomes_of()
    assert (task.folder / "lib/lib.txt").exists()
    assert list(marks.iterdir()) == []


async def test_a_link_above_it_is_no_way_out(bench: Bench, library: Path, tmp_path: Path) -> None:
    """A path that a link leads away from is left alone on the machine."""
    head = _write(bench.root, ("lib", "a/lib"))
    task = await Task.prepare(bench, base=head)
    assert (task.folder / "a/lib/lib.txt").exists()
    outside = tmp_path / "outside"
    outside.mkdir()
    (bench.folder / "repos").mkdir(exist_ok=True)
    later = await Task.prepare(bench, "t2", base="main~1")
    (later.folder / "a").symlink_to(outside)
    found = (await submodules_of(bench.repository, head)).filled
    with pytest.raises(Exception, match="a is no folder"):
        await bench.workspace.prepare(later.paths, base=head, clone=await bench.clone(), submodules=found)
    assert list(outside.iterdir()) == []


async def test_a_clone_in_a_linked_worktree_and_a_bare_one(project: Path, library: Path, tmp_path: Path) -> None:
    """What git keeps of submodules is found from a linked worktree, and in a bare repository as far as it has it."""
    head = git(project, "rev-parse", "HEAD")
    git(project, "worktree", "add", "-q", "--detach", str(tmp_path / "linked"))
    (found,) = (await _read(tmp_path / "linked", head)).filled
    assert found.path == "lib"
    git(project, "clone", "-q", "--bare", str(project), str(tmp_path / "bare.git"))
    assert [path for path, _ in (await _read(tmp_path / "bare.git", head)).missing] == ["lib"]
    git(tmp_path, "clone", "-q", "--bare", str(library), str(tmp_path / "bare.git/modules/lib"))
    (found,) = (await _read(tmp_path / "bare.git", head)).filled
    assert found.commit == git(project, "rev-parse", f"{head}:lib")


async def test_one_that_is_not_checked_out_now_is_found(project: Path, library: Path) -> None:
    """The user stands on a branch without the submodule: git keeps its repository all the same."""
    head = git(project, "rev-parse", "HEAD")
    git(project, "checkout", "-q", "HEAD~1")
    for file in (project / "lib").rglob("*"):
        file.unlink()
    (project / "lib").rmdir()
    (found,) = (await _read(project, head)).filled
    assert found.git_folder == "modules/lib"
