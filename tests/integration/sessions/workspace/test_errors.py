"""A machine that is full, or that lacks what we need, says so."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from miyabi.errors import MachineDiskFull, MachineNotReady
from miyabi.machines import install
from tests.support.git import repositories
from tests.support.git.repositories import Bench, commit, make_bench
from tests.support.machines.small_disk import small_disk

bench = repositories.bench
project = repositories.project
quiet_home = repositories.quiet_home


@pytest.fixture
def workspace_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of 2 MiB."""
    with small_disk(tmp_path / "small", "2m") as made:
        yield made


@pytest.mark.parametrize("size", [1_200_000, 3_000_000])
async def test_a_full_disk_is_reported_and_nothing_half_made_stays(
    project: Path, workspace_disk: Path, size: int
) -> None:
    """Where the bundle or the checkout does not fit, the error says so, and the room is free again."""
    bench = await make_bench(project, workspace_disk / "w")
    kept = await bench.prepare("kept")
    commit(project, {"big.bin": os.urandom(size)})
    free = shutil.disk_usage(workspace_disk).free
    with pytest.raises(MachineDiskFull, match=r"disk of .* is full\. Free some space"):
        await bench.prepare()
    assert not (bench.folder / "checkouts/r1/t1").exists()
    assert not list(bench.store.glob("incoming.*"))
    if size > 2_000_000:
        assert shutil.disk_usage(workspace_disk).free >= free - 65536
    assert (await bench.collect(kept)).head


async def test_a_full_disk_keeps_what_is_uncommitted(project: Path, workspace_disk: Path) -> None:
    """Work that cannot be committed for want of room stays where it is, and is collected when there is room."""
    bench = await make_bench(project, workspace_disk / "w")
    paths = await bench.prepare()
    (bench.checkout(paths) / "work").write_bytes(os.urandom(500_000))
    filler = workspace_disk / "filler"
    with contextlib.suppress(OSError):
        filler.write_bytes(b"x" * 4_000_000)
    assert shutil.disk_usage(workspace_disk).free == 0
    with pytest.raises(MachineDiskFull):
        await bench.collect(paths)
    filler.unlink()
    assert "work" in bench.files((await bench.collect(paths)).head)


@pytest.mark.parametrize("missing", ["git", "perl"])
async def test_a_machine_without_git_or_perl_says_so(bench: Bench, tmp_path: Path, missing: str) -> None:
    """What has to be installed there is named."""
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / ("perl" if missing == "git" else "git")).symlink_to("/bin/true")
    here = tmp_path / "workspace.sh"
    here.write_bytes(install.script("workspace").replace(b":/usr/bin:/bin:/usr/sbin:/sbin", b""))
    words = ["env", f"PATH={tools}", "/bin/sh", str(here), "prepare", str(bench.folder), "k", "r", "t"]
    error = bench.workspace._failure(await bench.host.run(words), "prepare")
    assert isinstance(error, MachineNotReady)
    assert f"there is no {missing} on this machine's PATH" in str(error)


async def test_an_old_git_on_the_machine_says_so(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A git that is too old there is named with what is needed."""
    bench = await make_bench(project, tmp_path / "machine")
    base = await bench.repository.resolve("main")
    old = tmp_path / "old" / "git"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho git version 2.11.0\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{old.parent}:{os.environ['PATH']}")
    answer = await bench.workspace._run("prepare", "r1", "t1", "sha1", base, "0", "0" * 32, "0")
    error = bench.workspace._failure(answer, "prepare")
    assert isinstance(error, MachineNotReady)
    assert "git 2.11.0 is too old. Install git 2.20 or newer" in str(error)
