"""Git LFS objects between the user's clone and a remote repository: there before a push names them, and fetched."""

from __future__ import annotations

from collections.abc import Mapping

from miyabi.errors import GitFailed, PushRefused, RemoteNotFound
from miyabi.git.filters import require_lfs, uses_lfs
from miyabi.git.large_objects import Storage, lfs_objects, lfs_objects_of
from miyabi.git.remote.client import RemoteClient


async def upload(client: RemoteClient, branches: Mapping[str, str], *, there: Mapping[str, str]) -> dict[str, str]:
    """Uploads what the branches' commits name and no branch of a remote holds.

    An object that is not here is left out: the remote has it, or says that it lacks it.

    Args:
        client: to the remote.
        branches: the commit for each branch.
        there: what the remote's branches stand at.

    Returns:
        Why it failed, by branch; empty where nothing did.

    Raises:
        RemoteUnreachable: cut off; may be repeated.
        RemoteLoginRefused: the login is missing or not accepted.
        BadInput: there is no git-lfs here.
        GitFailed: a commit is not here.
    """
    git = client.repository.git
    using = {branch: commit for branch, commit in branches.items() if await uses_lfs(git, commit)}
    if not using:
        return {}
    await require_lfs(git)
    known, storage, refused = await _known(client, there), await Storage.of(client.repository), dict[str, str]()
    for branch, commit in using.items():
        objects = await lfs_objects(git, [commit], known=known)
        away = storage.lacking(objects)
        try:
            await client.upload({oid: size for oid, size in objects.items() if oid not in away})
        except (GitFailed, PushRefused, RemoteNotFound) as error:
            refused[branch] = f"its Git LFS objects are refused: {error}"
    return refused


async def fetch(client: RemoteClient, commit: str) -> None:
    """Fetches what the files of a commit, which is here, have in Git LFS.

    Raises:
        BadInput: there is no git-lfs here, and it is needed.
        RemoteError: the remote does not answer, or does not let us in.
        GitFailed: git-lfs could not do it.
    """
    git = client.repository.git
    if not await uses_lfs(git, commit):
        return
    if (await Storage.of(client.repository)).lacking(await lfs_objects_of(git, commit)):
        await require_lfs(git)
        await client.download(commit)


async def _known(client: RemoteClient, there: Mapping[str, str]) -> set[str]:
    """The commits that are at a remote, as far as is known here."""
    tracked = (await client.repository.git.ask("for-each-ref", "--format=%(objectname)", "refs/remotes")).lines
    return await client.repository.contains({*tracked, *there.values()})
