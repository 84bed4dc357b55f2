"""A user's partial clone: what it lacks is fetched before a run begins, signed in as for any fetch, or that is told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from pydantic import SecretStr

from miyabi.errors import BadInput
from miyabi.git import Remote, Repository, checkout, complete_partial_clone
from miyabi.git.remote.base import fetch_base
from miyabi.git.remote.client import Patience
from miyabi.github import token_of_environment
from miyabi.github.access import remote_token
from miyabi.runs import RunRequest, start_run
from tests.support.git import pushing, repositories
from tests.support.git.pushing import NAME, PushingRepository, commands
from tests.support.git.repositories import commit, git, make_bench
from tests.support.github.git_side import TOKEN
from tests.support.machines import sshd
from tests.support.machines.sshd import SshdFleet

any_git = repositories.any_git
project = repositories.project
quiet_home = repositories.quiet_home
pushing_repository = pushing.pushing_repository
sshd_fleet = sshd.sshd_fleet

KINDS = {
    "no files": ("--filter=blob:none",),
    "no folders": ("--filter=tree:0",),
    "no large files": ("--filter=blob:limit=100",),
    "no files, sparse": ("--filter=blob:none", "--sparse"),
    "no folders, sparse": ("--filter=tree:0", "--sparse"),
    "no files, bare": ("--filter=blob:none", "--bare"),
    "no files, shallow": ("--filter=blob:none", "--depth=3"),
    "nothing checked out": ("--filter=tree:0", "--no-checkout"),
}
ONCE = Patience(attempts=1, timeout_seconds=20)


def grow(origin: Path) -> None:
    """A history whose older files and folders a partial clone does not have, and a tag."""
    for number in range(3):
        large = f"{number} of {number}\n" * 200
        commit(origin, {"src/deep/er/b.txt": f"{number}\n" * 9, f"old/{number}.txt": "old\n", "large.txt": large})
    commit(origin, {"old/0.txt": "new\n"})
    git(origin, "tag", "-a", "v1", "-m", "one")


def partial(origin: Path, folder: Path, *words: str) -> Path:
    """A partial clone of a repository that lets somebody have one."""
    git(origin, "config", "uploadpack.allowFilter", "true")
    git(folder.parent, "clone", "-q", *words, f"file://{origin}", folder.name)
    return folder


def lacking(folder: Path) -> list[str]:
    """What is not there of the history of main."""
    lines = git(folder, "rev-list", "--objects", "--quiet", "--missing=print", "main").splitlines()
    return [line for line in lines if line.startswith("?")]


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
async def test_what_it_lacks_is_here_before_anything_needs_it(
    any_git: str, project: Path, tmp_path: Path, kind: tuple[str, ...]
) -> None:
    """Whatever was left out: checkout on a machine, merge, list of changes and verify go on without the remote."""
    grow(project)
    clone = partial(project, tmp_path / "clone", *kind)
    repository, config = await Repository.open(clone), git(clone, "config", "--local", "--list")
    refs, base = git(clone, "for-each-ref"), git(clone, "rev-parse", "main")
    assert len(lacking(clone)) == await complete_partial_clone(repository, base) > 0
    shutil.move(project, tmp_path / "away")
    assert (git(clone, "config", "--local", "--list"), git(clone, "for-each-ref")) == (config, refs)
    assert await complete_partial_clone(repository, base) == 0

    bench = await make_bench(clone, tmp_path / "machine")
    heads = []
    for task, work in (("t1", "git mv old renamed; git log -p >log.txt"), ("t2", "echo more >>old/1.txt")):
        paths = await bench.prepare(task)
        bench.play(paths, f"{work}; save {task}.txt")
        heads.append((await bench.collect(paths)).head)
    merged = await repository.merge(heads, base=base, message="both")
    changes = await repository.changes(base, merged)
    assert {"t1.txt", "t2.txt", "old/1.txt", "renamed/1.txt"} <= set(changes.files)
    async with checkout.temporary_checkout(repository, merged, await bench.clone()) as folder:
        assert (folder / "renamed" / "1.txt").read_text() == "old\nmore\n"
        assert (folder / "src" / "deep" / "er" / "b.txt").read_text() == "2\n" * 9


async def test_nothing_is_asked_of_a_whole_clone(pushing_repository: PushingRepository) -> None:
    """In a repository that is no partial clone no remote is asked, and none need be there."""
    assert (
        await complete_partial_clone(
            await Repository.open(pushing_repository.project),
            pushing_repository.base,
            token=remote_token(SecretStr(TOKEN)),
        )
        == 0
    )
    assert not pushing_repository.hub.requests


async def test_a_commit_that_is_nowhere_is_looked_for_here_only(
    any_git: str, pushing_repository: PushingRepository, tmp_path: Path
) -> None:
    """Git would ask the remote for each commit that a machine tells of."""
    clone = partial(pushing_repository.bare, tmp_path / "clone", "--filter=blob:none")
    git(clone, "remote", "set-url", "origin", pushing_repository.hub.clone_url(NAME))
    assert await (await Repository.open(clone)).contains(["1" * 40, pushing_repository.base]) == {
        pushing_repository.base
    }
    assert not pushing_repository.hub.requests


async def test_the_token_signs_in(
    any_git: str, pushing_repository: PushingRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A private remote is asked with the token, which is in no command line and stays in no file."""
    clone, seen = (
        partial(pushing_repository.bare, tmp_path / "clone", "--filter=blob:none", "--no-checkout"),
        list[str](),
    )
    git(clone, "remote", "set-url", "origin", pushing_repository.hub.clone_url(NAME))
    repository = await Repository.open(clone)
    pushing_repository.hub.before(lambda: seen.extend(commands()), service="git-upload-pack")
    with pytest.raises(BadInput, match=r"is a partial clone, and 2 objects .* cannot be fetched: .* not let us in"):
        await complete_partial_clone(repository, pushing_repository.base, patience=ONCE)
    assert (
        await complete_partial_clone(
            repository,
            pushing_repository.base,
            token=remote_token(SecretStr(TOKEN), base_url=pushing_repository.hub.url),
        )
        == 2
    )
    assert not lacking(clone)
    assert seen
    assert not [line for line in seen if TOKEN in line]
    assert TOKEN not in (clone / ".git" / "config").read_text()


