"""Git LFS on a machine: what a checkout needs travels there, and what a session adds is here before it is swept."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from miyabi.errors import ConnectionDropped, MachineNotReady
from miyabi.git import Repository, clone_of
from miyabi.git.checkout import temporary_checkout
from tests.support.git import lfs, repositories
from tests.support.git.lfs import OLD, objects, oid, without_lfs
from tests.support.git.repositories import Bench, commit, git, make_bench
from tests.support.machines.noted_host import NotedHost
from tests.support.machines.shell_host import SHELLS, ShellHost

any_git = repositories.any_git
large = lfs.large
quiet_home = repositories.quiet_home

NEW = "printf 'new art' >new.bin; "


@pytest.fixture
def noted_host() -> NotedHost:
    """The machine."""
    return NotedHost()


@pytest.fixture
async def large_bench(tmp_path: Path, large: Path, noted_host: NotedHost) -> Bench:
    """A repository with Git LFS, and a machine."""
    return await make_bench(large, tmp_path / "machine", host=noted_host)


async def test_the_content_is_there_and_comes_back(large_bench: Bench) -> None:
    """A session reads a large file and commits another; that one is in the user's clone, and survives the sweep."""
    paths = await large_bench.prepare()
    assert (large_bench.checkout(paths) / "old.bin").read_bytes() == OLD
    large_bench.play(paths, NEW + 'git add new.bin; git commit -qm new; test -z "$(git status --porcelain)"')
    collected = await large_bench.collect(paths)
    assert collected.lost_objects == ()
    await large_bench.workspace.remove_run("r1")
    assert large_bench.show("miyabi/r1/t1:new.bin").splitlines()[1] == f"oid sha256:{oid(b'new art')}"
    git(large_bench.root, "checkout", "-q", "miyabi/r1/t1")
    assert (large_bench.root / "new.bin").read_bytes() == b"new art"


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
async def test_in_each_shell(any_git: str, large: Path, tmp_path: Path, shell: tuple[str, ...]) -> None:
    """There and back is the same in every shell that may be `/bin/sh` somewhere, with each git."""
    large_bench = await make_bench(large, tmp_path / "a machine", host=ShellHost(shell))
    paths = await large_bench.prepare()
    assert (large_bench.checkout(paths) / "old.bin").read_bytes() == OLD
    large_bench.play(paths, NEW)
    await large_bench.collect(paths)
    await large_bench.workspace.remove_run("r1")
    assert oid(b"new art") in objects(large / ".git")


async def test_only_what_is_lacking_travels(large_bench: Bench, noted_host: NotedHost) -> None:
    """The second task finds the content on the machine, and the second collection finds it here."""
    await large_bench.prepare("t1")
    assert noted_host.verbs() == ["large-lacks", "large-put", "prepare", "prepare"]
    noted_host.sent.clear()
    paths = await large_bench.prepare("t2")
    assert noted_host.verbs() == ["large-lacks", "prepare"]
    assert max(size for _, size in noted_host.sent) < len(OLD)
    large_bench.play(paths, NEW + "git add new.bin; git commit -qm new")
    noted_host.sent.clear()
    await large_bench.collect(paths)
    assert noted_host.verbs() == ["collect", "large-lacks", "large-get"]
    noted_host.sent.clear()
    await large_bench.collect(paths)
    assert noted_host.verbs() == ["collect"]


async def test_a_repository_without_it_asks_nothing(tmp_path: Path, quiet_home: Path, noted_host: NotedHost) -> None:
    """No further round trip, neither before nor after a session; nothing of LFS is set up."""
    large_bench = await make_bench(
        repositories.make_repository(tmp_path / "plain"), tmp_path / "machine", host=noted_host
    )
    paths = await large_bench.prepare()
    large_bench.play(paths, "save x")
    await large_bench.collect(paths)
    assert noted_host.verbs() == ["prepare", "prepare", "collect"]
    assert "lfs" not in (large_bench.checkout(paths) / ".git" / "config").read_text()


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("", id="uncommitted"),
        pytest.param("git add new.bin; git commit -qm new; git reset -q --hard HEAD~1", id="a stray"),
        pytest.param("git stash -qu", id="a stash"),
        pytest.param(
            "git add new.bin; git commit -qm new; git rm -q new.bin; git commit -qm gone", id="taken out again"
        ),
        pytest.param(
            "git worktree add -q ../w; cd ../w; mv ../t1/new.bin .; git add -A; git commit -qm w", id="a worktree"
        ),
        pytest.param(
            "git clone -q --no-local . inner; mv new.bin inner; cd inner; git lfs install --local >/dev/null; "
            "git add -A; git commit -qm inner",
            id="a clone inside",
        ),
        pytest.param(
            "git add new.bin; git commit -qm new; mv .git ../kept; echo 'gitdir: ../kept' >.git", id="moved .git"
        ),
    ],
)
async def test_wherever_a_session_leaves_it(large_bench: Bench, script: str) -> None:
    """Large content of the branch and of what lies beside it is in the user's clone."""
    paths = await large_bench.prepare()
    large_bench.play(paths, NEW + script)
    collected = await large_bench.collect(paths)
    assert oid(b"new art") in objects(large_bench.root / ".git")
    assert collected.lost_objects == ()
    await large_bench.workspace.remove_run("r1")


