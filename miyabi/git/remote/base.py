"""The commit that a remote's branch stands at now, with its history: where a nightly run starts from."""

from __future__ import annotations

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
    client = RemoteClient(repository, remote, patience or Patience())
    head = (await client.ls_remote([branch])).get(branch)
    if head is None:
        raise BaseMissing(f"{remote.url} has no branch {branch!r} to start from. Name another base, or push it first.")
    if head not in await repository.contains([head]):
        await client.fetch([branch], into={})
    await large_objects.fetch(client, head)
    return head