@pytest.mark.parametrize("where", ["environment", "configuration"])
async def test_the_users_ssh_command_counts(
    pushing_repository: PushingRepository,
    sshd_fleet: SshdFleet,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
) -> None:
    """A remote over ssh is reached as the user reaches it."""
    git(
        pushing_repository.bare, "config", "uploadpack.allowAnySHA1InWant", "true"
    )  # this sshd hands no GIT_PROTOCOL on
    clone = partial(pushing_repository.bare, tmp_path / "clone", "--filter=tree:0", "--no-checkout")
    git(clone, "remote", "set-url", "origin", f"h1:{pushing_repository.bare}")
    command = f"ssh -F {sshd_fleet.config}"
    if where == "environment":
        monkeypatch.setenv("GIT_SSH_COMMAND", command)
    else:
        git(clone, "config", "core.sshCommand", command)
    assert await complete_partial_clone(await Repository.open(clone), pushing_repository.base) == 1
    assert not lacking(clone)


async def test_a_run_begins_with_all_that_it_needs(
    pushing_repository: PushingRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token of the environment is used where the settings say that it is for that server."""
    request = _request(pushing_repository, tmp_path, base_url=pushing_repository.hub.url)
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    await start_run(request, token=token_of_environment)
    assert not lacking(request.repository)


@pytest.mark.parametrize("remote", ["nowhere", "refuses", "forgot"])
async def test_a_run_that_cannot_have_it_is_not_begun(
    pushing_repository: PushingRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, remote: str
) -> None:
    """A remote that is away, lets nobody in or does not have it is one line, and nothing of the run stays."""
    request = _request(pushing_repository, tmp_path)
    clone = request.repository
    if remote == "nowhere":
        git(clone, "remote", "set-url", "origin", f"file://{tmp_path}/nowhere")
    elif remote == "forgot":
        shutil.rmtree(pushing_repository.bare)
        git(tmp_path, "init", "-q", "--bare", str(pushing_repository.bare))
        git(clone, "remote", "set-url", "origin", f"file://{pushing_repository.bare}")
    with pytest.raises(
        BadInput, match=rf"^{clone} is a partial clone, and 2 objects that a run needs cannot"
    ) as refused:
        await start_run(request, token=token_of_environment)
    assert "\n" not in str(refused.value)
    assert not (clone / ".miyabi" / "runs").exists()


def _request(pushing_repository: PushingRepository, tmp_path: Path, **github: str) -> RunRequest:
    clone = partial(pushing_repository.bare, tmp_path / "clone", "--filter=blob:none", "--no-checkout")
    git(clone, "remote", "set-url", "origin", pushing_repository.hub.clone_url(NAME))
    git(clone, "config", "core.bare", "false")
    tasks = tmp_path / "tasks.json"
    tasks.write_text(json.dumps({"nodes": [{"id": "a", "title": "do it"}]}))
    machines = [{"name": "m1", "workspace": str(tmp_path / "m1")}]
    return RunRequest(tasks=tasks, repository=clone, run="r1", overrides={"machines": machines, "github": github})


async def test_a_newer_base_is_fetched_on_top_of_what_is_lacking(
    any_git: str, pushing_repository: PushingRepository, tmp_path: Path
) -> None:
    """The remote sends differences to files that a partial clone never had: these are asked for with the token too."""
    text = "".join(f"{number} {number * number}\n" for number in range(2000))
    there = tmp_path / "there"
    git(tmp_path, "clone", "-q", str(pushing_repository.bare), there.name)
    commit(there, {"large.txt": text})
    git(there, "push", "-q", "origin", "main")
    clone = partial(pushing_repository.bare, tmp_path / "clone", "--filter=blob:none", "--no-checkout")
    git(clone, "remote", "set-url", "origin", pushing_repository.hub.clone_url(NAME))
    newer = commit(there, {"large.txt": text + "and more\n"})
    git(there, "push", "-q", "origin", "main")
    repository, token = (
        await Repository.open(clone),
        remote_token(SecretStr(TOKEN), base_url=pushing_repository.hub.url),
    )
    target = await Remote.resolve(repository, token=token)
    assert await fetch_base(repository, "main", remote=target, patience=ONCE) == newer
    assert await complete_partial_clone(repository, newer, token=token) > 0
    git(clone, "remote", "set-url", "origin", "file:///nowhere")
    assert git(clone, "show", f"{newer}:large.txt").endswith("and more")
