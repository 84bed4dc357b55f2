"""A partial clone (`git clone --filter`) gets what it lacks before anything counts on it, signed in as for any fetch.

Else git would fetch it in the middle of a run, one command at a time, without our token and the user's ssh command.
"""

from __future__ import annotations

from miyabi.errors import BadInput, GitError, MiyabiError
from miyabi.git.remote.client import Patience, RemoteClient
from miyabi.git.remote.target import Remote, RemoteToken, fetch_address
from miyabi.git.repository import Repository
from miyabi.text import count

_PATIENCE = Patience(timeout_seconds=4 * 3600)


async def complete_partial_clone(
    repository: Repository,
    commit: str,
    *,
    token: RemoteToken | None = None,
    patience: Patience = _PATIENCE,
) -> int:
    """Fetches what a partial clone lacks of a commit and its history. Returns how many objects git missed.

    That number is of those that git met on its way: what is below a folder that is not here is not counted.

    Args:
        repository: the user's; in one that is no partial clone nothing is looked at.
        commit: whose files and history are to be here.
        token: counts where it is for the remote's server.
        patience: how long and how often.

    Raises:
        BadInput: some of it cannot be had; says from where, and why.
        GitFailed: git could not read the commit.
        SettingsError: the token would travel unencrypted, or the remote has no address.
    """
    if not (remotes := await _promisors(repository)):
        return 0
    missing = first = await _missing(repository, commit)
    try:
        for remote in remotes:
            if missing:
                address = await fetch_address(repository, remote=remote)
                target = Remote.of(address, token=token)
                await RemoteClient(repository, target, patience).fetch_objects(missing)
                missing = await _missing(repository, commit)
    except GitError as error:
        raise _lacking(repository, missing, error) from error
    if missing:
        raise _lacking(repository, missing, f"{' and '.join(remotes)} has not got it either, such as {missing[0]}")
    return len(first)


async def _promisors(repository: Repository) -> list[str]:
    """The remotes that have promised to have what is not here."""
    answer = await repository.git.run("config", "-z", "--type=bool", "--get-regexp", r"^remote\..*\.promisor$")
    rows = (entry.partition("\n") for entry in answer.text.split("\0") if entry)
    named = [key.removeprefix("remote.").removesuffix(".promisor") for key, _, value in rows if value == "true"]
    older = (await repository.git.run("config", "--get", "extensions.partialClone")).lines
    return list(dict.fromkeys([*named, *older]))


async def _missing(repository: Repository, commit: str) -> list[str]:
    answer = await repository.git.ask("rev-list", "--objects", "--quiet", "--missing=print", commit, "--")
    return [line.removeprefix("?") for line in answer.lines if line.startswith("?")]


def _lacking(repository: Repository, missing: list[str], why: MiyabiError | str) -> BadInput:
    return BadInput(
        f"{repository.root} is a partial clone, and {count(len(missing), 'object')} that a run needs cannot be fetched:"
        f" {why}"
    )
