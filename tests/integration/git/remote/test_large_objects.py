"""Git LFS and GitHub: what a push names is there first, and what a fetched base names is here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from miyabi.errors import BadInput, PushRefused, RemoteLoginRefused, RemoteUnreachable
from miyabi.git import Remote, Repository, push
from miyabi.git.remote.base import fetch_base
from tests.support.git import lfs, repositories
from tests.support.git.lfs import OLD, objects, oid, without_lfs
from tests.support.git.pushing import BRANCH, NAME, QUICK, PushingRepository
from tests.support.git.repositories import commit, git, snapshot
from tests.support.github.git_side import TOKEN, GitHubGit
from tests.support.github.lfs import GitHubLfs

large = lfs.large
quiet_home = repositories.quiet_home

OTHER = "miyabi/r1/t2"


@pytest.fixture
def store() -> Iterator[GitHubLfs]:
    """GitHub's LFS, with what `main` has."""
    with GitHubLfs() as serving:
        serving.objects[oid(OLD)] = OLD
        yield serving


@pytest.fixture
def lfs_pushing_repository(tmp_path: Path, large: Path, store: GitHubLfs) -> Iterator[PushingRepository]:
    """A repository with Git LFS, and GitHub with the same."""
    with GitHubGit(tmp_path / "hub", api=store.url) as hub:
        bare = hub.create(NAME)
        git(large, "remote", "add", "origin", hub.clone_url(NAME))
        git(large, "push", "-q", "--no-verify", str(bare), "main")
        git(large, "update-ref", "refs/remotes/origin/main", "main")
        yield PushingRepository(project=large, hub=hub, bare=bare)


def work(project: Path, content: bytes, *, branch: str = BRANCH, name: str = "new.bin") -> str:
    """A task's branch gets a commit with this content in LFS, as if it came from a machine; the commit."""
    git(project, "switch", "-q", "-c", branch, "main")
    made = commit(project, {name: content})
    git(project, "switch", "-q", "main")
    return made


async def test_the_objects_are_there_before_the_branch(
    lfs_pushing_repository: PushingRepository, store: GitHubLfs
) -> None:
    """They come with the token, only the new ones, before the branch; nothing in the user's repository changes."""
    head = work(lfs_pushing_repository.project, b"new art")
    there: list[set[str]] = []
    lfs_pushing_repository.hub.before(lambda: there.append(set(store.objects)))
    before = snapshot(lfs_pushing_repository.project)
    assert await lfs_pushing_repository.push({BRANCH: head}) == (BRANCH,)
    assert there == [{oid(OLD), oid(b"new art")}]
    assert lfs_pushing_repository.there() == head
    assert len(store.logins) == 1
    assert snapshot(lfs_pushing_repository.project) == before
    assert await lfs_pushing_repository.push({BRANCH: head}) == ()
    assert len(store.logins) == 1


async def test_what_an_intermediate_commit_names(lfs_pushing_repository: PushingRepository, store: GitHubLfs) -> None:
    """Content that the branch had and has no longer is in its history, so it is uploaded too."""
    work(lfs_pushing_repository.project, b"first try")
    git(lfs_pushing_repository.project, "switch", "-q", BRANCH)
    head = commit(lfs_pushing_repository.project, {"new.bin": b"second try"})
    git(lfs_pushing_repository.project, "switch", "-q", "main")
    await lfs_pushing_repository.push({BRANCH: head})
    assert {oid(b"first try"), oid(b"second try")} < set(store.objects)


async def test_a_repository_without_it_asks_nothing(
    lfs_pushing_repository: PushingRepository, store: GitHubLfs
) -> None:
    """A branch that uses no LFS is pushed without a word to that server, and without git-lfs."""
    git(lfs_pushing_repository.project, "rm", "-q", ".gitattributes", "old.bin")
    head = commit(lfs_pushing_repository.project, {"a": "b"})
    await lfs_pushing_repository.push({BRANCH: head})
    assert store.logins == []


@pytest.mark.parametrize("remote", ["path", "relative", "file://"])
async def test_a_remote_on_this_computer(
    lfs_pushing_repository: PushingRepository, tmp_path: Path, remote: str
) -> None:
    """A remote that is a folder has them in its own LFS folder, however it is written."""
    git(tmp_path, "init", "-q", "--bare", "an other.git")
    url = {"path": str(tmp_path / "an other.git"), "relative": "../an other.git"}.get(
        remote, f"file://{tmp_path / 'an other.git'}"
    )
    git(lfs_pushing_repository.project, "remote", "set-url", "origin", url)
    head = work(lfs_pushing_repository.project, b"new art")
    repository = await Repository.open(lfs_pushing_repository.project)
    await push(repository, {BRANCH: head}, remote=await Remote.resolve(repository), patience=QUICK)
    assert oid(b"new art") in objects(tmp_path / "an other.git")