async def test_a_salvaged_file_over_the_limit(large_bench: Bench) -> None:
    """An uncommitted file that goes to LFS is a small one to git: it is brought; another one of that size is not."""
    paths = await large_bench.prepare()
    large_bench.play(paths, "head -c 20000 /dev/zero >big.bin; head -c 20000 /dev/zero >big.dat")
    base = git(large_bench.root, "rev-parse", "main")
    collected = await large_bench.workspace.collect(paths, base=base, max_file_bytes=10_000)
    assert collected.left_there == ("big.dat (0 MB)",)
    assert oid(bytes(20_000)) in objects(large_bench.root / ".git")


async def test_a_head_with_new_content_is_the_next_base(large_bench: Bench) -> None:
    """A task that builds on another one has the content that this one added, on a machine that never saw it, too."""
    paths = await large_bench.prepare("t1")
    large_bench.play(paths, NEW + "git add new.bin; git commit -qm new")
    await large_bench.collect(paths)
    again = await large_bench.prepare("t2", base="miyabi/r1/t1")
    assert (large_bench.checkout(again) / "new.bin").read_bytes() == b"new art"
    other = await make_bench(large_bench.root, large_bench.folder.parent / "other")
    elsewhere = await other.prepare("t3", base="miyabi/r1/t1")
    assert (other.checkout(elsewhere) / "new.bin").read_bytes() == b"new art"


async def test_a_session_that_begins_to_use_it(tmp_path: Path, quiet_home: Path) -> None:
    """Where the base has no LFS, what a session puts there is collected, and its dependant has it."""
    large_bench = await make_bench(repositories.make_repository(tmp_path / "plain"), tmp_path / "machine")
    paths = await large_bench.prepare("t1")
    large_bench.play(
        paths,
        "git lfs install --local >/dev/null; git lfs track '*.bin' >/dev/null; "
        + NEW
        + "git add -A; git commit -qm lfs",
    )
    await large_bench.collect(paths)
    assert oid(b"new art") in objects(large_bench.root / ".git")
    again = await large_bench.prepare("t2", base="miyabi/r1/t1")
    assert (large_bench.checkout(again) / "new.bin").read_bytes() == b"new art"


@pytest.mark.parametrize("verb", ["large-put", "large-get"])
async def test_a_transfer_that_is_cut(large_bench: Bench, noted_host: NotedHost, verb: str) -> None:
    """What came short is no object: the call says that the link went, and made again it goes well."""
    noted_host.cuts = verb
    if verb == "large-put":
        with pytest.raises(ConnectionDropped):
            await large_bench.prepare()
        assert objects(large_bench.folder) == {}
    paths = await large_bench.prepare()
    assert (large_bench.checkout(paths) / "old.bin").read_bytes() == OLD
    large_bench.play(paths, NEW + "git add new.bin; git commit -qm new")
    if verb == "large-get":
        with pytest.raises(ConnectionDropped, match="arrived damaged"):
            await large_bench.collect(paths)
        assert oid(b"new art") not in objects(large_bench.root / ".git")
    await large_bench.collect(paths)
    assert oid(b"new art") in objects(large_bench.root / ".git")
    assert list((large_bench.root / ".git" / "lfs" / "tmp").glob("miyabi-*")) == []


async def test_what_is_nowhere_is_a_pointer(large_bench: Bench) -> None:
    """An object that the user's clone lacks: the checkout has the pointer at once, and no server is asked for it."""
    commit(large_bench.root, {".lfsconfig": "[lfs]\n\turl = http://10.255.255.1/nobody\n"})
    objects(large_bench.root / ".git")[oid(OLD)].unlink()
    started = time.monotonic()
    paths = await large_bench.prepare()
    assert time.monotonic() - started < 20
    assert (large_bench.checkout(paths) / "old.bin").read_bytes().startswith(b"version https://git-lfs")
    large_bench.play(paths, 'test -z "$(git status --porcelain)"; save x')
    assert (await large_bench.collect(paths)).lost_objects == ()


