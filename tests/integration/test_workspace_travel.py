"""How much travels, and what happens where something is missing, cut, full or unusual."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from miyabi import arrival, toolbox
from miyabi.errors import ConnectionDropped, GitFailed, MachineDiskFull, MachineNotReady, RemoteFailed
from miyabi.host import Completed
from miyabi.local_host import LocalHost
from tests.support.repos import Bench, bench, commit, git, make_bench, make_repository, project, quiet_home  # noqa: F401


class CountingHost(LocalHost):
    """This machine, and what was sent to it."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[int] = []

    async def run(
        self, words: Sequence[str], *, stdin: bytes | Path = b"", stdout: Path | None = None, timeout_seconds: float = 60
    ) -> Completed:
        """Notes the size of the input."""
        self.sent.append(stdin.stat().st_size if isinstance(stdin, Path) else len(stdin))
        return await super().run(words, stdin=stdin, stdout=stdout, timeout_seconds=timeout_seconds)


@pytest.fixture
async def counted(project: Path, tmp_path: Path) -> tuple[Bench, CountingHost]:
    """A machine that counts, and a history of some length and weight."""
    for n in range(30):
        commit(project, {f"data/{n}.bin": os.urandom(20_000), "n": str(n)})
    host = CountingHost()
    return await make_bench(project, tmp_path / "machine", host=host), host


async def test_the_history_travels_once(counted: tuple[Bench, CountingHost]) -> None:
    """The first worktree brings the history; the next one is one round trip with nothing to carry."""
    bench, host = counted
    await bench.prepare("t1")
    assert max(host.sent) > 600_000
    host.sent.clear()
    await bench.prepare("t2")
    assert host.sent == [0]


async def test_only_what_is_new_travels(counted: tuple[Bench, CountingHost]) -> None:
    """A base that has gone on by a commit costs its own few bytes, also for a new orchestrator and after a clean-up."""
    bench, host = counted
    await bench.prepare("t1")
    await bench.workspace.remove_run("r1")
    commit(bench.root, {"n": "new"})
    again = await make_bench(bench.root, bench.folder, host=host)
    host.sent.clear()
    await again.prepare("t2", run="r2")
    commit(bench.root, {"n": "newer"})
    await again.prepare("t3", run="r2")
    assert sum(host.sent) < 5_000
    assert (bench.folder / "worktrees/r2/t3/n").read_text() == "newer"


async def test_what_the_machine_made_does_not_travel_back(counted: tuple[Bench, CountingHost]) -> None:
    """A merge of what was done here and elsewhere brings only what is from elsewhere."""
    bench, host = counted
    other = await make_bench(bench.root, bench.folder.parent / "other")
    one, two = await bench.prepare("t1"), await other.prepare("t2")
    bench.play(one, "head -c 100000 /dev/urandom >big; git add big; git commit -qm big")
    other.play(two, "echo small >small; git add small; git commit -qm small")
    heads = [(await bench.collect(one)).head, (await other.collect(two)).head]
    base = await bench.repository.merge(heads, base="main", message="m")
    host.sent.clear()
    await bench.prepare("t3", base=base)
    assert sum(host.sent) < 5_000


async def test_several_tasks_share_one_bundle(counted: tuple[Bench, CountingHost]) -> None:
    """Five first worktrees at once bring the history once."""
    bench, host = counted
    await asyncio.gather(*(bench.prepare(f"t{n}") for n in range(5)))
    assert len([size for size in host.sent if size > 100_000]) == 1


@pytest.mark.parametrize("lost", ["repos", "worktrees", "bin", ""])
async def test_a_machine_that_lost_its_files_heals(bench: Bench, lost: str) -> None:
    """Whatever part of the workspace somebody removed, the next worktree brings it back."""
    await bench.prepare("t1")
    shutil.rmtree(bench.folder / lost)
    paths = await bench.prepare("t2")
    bench.play(paths, "echo 1 >a; git add a; git commit -qm a")
    assert "a" in bench.files((await bench.collect(paths)).head)


async def test_a_mirror_without_its_objects_heals(bench: Bench) -> None:
    """A mirror that has its refs and not what they mean is filled again."""
    await bench.prepare("t1")
    commit(bench.root, {"more": "more"})
    for path in (bench.mirror / "objects").rglob("*"):
        if path.is_file():
            path.unlink()
    paths = await bench.prepare("t2")
    assert (bench.worktree(paths) / "more").read_text() == "more"


