"""The commits that a remote's branches stand at now, with their history: where a nightly run starts from."""

from __future__ import annotations

from collections.abc import Collection

from miyabi.errors import BaseMissing
from miyabi.git.remote import large_objects
from miyabi.git.remote.client import Patience, RemoteClient
from miyabi.git.remote.target import Remote
from miyabi.git.repository import Repository


async def fetch_base(repository: Repository, branch: str, *, remote: Remote, patience: Patience | None = None) -> str:
    """Fetches the head of the remote's branch and returns its full id. No branch of the user's is moved.

    Its commits are here then, and what its files have in Git LFS.

    Raises:
        BadInput: it uses Git LFS, and there is no git-lfs here.
        BaseMissing: the remote has no such branch.
        RemoteError: the remote does not answer, or does not let us in.
        GitFailed: git could not do it.
    """
    head = (await fetch_heads(repository, [branch], remote=remote, patience=patience)).get(branch)
    if head is None:
        raise BaseMissing(f"{remote.url} has no branch {branch!r} to start from. Name another base, or push it first.")
    return head


async def fetch_heads(
    repository: Repository, branches: Collection[str], *, remote: Remote, patience: Patience | None = None
) -> dict[str, str]:
    """Fetches the heads of those of the branches that the remote has. No branch of the user's is moved.

    Returns:
        The commit's full id by the branch's name.

    Raises:
        BadInput: as `fetch_base`.
        RemoteError: as `fetch_base`.
        GitFailed: as `fetch_base`.
    """
    client = RemoteClient(repository, remote, patience or Patience())
    heads = await client.ls_remote(branches)
    here = await repository.contains(heads.values())
    if missing := [branch for branch, head in heads.items() if head not in here]:
        await client.fetch(missing, into={})
    for head in heads.values():
        await large_objects.fetch(client, head)
    return heads
