"""Asks GitHub with manners: paces writes, waits for limits, goes on after faults, follows a rename."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from miyabi import github_faults as faults
from miyabi.errors import GitHubError, GitHubUnreachable, NotFoundOnGitHub, ValidationRefused
from miyabi.github_access import GitHubAccess, Manners
from miyabi.github_exchange import Answer, Request, Transport, UnansweredError

T = TypeVar("T")
OnWait = Callable[[float, str], object]
_PAGE = 100
_MOST_PAGES = 1000


class GitHubClient:
    """One repository at GitHub, request by request.

    Args:
        transport: sends one request once.
        on_wait: told before each wait: how many seconds, and why.
    """

    def __init__(self, transport: Transport, *, access: GitHubAccess, manners: Manners, on_wait: OnWait) -> None:
        self.repository = access.repository
        self.is_app = access.app is not None
        self._transport, self._base_url = transport, access.base_url
        self._manners, self._on_wait = manners, on_wait
        self._turn = asyncio.Lock()
        self._next_write = 0.0
        self._is_known = False

    async def get(self, path: str, *, subject: str, query: Mapping[str, Any] | None = None) -> Any:
        """The JSON value there."""
        return (await self.send(Request(path=path, subject=subject, query=query or {}))).data

    async def pages(
        self, path: str, *, subject: str, query: Mapping[str, Any] | None = None, key: str | None = None
    ) -> list[Any]:
        """The items of all pages; `key` is their name where they are wrapped in an object."""
        items: list[Any] = []
        wanted: Mapping[str, Any] | None = {**(query or {}), "per_page": _PAGE}
        for _ in range(_MOST_PAGES):
            answer = await self.send(Request(path=path, subject=subject, query=wanted or {}))
            data = answer.data
            page = data.get(key) if key and isinstance(data, dict) else data
            if not isinstance(page, list):
                raise GitHubError(f"GitHub's list of {subject} is no list. Is base_url the API's address?")
            items += page
            if not (wanted := answer.next_page):
                break
        return items

    async def settle(
        self,
        look: Callable[[], Awaitable[T]],
        change: Callable[[T], Request | None],
        *,
        read: Callable[[Any], T] | None = None,
    ) -> T:
        """What is there once `change` finds nothing left to write. Looks again before it writes again.

        Args:
            look: what is there now.
            change: the write that is still needed; None where none is.
            read: what a write's answer says is there; without it, it is looked at again.
        """
        for attempt in range(1, self._manners.attempts + 1):
            found = await look()
            if (request := change(found)) is None:
                return found
            try:
                answer = await self.send(request)
            except (GitHubUnreachable, ValidationRefused) as error:
                if attempt == self._manners.attempts or not _may_be_done(error):
                    raise
                await self._back_off(attempt, reason=f"{request.subject} is looked at again: {error}")
            else:
                return read(answer.data) if read else await look()
        raise AssertionError  # the last attempt returned or raised

    async def send(self, request: Request) -> Answer:
        """The good answer to a request. Reads are repeated after faults; a write is only repeated if it was not done.

        Raises:
            GitHubError: the kind that GitHub's refusal means.
        """
        waited, failures, moved = 0.0, 0, False
        while True:
            try:
                answer = await self._once(request)
            except UnansweredError as error:
                failures += 1
                trouble = faults.unreachable(request, base_url=self._base_url, reason=str(error))
            else:
                if answer.is_good:
                    self._is_known = True
                    return answer
                if answer.is_redirect and not moved:
                    moved = await self._follow_rename(answer, request)
                    continue
                if (seconds := faults.limit_seconds(answer)) is not None:
                    waited += await self._wait_for_limit(seconds, waited=waited, status=answer.status)
                    continue
                failures += 1
                trouble = await self._fault(answer, request)
            if request.writes or not trouble.transient or failures >= self._manners.attempts:
                raise trouble
            await self._back_off(failures, reason=str(trouble))

    async def _once(self, request: Request) -> Answer:
        if not request.writes:
            return await self._transport.send(request, path=self._path(request))
        async with self._turn:
            await asyncio.sleep(self._next_write - time.monotonic())
            try:
                return await self._transport.send(request, path=self._path(request))
            finally:
                self._next_write = time.monotonic() + self._manners.write_interval_seconds

    def _path(self, request: Request) -> str:
        if request.path.startswith("/"):
            return request.path.lstrip("/")
        return f"repos/{self.repository}/{request.path}".rstrip("/")

    async def _wait_for_limit(self, seconds: float, *, waited: float, status: int) -> float:
        longest = self._manners.max_wait_seconds
        if waited + seconds > longest:
            raise faults.rate_limited(seconds=seconds, longest_seconds=longest, status=status)
        await self._wait(seconds, reason="GitHub's rate limit")
        return seconds

    async def _back_off(self, failures: int, *, reason: str) -> None:
        await self._wait(self._manners.retry_seconds * 2 ** (failures - 1), reason=reason)

    async def _wait(self, seconds: float, *, reason: str) -> None:
        self._on_wait(seconds, reason)
        await asyncio.sleep(seconds)

    async def _fault(self, answer: Answer, request: Request) -> GitHubError:
        error = faults.fault(answer, request, repository=self.repository, base_url=self._base_url)
        if isinstance(error, NotFoundOnGitHub) and request.path and not self._is_known:
            await self.get("", subject="repository")  # says so if it is the repository that is missing
        return error

    async def _follow_rename(self, answer: Answer, request: Request) -> bool:
        """True when the repository has a new name, which is used from here on."""
        found = await self._once(Request(path="", subject="repository"))
        target = found.headers.get("location", "")
        if not found.is_redirect or not target.startswith(self._base_url.rstrip("/") + "/"):
            raise NotFoundOnGitHub(
                f"{self.repository} has no {request.subject} any more: it moved to"
                f" {answer.headers.get('location', 'an unknown place')}.",
                status=answer.status,
            )
        path = target.removeprefix(self._base_url.rstrip("/"))
        renamed = (await self.send(Request(path=path, subject=f"the new name of {self.repository}"))).data
        self.repository = renamed["full_name"]
        return True


def _may_be_done(error: GitHubError) -> bool:
    return isinstance(error, GitHubUnreachable) or (isinstance(error, ValidationRefused) and error.exists)