async def test_a_forgotten_base_comes_home_with_its_history(bench: Bench) -> None:
    """Where the merge that a task began from was cleaned out of the user's repository, it is brought along."""
    heads = []
    for task in ("t1", "t2"):
        paths = await bench.prepare(task)
        bench.play(paths, f"echo {task} >{task}; git add .; git commit -qm {task}")
        heads.append((await bench.collect(paths)).head)
    base = await bench.repository.merge(heads, base="main", message="m")
    paths = await bench.prepare("t3", base=base)
    git(bench.root, "gc", "-q", "--prune=now")
    assert git(bench.root, "cat-file", "-t", base, check=False) == ""
    bench.play(paths, "echo 3 >t3; git add t3; git commit -qm t3")
    collected = await bench.workspace.collect(paths, base=base)
    assert bench.files(collected.head) == ["README.md", "src/a.txt", "t1", "t2", "t3"]


async def test_half_a_worktree_is_made_again(bench: Bench) -> None:
    """A worktree whose making was broken off is not taken for one that an agent has worked in."""
    paths = await bench.prepare()
    (bench.mirror / "miyabi" / "r1+t1.ready").unlink()
    (bench.worktree(paths) / "README.md").unlink()
    await bench.prepare()
    assert (bench.worktree(paths) / "README.md").read_text() == "hello\n"


async def test_a_bundle_cut_short_is_no_bundle(bench: Bench, tmp_path: Path) -> None:
    """A connection that goes in mid-bundle looks like its end to the machine; it is noticed, and nothing is kept."""
    base = await bench.repository.resolve("main")
    await bench.repository.bundle(base, known=set(), file=tmp_path / "b")
    paths = await bench.prepare("warm")
    whole = (tmp_path / "b").read_bytes()
    (tmp_path / "b").write_bytes(whole[:-10])
    words = ("prepare", "r1", "t1", "sha1", base, str(len(whole)))
    answer = await bench.workspace._run(*words, stdin=tmp_path / "b")
    with pytest.raises(ConnectionDropped):
        bench.workspace._require(answer, "prepare the worktree")
    assert not list(bench.mirror.glob("incoming.*"))
    assert (await bench.collect(paths)).head == base


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of 2 MiB."""
    place = tmp_path / "small"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)], check=False, capture_output=True).returncode:
        pytest.skip("no small disk can be made here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.parametrize("size", [1_200_000, 3_000_000])
async def test_a_full_disk_is_told_and_nothing_half_made_stays(project: Path, small_disk: Path, size: int) -> None:
    """Where the bundle or the checkout does not fit, the error says so, and the room is free again."""
    bench = await make_bench(project, small_disk / "w")
    kept = await bench.prepare("kept")
    commit(project, {"big.bin": os.urandom(size)})
    free = shutil.disk_usage(small_disk).free
    with pytest.raises(MachineDiskFull, match=r"disk of .* is full\. Free some space"):
        await bench.prepare()
    assert not (bench.folder / "worktrees/r1/t1").exists()
    assert not list(bench.mirror.glob("incoming.*"))
    if size > 2_000_000:
        assert shutil.disk_usage(small_disk).free >= free - 65536
    assert (await bench.collect(kept)).head


async def test_a_full_disk_keeps_what_is_uncommitted(project: Path, small_disk: Path) -> None:
    """Work that cannot be committed for want of room stays where it is, and comes home when there is room."""
    bench = await make_bench(project, small_disk / "w")
    paths = await bench.prepare()
    (bench.worktree(paths) / "work").write_bytes(os.urandom(500_000))
    filler = small_disk / "filler"
    with pytest.raises(OSError, match="No space"), filler.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 65536)
    with pytest.raises(MachineDiskFull):
        await bench.collect(paths)
    filler.unlink()
    assert "work" in bench.files((await bench.collect(paths)).head)


@pytest.mark.parametrize("missing", ["git", "perl"])
async def test_a_machine_without_git_or_perl_says_so(bench: Bench, tmp_path: Path, missing: str) -> None:
    """What has to be installed there is named."""
    script = Path(await toolbox.install(bench.host, str(bench.folder), "workspace"))
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / ("perl" if missing == "git" else "git")).symlink_to("/bin/true")
    here = tmp_path / "workspace.sh"
    here.write_text(script.read_text().replace(":/usr/bin:/bin:/usr/sbin:/sbin", ""))
    words = ["env", f"PATH={tools}", "/bin/sh", str(here), "prepare", str(bench.folder), "k", "r", "t"]
    error = bench.workspace._failure(await bench.host.run(words), "prepare")
    assert isinstance(error, MachineNotReady)
    assert f"there is no {missing} on this machine's PATH" in str(error)


async def test_an_old_git_on_the_machine_says_so(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A git that is too old there is named with what is needed."""
    bench = await make_bench(project, tmp_path / "machine")
    base = await bench.repository.resolve("main")
    old = tmp_path / "old" / "git"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho git version 2.11.0\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{old.parent}:{os.environ['PATH']}")
    answer = await bench.workspace._run("prepare", "r1", "t1", "sha1", base, "0")
    error = bench.workspace._failure(answer, "prepare")
    assert isinstance(error, MachineNotReady)
    assert "git 2.11.0 is too old. Install git 2.20 or newer" in str(error)