async def test_a_refusal_keeps_no_other_branch_back(
    lfs_pushing_repository: PushingRepository, store: GitHubLfs
) -> None:
    """What GitHub says is the reason; a branch without large files is pushed all the same."""
    head = work(lfs_pushing_repository.project, b"new art")
    git(lfs_pushing_repository.project, "switch", "-q", "-c", OTHER, "main")
    other = commit(lfs_pushing_repository.project, {"a": "b"})
    store.refusal = (422, "This repository is over its data quota.")
    with pytest.raises(PushRefused, match=r"its Git LFS objects are refused: .*over its data quota") as caught:
        await lfs_pushing_repository.push({BRANCH: head, OTHER: other})
    assert ([*caught.value.refused], caught.value.pushed) == ([BRANCH], (OTHER,))
    assert (lfs_pushing_repository.there(), lfs_pushing_repository.there(OTHER)) == ("", other)


def _with_secret(folder: Path, *secrets: str | None) -> list[Path]:
    words = [secret.removeprefix("Basic ").encode() for secret in secrets if secret]
    return [f for f in folder.rglob("*") if f.is_file() and any(word in f.read_bytes() for word in words)]


async def test_a_server_that_fails_for_a_while(
    lfs_pushing_repository: PushingRepository, store: GitHubLfs, tmp_path: Path
) -> None:
    """It is tried again as the push is, then said to be away, and no file has the login; later it goes on."""
    head = work(lfs_pushing_repository.project, b"new art")
    store.refusal = (503, "unavailable")
    before = snapshot(lfs_pushing_repository.project)
    with pytest.raises(RemoteUnreachable, match="run the same again later"):
        await lfs_pushing_repository.push({BRANCH: head})
    assert len(store.logins) > 1
    assert _with_secret(tmp_path, TOKEN, *store.logins) == []
    assert snapshot(lfs_pushing_repository.project) == before
    store.refusal = None
    assert await lfs_pushing_repository.push({BRANCH: head}) == (BRANCH,)


async def test_a_wrong_token_is_seen_nowhere(
    lfs_pushing_repository: PushingRepository, store: GitHubLfs, tmp_path: Path
) -> None:
    """It is refused in one line; neither git-lfs' own records of the failure nor any other file has the token."""
    head = work(lfs_pushing_repository.project, b"new art")
    lfs_pushing_repository.hub.token = "plain-canary-0a1b2c3d4e5f"  # noqa: S105 - nobody's
    before = snapshot(lfs_pushing_repository.project)
    with pytest.raises(RemoteLoginRefused, match="does not let us in"):
        await lfs_pushing_repository.push(
            {BRANCH: head}, target=await lfs_pushing_repository.target(lfs_pushing_repository.hub.token)
        )
    assert _with_secret(tmp_path, lfs_pushing_repository.hub.token, *store.logins) == []
    assert snapshot(lfs_pushing_repository.project) == before


async def test_the_content_of_a_fetched_base(lfs_pushing_repository: PushingRepository, store: GitHubLfs) -> None:
    """A night that starts from what is at GitHub now has the content of its large files, not pointers."""
    head = work(lfs_pushing_repository.project, b"theirs", branch="theirs")
    git(
        lfs_pushing_repository.project,
        "push",
        "-q",
        "--no-verify",
        str(lfs_pushing_repository.bare),
        f"{head}:refs/heads/main",
    )
    store.objects[oid(b"theirs")] = b"theirs"
    git(lfs_pushing_repository.project, "branch", "-q", "-D", "theirs")
    objects(lfs_pushing_repository.project / ".git")[oid(b"theirs")].unlink()
    repository = await Repository.open(lfs_pushing_repository.project)
    assert await fetch_base(repository, "main", remote=await lfs_pushing_repository.target(), patience=QUICK) == head
    assert oid(b"theirs") in objects(lfs_pushing_repository.project / ".git")


async def test_without_git_lfs(
    lfs_pushing_repository: PushingRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line that says what is missing here; nothing is pushed."""
    head = work(lfs_pushing_repository.project, b"new art")
    monkeypatch.setenv("PATH", without_lfs(tmp_path / "bin"))
    with pytest.raises(BadInput, match="there is no git-lfs here"):
        await lfs_pushing_repository.push({BRANCH: head})
    assert lfs_pushing_repository.there() == ""
