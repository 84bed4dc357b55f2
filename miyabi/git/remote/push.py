"""Commits of the user's repository become branches of a remote: what differs, under a lease, and only over our own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from miyabi.errors import GitFailed, RemoteUnreachable
from miyabi.git import merge
from miyabi.git.remote import errors, large_objects
from miyabi.git.remote.client import Patience, RemoteClient
from miyabi.git.remote.target import Remote
from miyabi.git.repository import Repository
from miyabi.text import one_line, redact

__all__ = ["Patience", "Remote", "push"]

_RACE = "it changes while we push"
_BACKWARD = "it holds other commits than those that ours are on top of"


async def push(
    repository: Repository,
    branches: Mapping[str, str],
    *,
    remote: Remote,
    patience: Patience | None = None,
    only_forward: bool = False,
) -> tuple[str, ...]:
    """Puts each remote branch at its commit.

    Nothing is written where nothing differs, so an interrupted push is simply repeated. A branch that holds what is not
    ours stays as it is: see `foreign_commits` below. One that cannot be pushed keeps no other one back. No hook of the
    user runs, and nothing in the repository changes.

    Args:
        repository: holds the commits.
        branches: the commit for each branch of the remote.
        remote: where to, and with whose login.
        patience: how long and how often.
        only_forward: a branch that holds what its commit does not stays as it is, be it ours or not.

    Returns:
        The names of those that were elsewhere before, or not there, in the order of `branches`.

    Raises:
        PushRefused: some branches were not pushed; `refused` says why, `pushed` which ones were.
        RemoteUnreachable: it does not answer, not even to repetitions.
        RemoteLoginRefused: the login is missing or not accepted.
        RemoteNotFound: there is no such repository, or it is at another server now.
        BadInput: the commits use Git LFS, and there is no git-lfs here.
        GitFailed: a commit is not here, or git could not do it.
    """
    here = await repository.contains(set(branches.values()))
    if missing := [branch for branch, commit in branches.items() if commit not in here]:
        raise GitFailed(f"{missing[0]} cannot be pushed: {repository.root} has no commit {branches[missing[0]]}.")
    client = RemoteClient(repository, remote, patience or Patience())
    return await _Push(branches, client, only_forward=only_forward).run() if branches else ()


class _Push:
    def __init__(self, branches: Mapping[str, str], client: RemoteClient, *, only_forward: bool) -> None:
        self.branches, self.client, self.only_forward = branches, client, only_forward
        self.refused: dict[str, str] = {}
        self.said: list[str] = []

    async def run(self) -> tuple[str, ...]:
        before = await self.client.ls_remote(self.branches)
        await self._push_until_there(before)
        differed = (branch for branch, commit in self.branches.items() if before.get(branch) != commit)
        pushed = tuple(branch for branch in differed if branch not in self.refused)
        if self.refused:
            said = "; ".join(dict.fromkeys(self.said))
            raise errors.refusal(self.refused, pushed=pushed, target=self.client.target, remote_said=said)
        return pushed

    async def _push_until_there(self, there: Mapping[str, str]) -> None:
        """Pushes, looks and pushes again until every branch is there or refused."""
        attempt = 1
        while wanted := await self._wanted(there):
            stale = await self._send(wanted, there, is_last=attempt == self.client.patience.attempts)
            if not stale:
                return
            if attempt == self.client.patience.attempts:
                self.refused |= stale
                return
            await self.client.patience.pause(attempt)
            attempt += 1
            there = await self.client.ls_remote(self.branches)

    async def _wanted(self, there: Mapping[str, str]) -> dict[str, str]:
        differing = {b: c for b, c in self.branches.items() if there.get(b) != c and b not in self.refused}
        kept = await foreign_commits(self.client, differing, there=there)
        if self.only_forward:
            kept = await self._backward(differing, there) | kept
        self.refused |= kept
        return {branch: commit for branch, commit in differing.items() if branch not in kept}

    async def _backward(self, wanted: Mapping[str, str], there: Mapping[str, str]) -> dict[str, str]:
        """The branches that hold commits which the wanted one does not."""
        moved = {branch: (there[branch], commit) for branch, commit in wanted.items() if branch in there}
        git = self.client.repository.git
        answers = {b: await git.run("merge-base", "--is-ancestor", *ends) for b, ends in moved.items()}
        return {branch: _BACKWARD for branch, answer in answers.items() if answer.exit_status}

    async def _send(self, wanted: Mapping[str, str], there: Mapping[str, str], *, is_last: bool) -> dict[str, str]:
        """The branches that have to be looked at again, with the reason."""
        try:
            lacking = await large_objects.upload(self.client, wanted, there=there)
            self.refused |= lacking
            wanted = {branch: commit for branch, commit in wanted.items() if branch not in lacking}
            if not wanted:
                return {}
            report, said = await self.client.send(wanted, leases=there)
        except RemoteUnreachable:
            if is_last:
                raise
            return dict.fromkeys(wanted, "cut off")
        self.refused |= report.refused
        self.said += [said] if said and (report.refused or report.stale) else []
        return {branch: f"{_RACE}: {why}" for branch, why in report.stale.items()}


async def foreign_tips(
    repository: Repository, tips: Mapping[str, str], *, remote: Remote, patience: Patience | None = None
) -> dict[str, str]:
    """Finds the branches of a remote to which somebody else has pushed, by the rules of `foreign_commits`.

    Args:
        repository: whose runs made the branches.
        tips: where each of them is at the remote; the remote is asked only of those that never were there here.
        remote: which, and with whose login.
        patience: how long and how often.

    Returns:
        By the branch's name whose commit it is, as the end of a sentence.

    Raises:
        RemoteError: it had to be looked at, and cannot be.
        GitFailed: git could not read our own branches.
    """
    held = await _held(repository)
    unclear = {branch: tip for branch, tip in tips.items() if tip not in held}
    client = RemoteClient(repository, remote, patience or Patience())
    return await _not_of_water_spider(client, unclear) if unclear else {}


_OURS = "miyabi/*"
_STRAYS = "refs/heads/miyabi/**/*+strays"
_TIP = "--format=%H%x00%ce%x00%h%x00%an%x00%s"
UNSEEN = "somebody pushed to it"


async def foreign_commits(
    client: RemoteClient, wanted: Mapping[str, str], *, there: Mapping[str, str]
) -> dict[str, str]:
    """Finds the branches that hold what is not ours.

    What is there is ours, and nothing of anybody is lost when it is overwritten, where its tip

    - is held by what we push anyway, or
    - is where one of this repository's own `miyabi/` branches stands or stood (its reflog and its strays), or
    - was committed by Water Spider: whoever adds to a branch of ours, rewrites it or merges into it commits as
      somebody else, and all that is below a commit of ours was there when we made it.

    Returns:
        By the branch's name whose commit it is, as the end of a sentence.

    Raises:
        RemoteError: it had to be looked at, and cannot be.
        GitFailed: git could not read our own branches.
    """
    repository = client.repository
    old = {branch: there[branch] for branch in wanted if branch in there}
    held = await _held(repository) if old else set()
    unclear = {b: tip for b, tip in old.items() if tip not in held and not await _is_kept(repository, tip, wanted[b])}
    return await _not_of_water_spider(client, unclear) if unclear else {}


async def _held(repository: Repository) -> set[str]:
    """Where our branches stand and stood."""
    tips = await repository.branches("miyabi")
    stood = await repository.git.run("rev-list", "--walk-reflogs", f"--branches={_OURS}")
    return {*tips.values(), *stood.lines}


async def _is_kept(repository: Repository, tip: str, wanted: str) -> bool:
    answer = await repository.git.run("merge-base", "--is-ancestor", tip, wanted)
    if not answer.exit_status:
        return True
    return bool((await repository.git.run("for-each-ref", f"--contains={tip}", _STRAYS)).stdout)


async def _not_of_water_spider(client: RemoteClient, unclear: Mapping[str, str]) -> dict[str, str]:
    with _quarantine(client.repository) as objects:
        try:
            await client.fetch(unclear, into=objects)
        except GitFailed:  # one was deleted in the meantime
            return dict.fromkeys(unclear, UNSEEN)
        words = ("log", "--no-walk=unsorted", "--ignore-missing", "--no-show-signature", _TIP)
        rows = (await client.repository.git.run(*words, *unclear.values(), "--", extra=objects)).lines
    found = {tip: rest for tip, *rest in (row.split("\0") for row in rows)}
    foreign = {b: found.get(tip, []) for b, tip in unclear.items() if found.get(tip, [""])[0] != merge.AUTHOR[1]}
    return {branch: _whose(tip) for branch, tip in foreign.items()}


def _whose(tip: list[str]) -> str:
    if not tip:
        return UNSEEN
    _, short, author, subject = tip
    return f"{UNSEEN}: {short} “{one_line(redact(subject), characters=60)}” by {one_line(author, characters=40)}"


@contextmanager
def _quarantine(repository: Repository) -> Iterator[dict[str, str]]:
    """A place for objects of others, which see ours but do not come to them."""
    with tempfile.TemporaryDirectory(prefix="miyabi-") as folder:
        info = Path(folder) / "info"
        info.mkdir()
        (info / "alternates").write_text(f"{repository.common / 'objects'}\n", "utf-8", "surrogateescape")
        yield {"GIT_OBJECT_DIRECTORY": folder}