async def test_a_pointer_that_a_session_wrote_itself(large_bench: Bench) -> None:
    """What its commits name and nobody has is told; the commits are collected."""
    paths = await large_bench.prepare()
    pointer = f"version https://git-lfs.github.com/spec/v1\\noid sha256:{'ab' * 32}\\nsize 5\\n"
    large_bench.play(paths, f"printf '{pointer}' >ghost.bin; git add -A; git commit -qm ghost")
    collected = await large_bench.collect(paths)
    assert collected.lost_objects == ("ab" * 32,)
    assert "ghost.bin" in large_bench.files("miyabi/r1/t1")


async def test_a_damaged_object_is_not_taken(large_bench: Bench) -> None:
    """Content that is not what its name says is nobody's object."""
    paths = await large_bench.prepare()
    large_bench.play(paths, NEW + "git add new.bin; git commit -qm new")
    (there,) = (large_bench.checkout(paths) / ".git").glob(f"lfs/objects/??/??/{oid(b'new art')}")
    there.chmod(0o644)
    there.write_bytes(b"bad art")
    assert (await large_bench.collect(paths)).lost_objects == (oid(b"new art"),)
    assert oid(b"bad art") not in objects(large_bench.root / ".git")


async def test_many_and_large_ones(large_bench: Bench) -> None:
    """More than goes at once, small and large, empty and odd names: all of it, both ways."""
    content = {f"a {n}.bin": os.urandom(50 + n) for n in range(450)} | {
        "huge.bin": os.urandom(9 << 20),
        "é\n.bin": b"x",
    }
    commit(large_bench.root, {**content, "empty.bin": b""})
    paths = await large_bench.prepare()
    assert {name: (large_bench.checkout(paths) / name).read_bytes() for name in content} == content
    assert (large_bench.checkout(paths) / "empty.bin").read_bytes() == b""
    large_bench.play(paths, 'for f in *.bin; do echo more >>"$f"; done; git add -A; git commit -qm more')
    await large_bench.collect(paths)
    git(large_bench.root, "checkout", "-q", "miyabi/r1/t1")
    assert (large_bench.root / "huge.bin").read_bytes() == content["huge.bin"] + b"more\n"
    assert (large_bench.root / "a 449.bin").read_bytes() == content["a 449.bin"] + b"more\n"


@pytest.mark.parametrize("storage", ["elsewhere", "/absolute"])
async def test_a_storage_of_the_user(large_bench: Bench, tmp_path: Path, storage: str) -> None:
    """`lfs.storage` of the user's clone is where objects are taken from and brought to, and what verify reads."""
    kept = tmp_path / "absolute" if storage.startswith("/") else large_bench.root / ".git" / storage
    git(large_bench.root, "config", "lfs.storage", str(kept) if storage.startswith("/") else storage)
    (large_bench.root / ".git" / "lfs").rename(kept)
    paths = await large_bench.prepare()
    assert (large_bench.checkout(paths) / "old.bin").read_bytes() == OLD
    large_bench.play(paths, NEW + "git add new.bin; git commit -qm new")
    collected = await large_bench.collect(paths)
    assert any(path.name == oid(b"new art") for path in (kept / "objects").glob("??/??/*"))
    async with temporary_checkout(large_bench.repository, collected.head, await large_bench.clone()) as folder:
        assert (folder / "new.bin").read_bytes() == b"new art"


async def test_what_is_verified_has_the_content(large: Path, tmp_path: Path) -> None:
    """A temporary checkout has it, of a bare repository and of a linked worktree as well."""
    git(large, "worktree", "add", "-q", str(tmp_path / "linked"))
    git(tmp_path, "clone", "-q", "--bare", str(large), "bare.git")
    (tmp_path / "bare.git" / "lfs").symlink_to(large / ".git" / "lfs")
    for place in (large, tmp_path / "linked", tmp_path / "bare.git"):
        repository = await Repository.open(place)
        head = await repository.resolve("main")
        async with temporary_checkout(
            repository, head, await clone_of(repository, branch="main", commit=head)
        ) as folder:
            assert (folder / "old.bin").read_bytes() == OLD


async def test_a_machine_without_git_lfs(large_bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so in one line, before anything is checked out."""
    monkeypatch.setenv("PATH", without_lfs(tmp_path / "bin"))
    with pytest.raises(MachineNotReady, match="there is no git-lfs on this machine's PATH"):
        await large_bench.prepare()
    assert not (large_bench.folder / "checkouts" / "r1" / "t1").exists()