async def test_a_shallow_clone_works(project: Path, tmp_path: Path) -> None:
    """A clone with a cut-off history goes out and comes home; its end moves with it."""
    for n in range(5):
        commit(project, {"n": str(n)}, message=f"n{n}")
    git(tmp_path, "clone", "-q", "--depth", "2", f"file://{project}", "shallow")
    bench = await make_bench(tmp_path / "shallow", tmp_path / "machine")
    paths = await bench.prepare()
    assert git(bench.worktree(paths), "log", "--format=%s").splitlines() == ["n4", "n3"]
    bench.play(paths, "echo 1 >a; git add a; git commit -qm a; git commit -q --amend -m b; echo open >open")
    collected = await bench.collect(paths)
    assert collected.strays
    assert git(bench.root, "log", "--format=%s", collected.head).splitlines()[1:] == ["b", "n4", "n3"]
    git(bench.root, "fsck", "--connectivity-only")
    commit(bench.root, {"n": "later"}, message="later")
    second = await bench.prepare("t2")
    assert git(bench.worktree(second), "log", "--format=%s").splitlines() == ["later", "n4", "n3"]


async def test_a_sha256_repository_works(tmp_path: Path, quiet_home: Path) -> None:
    """A repository with the longer ids gets a mirror of its kind."""
    root = make_repository(tmp_path / "p", options=("--object-format=sha256",))
    bench = await make_bench(root, tmp_path / "machine")
    paths = await bench.prepare()
    bench.play(paths, "echo 1 >a; git add a; git commit -qm a; git commit -q --amend -m b")
    commit(root, {"more": "x"})
    await bench.prepare("t2")
    collected = await bench.collect(paths)
    assert len(collected.head) == 64
    assert collected.strays


@pytest.mark.parametrize("kind", ["bare", "worktree"])
async def test_other_kinds_of_repository_work(project: Path, tmp_path: Path, kind: str) -> None:
    """A bare repository and a linked worktree send and receive as well."""
    if kind == "bare":
        git(tmp_path, "clone", "-q", "--bare", str(project), "other")
    else:
        git(project, "worktree", "add", "-q", str(tmp_path / "other"), "-b", "side")
    bench = await make_bench(tmp_path / "other", tmp_path / "machine")
    paths = await bench.prepare()
    bench.play(paths, "echo 1 >a; git add a; git commit -qm a")
    assert "a" in bench.files((await bench.collect(paths)).head)


@pytest.mark.timeout(300)
async def test_fifty_megabytes_do_not_pass_through_memory(project: Path, tmp_path: Path) -> None:
    """Big files go and come as files: the orchestrator does not grow by what it carries."""
    commit(project, {"big.bin": os.urandom(50_000_000)})
    bench = await make_bench(project, tmp_path / "machine")
    before = _resident_mib()
    paths = await bench.prepare()
    bench.play(paths, "head -c 50000000 /dev/urandom >other.bin; git add .; git commit -qm other")
    collected = await bench.collect(paths)
    assert _resident_mib() - before < 20
    assert git(project, "cat-file", "-s", f"{collected.head}:other.bin") == "50000000"


async def test_a_damaged_bundle_is_refused(bench: Bench, tmp_path: Path) -> None:
    """Bytes that changed on the way do not become commits."""
    base = await bench.repository.resolve("main")
    await bench.repository.bundle(base, known=set(), file=tmp_path / "b")
    data = bytearray((tmp_path / "b").read_bytes())
    data[-30] ^= 0xFF
    (tmp_path / "b").write_bytes(bytes(data))
    with pytest.raises(GitFailed):
        await arrival.take(bench.repository, tmp_path / "b", branch="miyabi/r/t", head=base, strays=None, base=base)
    assert await bench.repository.branches("miyabi") == {}


async def test_an_unwritable_workspace_is_told(project: Path, tmp_path: Path) -> None:
    """A workspace that cannot be made is an error with its path."""
    (tmp_path / "file").write_text("")
    bench = await make_bench(project, tmp_path / "file")
    with pytest.raises((MachineNotReady, RemoteFailed), match="file"):
        await bench.prepare()


def _resident_mib() -> int:
    return next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")) // 1024
