"""The commands that reach a remote: ls-remote, fetch, push. With its login, bounded in time, over a rename."""

from __future__ import annotations

import asyncio
import http.client
import os
import re
import tempfile
import urllib.error
import urllib.request
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urljoin

from miyabi.errors import RemoteUnreachable
from miyabi.git.command import GitResult
from miyabi.git.remote import errors
from miyabi.git.remote.target import NAME, Remote
from miyabi.git.repository import Repository
from miyabi.system import Backoff

_HEADS = "refs/heads/"
_FETCH = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--no-auto-maintenance")
_WHATEVER_IS_HERE = ("-c", "fetch.negotiationAlgorithm=noop")
_PUSH = ("push", "--porcelain", "--no-verify", "--no-follow-tags", "--no-signed", "--recurse-submodules=no")
_READ, _WRITE = "read from", "push to"
_BYTES_PER_SECOND = 100_000
_DOWNLOAD_SECONDS = 3600.0
_OBJECTS_PER_COMMAND = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long and how often.

    Args:
        attempts: how often something is tried in all.
        retry_seconds: before the second attempt; doubles each time.
        timeout_seconds: for one git command, however much it sends.
    """

    attempts: int = 3
    retry_seconds: float = 2
    timeout_seconds: float = 900

    async def pause(self, attempt: int) -> None:
        """Waits after an attempt that failed; the first is 1."""
        await asyncio.sleep(Backoff(self.retry_seconds).seconds(attempt))


class RemoteClient:
    """A remote repository as we reach it from one of ours."""

    def __init__(self, repository: Repository, target: Remote, patience: Patience) -> None:
        self.repository, self.target, self.patience = repository, target, patience

    async def ls_remote(self, branches: Collection[str]) -> dict[str, str]:
        """Asks which of the branches are there, and where they stand.

        Returns:
            The commit's full id by the branch's name, without `refs/heads/`.

        Raises:
            RemoteError: it does not answer, not even to repetitions, or does not let us in.
            GitFailed: git could not do it.
        """
        wanted = {f"{_HEADS}{branch}" for branch in branches}
        answer = await self._ask(("ls-remote", "--quiet"), sorted(wanted))
        rows = (line.split("\t", 1) for line in answer.lines)
        return {ref.removeprefix(_HEADS): commit for commit, ref in rows if ref in wanted}

    async def fetch(self, branches: Collection[str], *, into: Mapping[str, str]) -> None:
        """Fetches the branches' objects, and nothing else, to where the environment `into` has objects stored.

        Raises:
            GitFailed: one of them is not there any more.
            RemoteError: as `ls_remote`.
        """
        await self._ask(_FETCH, [f"{_HEADS}{branch}" for branch in branches], into)

    async def fetch_objects(self, objects: Collection[str]) -> None:
        """Fetches these objects with all that belongs to them, whatever else of the same history is here.

        Raises:
            GitFailed: one of them is not there.
            RemoteError: as `ls_remote`.
        """
        await self._ask((*_WHATEVER_IS_HERE, *_FETCH, "--stdin"), [], stdin="".join(f"{o}\n" for o in objects).encode())

    async def send(self, wanted: Mapping[str, str], *, leases: Mapping[str, str]) -> tuple[PushReport, str]:
        """Pushes each commit to its branch under a lease (`--force-with-lease` of git-push(1)), once.

        Args:
            wanted: the commit for each branch.
            leases: what is there now; a branch that is not in it must not be there.

        Returns:
            What became of each branch, and what the other side says about it, on one line.

        Raises:
            RemoteUnreachable: cut off; whether it was done is unknown.
            GitError: it was not done.
        """
        leased = [f"--force-with-lease={_HEADS}{branch}:{leases.get(branch, '')}" for branch in wanted]
        refs = [f"{commit}:{_HEADS}{branch}" for branch, commit in wanted.items()]
        answer = await self._run((*_PUSH, *leased), refs)
        report = PushReport.read(answer.text, said=answer.stderr)
        if answer.exit_status and (report.unknown or not (report.stale or report.refused)):
            raise errors.fault(answer, target=self.target, doing=_WRITE, branches=wanted)
        return report, errors.remote_words(answer, target=self.target)

    async def upload(self, objects: Mapping[str, int]) -> None:
        """Uploads Git LFS objects that are here, by SHA-256 with their sizes in bytes.

        The time limit grows by a second for each 100,000 bytes.

        Raises:
            RemoteUnreachable: cut off; may be repeated.
            GitError: it was not done.
        """
        oids = list(objects)
        for start in range(0, len(oids), _OBJECTS_PER_COMMAND):
            some = oids[start : start + _OBJECTS_PER_COMMAND]
            seconds = self.patience.timeout_seconds + sum(objects[oid] for oid in some) / _BYTES_PER_SECOND
            await self._large("push", "--object-id", self._large_address, *some, doing=_WRITE, seconds=seconds)

    async def download(self, commit: str) -> None:
        """Downloads what the files of a commit have in Git LFS, and the remote has.

        Raises:
            RemoteUnreachable: cut off; may be repeated.
            GitError: it was not done.
        """
        seconds = _DOWNLOAD_SECONDS + self.patience.timeout_seconds
        await self._large("fetch", self._large_address, commit, doing=_READ, seconds=seconds)

    @property
    def _large_address(self) -> str:
        """As git-lfs takes it, which knows a folder by a URL only."""
        address = self.target.address
        is_path = self.target.url.scheme == "file" and "://" not in address
        return f"file://{self.repository.root / address}" if is_path else address

    async def _large(self, *words: str, doing: str, seconds: float) -> None:
        try:
            with tempfile.TemporaryDirectory(prefix="miyabi-") as folder:
                extra = self.target.environment_for_lfs(os.environ, file=Path(folder) / "config")
                async with asyncio.timeout(seconds):
                    answer = await self.repository.git.run("lfs", *words, extra=extra)
        except TimeoutError:
            raise errors.unreachable(
                f"no end of its Git LFS objects after {seconds:g} seconds", target=self.target, doing=doing
            ) from None
        if answer.exit_status:
            raise errors.fault(answer, target=self.target, doing=doing)

    async def _ask(
        self,
        words: tuple[str, ...],
        refs: Collection[str],
        extra: Mapping[str, str] | None = None,
        *,
        stdin: bytes = b"",
    ) -> GitResult:
        """The answer to what may be repeated."""
        attempt = 1
        while True:
            try:
                answer = await self._run(words, refs, extra, stdin=stdin)
                if not answer.exit_status:
                    return answer
                branches = [ref.removeprefix(_HEADS) for ref in refs]
                raise errors.fault(answer, target=self.target, doing=_READ, branches=branches)
            except RemoteUnreachable:
                if attempt == self.patience.attempts:
                    raise
            await self.patience.pause(attempt)
            attempt += 1

    async def _run(
        self,
        words: tuple[str, ...],
        refs: Collection[str],
        extra: Mapping[str, str] | None = None,
        *,
        stdin: bytes = b"",
    ) -> GitResult:
        given = dict(extra or {})
        answer = await self._once(words, refs, self.target.environment(os.environ) | given, stdin=stdin)
        if not errors.is_redirected(answer):
            return answer
        await self._follow()
        return await self._once(words, refs, self.target.environment(os.environ) | given, stdin=stdin)

    async def _follow(self) -> None:
        """The repository was renamed: from now on its new address counts, if it is on the same server."""
        url = await redirect_target(self.target)
        there = self.target.moved(url) if url else None
        if there is None:
            raise errors.moved(url or "an unknown place", target=self.target)
        self.target = there

    async def _once(
        self, words: tuple[str, ...], refs: Collection[str], extra: Mapping[str, str], *, stdin: bytes
    ) -> GitResult:
        seconds = self.patience.timeout_seconds
        try:
            async with asyncio.timeout(seconds):
                return await self.repository.git.run(*words, NAME, *refs, stdin=stdin, extra=extra)
        except TimeoutError:
            doing = _WRITE if words[0] == "push" else _READ
            raise errors.unreachable(f"no end after {seconds:g} seconds", target=self.target, doing=doing) from None


_LINE = re.compile(r"!\t[^\t]*:refs/heads/(?P<branch>[^\t]+)\t(?P<summary>[^\t]*)")
_REASON = re.compile(r"\[(?P<who>[a-z ]+)\] \((?P<why>.*)\)")
# Somebody was quicker: seen by git here, or by the other side when it took the lock.
_STALE = re.compile(
    r"stale info|fetch first|failed to (?:update|lock)|cannot lock ref|incorrect old value"
    r"|reference already exists"
)
# A branch is called like a folder of this one, or the other way round; the report says only "failed to update ref".
_BLOCKED = re.compile(r"cannot lock ref 'refs/heads/(?P<branch>[^']+)': (?P<why>'[^']+' exists; cannot create)")


@dataclass(frozen=True, slots=True, kw_only=True)
class PushReport:
    """The branches that did not go through, each with the reason: worth another look, refused, or nobody knows."""

    stale: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str, *, said: str = "") -> Self:
        """Reads the report in git's stdout, empty where there is none; `said` is its stderr.

        Its form is that of `--porcelain` in git-push(1).
        """
        blocked = {found["branch"]: found["why"] for found in _BLOCKED.finditer(said)}
        report = cls()
        for found in filter(None, map(_LINE.match, text.splitlines())):
            branch, reason = found["branch"], _REASON.match(found["summary"])
            why = blocked.get(branch) or (reason["why"] if reason else found["summary"])
            report._kind(why, is_unknown=bool(reason and reason["who"] == "remote failure"))[branch] = why
        return report

    def _kind(self, why: str, *, is_unknown: bool) -> dict[str, str]:
        if is_unknown:
            return self.unknown
        return self.stale if _STALE.search(why) else self.refused


_TAIL = "/info/refs"
_AGENT = "git/2.38 (miyabi-scheduler)"  # by its beginning GitHub knows that git is asking
_REDIRECTIONS = range(300, 400)


class _Stay(urllib.request.HTTPRedirectHandler):
    """Goes nowhere, so that the login stays with the server that it is for."""

    def redirect_request(self, *_: Any) -> None:
        """No request."""


async def redirect_target(target: Remote, *, timeout_seconds: float = 30) -> str | None:
    """Asks the server which address it names instead of this one; None where it names none, or does not answer."""
    return await asyncio.to_thread(_redirect_target, target, timeout_seconds)


def _redirect_target(target: Remote, timeout_seconds: float) -> str | None:
    asked = f"{target.address.rstrip('/')}{_TAIL}?service=git-receive-pack"
    signed = {"Authorization": f"Basic {target.login.basic}"} if target.login else {}
    request = urllib.request.Request(asked, headers={"User-Agent": _AGENT, **signed})  # noqa: S310 - http(s) only
    try:
        with urllib.request.build_opener(_Stay).open(request, timeout=timeout_seconds):
            return None
    except urllib.error.HTTPError as error:
        with error:
            location = error.headers.get("Location") if error.code in _REDIRECTIONS else None
    except (OSError, http.client.HTTPException):
        return None
    return urljoin(asked, location).split(_TAIL, 1)[0] if location else None
