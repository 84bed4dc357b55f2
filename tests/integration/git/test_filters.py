"""Filters that a repository's files pass through: what a run needs of them is known, and told, before the night."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from miyabi.errors import BadInput, MachineNotReady
from miyabi.git import Repository, filters, missing_lfs_objects
from miyabi.machines import Machine
from miyabi.machines.local import LocalHost
from miyabi.runs import MachineReport, check_machine
from miyabi.settings import Settings
from tests.support.claude.real import PATH
from tests.support.cli.site import BIN
from tests.support.git import lfs, repositories
from tests.support.git.lfs import OLD, objects, oid, without_lfs
from tests.support.git.repositories import commit, git

any_git = repositories.any_git
large = lfs.large
project = repositories.project
quiet_home = repositories.quiet_home


async def asked(folder: Path, *needed: str) -> MachineReport:
    """What the check says of this computer as a machine."""
    machine = Machine(name="mini", workspace=str(folder / "workspace"))
    return await check_machine(machine, LocalHost("mini"), Settings(), rehearse=True, filters=needed)


def miyabi_check(repository: Path, home: Path, path: str = PATH) -> subprocess.CompletedProcess[str]:
    """`miyabi check` of a repository whose only machine is this computer."""
    (repository / ".miyabi").mkdir()
    config = f'[[machines]]\nname = "mini"\nworkspace = "{home}/workspace"\n'
    (repository / ".miyabi" / "config.toml").write_text(config)
    return subprocess.run(
        [BIN / "miyabi", "check", "--rehearse"],
        cwd=repository,
        env={"HOME": str(home), "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("files", "names"),
    [
        ({".gitattributes": "*.bin filter=lfs -text\n"}, {"lfs"}),
        ({"deep/er/.gitattributes": "a.txt text filter=crypt\n*.x filter=lfs"}, {"crypt", "lfs"}),
        ({".gitattributes": "[attr]big filter=lfs\n*.iso big\n"}, {"lfs"}),
        ({".gitattributes": "# *.bin filter=lfs\n*.bin -filter\n*.c !filter\n"}, set()),
        ({".gitattributes": "*.c text\n", "notes.md": "*.bin filter=lfs\n"}, set()),
        ({".gitattributes": b"*.\xff filter=odd\r\n"}, {"odd"}),
        ({}, set()),
    ],
)
async def test_the_filters_of_a_commit(
    any_git: str, project: Path, files: dict[str, str | bytes], names: set[str]
) -> None:
    """They are read from the commit, wherever its attributes are; what is checked out does not count."""
    made = commit(project, files)
    git(project, "config", "--global", "grep.lineNumber", "true")
    git(project, "config", "--global", "grep.patternType", "perl")
    git(project, "switch", "-q", "--detach", "HEAD~1")
    assert await filters.named_by((await Repository.open(project)).git, made) == names


async def test_those_that_are_needed(project: Path) -> None:
    """Git LFS always; another one where the user's git requires it."""
    made = commit(project, {".gitattributes": "*.a filter=lfs\n*.b filter=crypt\n*.c filter=indent\n"})
    git(project, "config", "filter.crypt.required", "yes")
    git(project, "config", "filter.indent.required", "false")
    git(project, "config", "filter.unused.required", "true")
    assert await filters.needed((await Repository.open(project)).git, made) == ("crypt", "lfs")


async def test_a_machine_with_git_lfs(quiet_home: Path, tmp_path: Path) -> None:
    """It is fit, though nobody ran `git lfs install` there."""
    assert (await asked(tmp_path, "lfs")).lacks == ()


async def test_a_machine_without_git_lfs(quiet_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes no part, and is told how to get it; where it is not needed nobody asks."""
    monkeypatch.setenv("PATH", without_lfs(tmp_path / "bin"))
    with pytest.raises(MachineNotReady, match=r"mini: git-lfs is missing, .* \(macOS: brew install git-lfs\)\."):
        await asked(tmp_path, "lfs")
    assert (await asked(tmp_path)).lacks == ()


@pytest.mark.parametrize(
    ("key", "command", "is_there"),
    [
        ("smudge", "cat", True),
        ("process", '"cat" --some thing', True),
        ("clean", "/bin/cat", True),
        ("smudge", "no-such-program --smudge", False),
        ("required", "true", False),
    ],
)
async def test_another_filter(project: Path, tmp_path: Path, key: str, command: str, *, is_there: bool) -> None:
    """A machine whose git has no such filter, or not its program, is fit; what that means is told."""
    git(project, "config", "--global", f"filter.crypt.{key}", command)
    lacks = (await asked(tmp_path, "crypt")).lacks
    assert len(lacks) == (not is_there)
    assert all(sentence.startswith("mini: git has no filter 'crypt' there, or not its program") for sentence in lacks)


async def test_content_that_is_not_here(large: Path) -> None:
    """Objects that the user's clone lacks are counted, with the command that gets them."""
    repository = await Repository.open(large)
    head = await repository.resolve("main")
    assert await missing_lfs_objects(repository, head) == ()
    objects(large / ".git")[oid(OLD)].unlink()
    (sentence,) = await missing_lfs_objects(repository, head)
    assert sentence.startswith(f"1 Git LFS object of {head[:10]} is not in {large}: ")
    assert sentence.endswith(f"git lfs fetch REMOTE {head[:10]}")


async def test_an_orchestrator_without_git_lfs(large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line that names the repository and what to do."""
    monkeypatch.setenv("PATH", without_lfs(tmp_path / "bin"))
    with pytest.raises(BadInput, match=r"keeps files in Git LFS, and there is no git-lfs here\. Install it"):
        await filters.needed((await Repository.open(large)).git, "main")


def test_check_tells_of_missing_content(large: Path, quiet_home: Path) -> None:
    """`miyabi check`: the machine is fit; what the clone lacks is a warning."""
    objects(large / ".git")[oid(OLD)].unlink()
    done = miyabi_check(large, quiet_home)
    assert (done.returncode, done.stdout[:10]) == (0, "ok    mini:"[:10])
    assert done.stderr.startswith("warning: 1 Git LFS object of ")


def test_check_without_git_lfs(large: Path, quiet_home: Path, tmp_path: Path) -> None:
    """`miyabi check` where the computer that starts runs has no git-lfs: one line, as of bad input."""
    done = miyabi_check(large, quiet_home, without_lfs(tmp_path / "bin"))
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert "there is no git-lfs here" in done.stderr


def test_check_tells_of_another_filter(project: Path, quiet_home: Path) -> None:
    """`miyabi check`: a required filter that the machine lacks is a warning, with the machine's name."""
    commit(project, {".gitattributes": "*.key filter=crypt\n"})
    git(project, "config", "filter.crypt.required", "true")
    done = miyabi_check(project, quiet_home)
    assert done.returncode == 0
    assert done.stderr.startswith("warning: mini: git has no filter 'crypt' there")
