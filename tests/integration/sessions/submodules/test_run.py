"""Whole runs of a repository with submodules: sessions, checks, the merged branch and what is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from miyabi.errors import GitFailed, MergeConflict
from miyabi.git import Repository, submodules_of
from miyabi.git.checkout import temporary_checkout
from miyabi.integration import Integration, LeftOutKind
from miyabi.pull_requests import elsewhere_words
from miyabi.sessions import Outcome
from tests.support.cli.local_site import LocalSite, make_local_site
from tests.support.git import repositories
from tests.support.git.repositories import Bench, git
from tests.support.git.submodules import Task, add_submodule, bump, make_library
from tests.support.prefect.server import RealServer, prefect_database, prefect_server  # noqa: F401 - fixtures

any_git = repositories.any_git
bench = repositories.bench
project = repositories.project
quiet_home = repositories.quiet_home


@pytest.fixture
def submodule_site(tmp_path: Path, prefect_server: RealServer) -> Iterator[LocalSite]:
    """A repository with a submodule that its clone has, `lib`, and one that it has not, `far`."""
    with make_local_site(tmp_path, prefect_server) as made:
        for name in ("lib", "far"):
            add_submodule(made.repository, make_library(tmp_path / "libraries" / name), name)
        git(made.repository, "submodule", "deinit", "--quiet", "far")
        (tmp_path / "libraries" / "far").rename(tmp_path / "libraries" / "gone")
        (made.repository / ".git/modules/far").rename(tmp_path / "far")
        yield made


def test_a_run_with_submodules(submodule_site: LocalSite) -> None:
    """A bump is built upon and verified, a second one of the same submodule is left out by name, and all of it told."""
    submodule_site.write_config(
        integration={"verify": ["test -f lib/lib.txt && test -f lib/first.txt || test ! -f below.txt"]}
    )
    first = {"id": "first", "prompt": "[[scenario:inside:lib]]", "check": "test -f lib/first.txt"}
    below = {"id": "below", "prompt": "[[scenario:write]]", "check": "test -f lib/first.txt", "dependencies": ["first"]}
    second = {"id": "second", "prompt": "[[scenario:inside:lib]]", "check": "test -f lib/lib.txt"}
    command = submodule_site.orchestrate([first, below, second])
    assert command.wait() == 1, command.output
    far, lib = (git(submodule_site.repository, "rev-parse", f"{name}") for name in ("HEAD:far", "miyabi/r1/first:lib"))
    warning = f"the submodule far ({far[:12]}) is left empty in sessions and checks"
    assert warning in command.output.partition("running on")[0]
    results = submodule_site.run_folder().latest_results()
    assert {result.outcome for result in results.values()} == {Outcome.SUCCEEDED}
    push = f"git -C lib push origin {lib[:12]}:refs/heads/miyabi/r1/first"
    assert [each.command for each in results["first"].submodules] == [push]
    assert results["below"].submodules == ()
    came = submodule_site.run_folder().load(Integration)
    assert came
    assert came.verified
    left_out = came.left_out_by_task
    ((task, out),) = left_out.items()
    assert (out.kind, out.files) == (LeftOutKind.CONFLICT, ("lib",))
    assert "lib is a submodule: merge in it the two commits that they name" in out.reason
    assert task in {"first", "second"} - set(came.tasks)
    report = submodule_site.run_folder().report_file.read_text()
    for text in (command.output, report):
        assert f"commit {lib[:12]} of the submodule lib, which its branch names, is nowhere but in the clone" in text
        assert push in text
    assert warning in report
    (outcomes_of,) = elsewhere_words(submodule_site.report().elsewhere_by_task["first"])
    assert f"`{push}`" in outcomes_of
    assert git(submodule_site.repository, "submodule", "status", "lib").startswith(" ")


async def test_what_is_verified_has_the_bumped_files(any_git: str, bench: Bench, tmp_path: Path) -> None:
    """A temporary checkout has each submodule at the commit that the tree names, as one that git takes for such."""
    add_submodule(bench.root, make_library(tmp_path / "lib"), "lib")
    inner = make_library(tmp_path / "inner")
    add_submodule(bench.root / "lib", inner, "inner")
    made = bump(bench.root, "lib")
    head = git(bench.root, "rev-parse", "HEAD")
    async with temporary_checkout(bench.repository, head, await bench.clone()) as folder:
        assert (folder / "lib/lib.txt").read_text() == "changed\n"
        assert (folder / "lib/inner/lib.txt").read_text() == "lib\n"
        assert git(folder / "lib", "rev-parse", "HEAD") == made
        assert [row[0] for row in git(folder, "submodule", "status", "--recursive").splitlines()] == [" ", " "]
        assert git(folder, "status", "--porcelain") == ""


async def test_what_is_verified_leaves_out_what_the_clone_has_not(project: Path, tmp_path: Path) -> None:
    """A submodule that the clone has not is an empty folder there, as in a session."""
    add_submodule(project, make_library(tmp_path / "lib"), "lib")
    git(tmp_path, "clone", "-q", str(project), "clone")
    there = await repositories.make_bench(tmp_path / "clone", tmp_path / "machine")
    async with temporary_checkout(there.repository, git(project, "rev-parse", "HEAD"), await there.clone()) as folder:
        assert (folder / "lib").is_dir()
        assert not (folder / "lib/lib.txt").exists()


async def test_a_file_of_a_submodule_that_is_missing_is_an_error(bench: Bench, tmp_path: Path) -> None:
    """A temporary checkout without one of the files of a submodule is not handed out."""
    add_submodule(bench.root, make_library(tmp_path / "lib"), "lib")
    oid = git(bench.root / "lib", "rev-parse", "HEAD:lib.txt")
    (bench.root / ".git/modules/lib/objects" / oid[:2] / oid[2:]).unlink()
    with pytest.raises(GitFailed):
        async with temporary_checkout(bench.repository, git(bench.root, "rev-parse", "HEAD"), await bench.clone()):
            pytest.fail("a checkout without one of its files was handed out")


async def test_two_bumps_of_one_submodule_do_not_merge(bench: Bench, tmp_path: Path) -> None:
    """A task that builds on two that changed one submodule cannot start, and is told which it is."""
    add_submodule(bench.root, make_library(tmp_path / "lib"), "lib")
    heads = []
    for name in ("a", "b"):
        task = await Task.prepare(bench, name)
        task.play(f"cd lib; save {name}; cd ..; git commit -qam bump")
        heads.append((await task.collect_all()).head)
    with pytest.raises(MergeConflict, match="both changed lib"):
        await bench.repository.merge(heads, base="main", message="m")


async def test_a_bump_of_one_and_a_change_beside_it_merge(bench: Bench, tmp_path: Path) -> None:
    """The merge of a bump with other work names the bumped commit, which is filled for who builds on both."""
    add_submodule(bench.root, make_library(tmp_path / "lib"), "lib")
    heads = []
    for name, script in (("a", "cd lib; save a; cd ..; git commit -qam bump"), ("b", "save b")):
        task = await Task.prepare(bench, name)
        task.play(script)
        heads.append((await task.collect_all()).head)
    base = await bench.repository.merge(heads, base="main", message="m")
    task = await Task.prepare(bench, "c", base=base)
    assert (task.folder / "lib/a").exists()
    assert (task.folder / "b").exists()
    (found,) = (await submodules_of(await Repository.open(bench.root), base)).filled
    assert found.commit == git(bench.root, "rev-parse", f"{heads[0]}:lib")


def test_a_sweep_takes_the_branches_in_submodules_too(submodule_site: LocalSite) -> None:
    """`sweep --branches` leaves nothing of the run in the clones of its submodules, and other branches alone."""
    submodule_site.write_config()
    git(submodule_site.repository / "lib", "branch", "miyabi/r2/first")
    command = submodule_site.orchestrate([{"id": "first", "prompt": "[[scenario:inside:lib]]"}])
    assert command.wait() == 0, command.output
    assert git(submodule_site.repository / "lib", "rev-parse", "miyabi/r1/first")
    sweep = submodule_site.start("sweep", "r1", "--branches", "--yes")
    assert sweep.wait() == 0, sweep.output
    left = git(submodule_site.repository / "lib", "branch", "--list", "miyabi/*", "--format=%(refname:short)")
    assert left == "miyabi/r2/first"
    assert git(submodule_site.repository, "branch", "--list", "miyabi/*") == ""
