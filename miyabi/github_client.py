"""Asks GitHub with manners: paces writes, waits for limits, goes on after faults, follows a rename."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from miyabi import github_faults as faults
from miyabi.errors import GitHubError, GitHubUnreachable, NotFoundOnGitHub, RateLimited, ValidationRefused
from miyabi.github_access import GitHubAccess, Manners
from miyabi.github_exchange import Answer, Request, Transport, UnansweredError
from miyabi.github_reading import read, repository

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
        result: Callable[[Any], T] | None = None,
    ) -> T:
        """What is there once `change` finds nothing left to write. Looks again before it writes again.

        Args:
            look: what is there now.
            change: the write that is still needed; None where none is.
            result: what a write's answer says is there; without it, it is looked at again.
        """
        for attempt in range(1, self._manners.attempts + 1):
            found = await look()
            if (request := change(found)) is None:
                return found
            try:
                answer = await self.send(request)
            except (GitHubUnreachable, ValidationRefused, NotFoundOnGitHub) as error:
                if attempt == self._manners.attempts or not _may_be_done(error, request):
                    raise
                await self._back_off(attempt, reason=f"{request.subject} is looked at again: {error}")
            else:
                return read(result, answer.data, subject=request.subject) if result else await look()
        raise AssertionError  # the last attempt returned or raised

    async def send(self, request: Request) -> Answer:
        """The good answer to a request. A read is repeated after faults; a write only when it was surely not done.

        Raises:
            GitHubError: the kind that GitHub's refusal means.
        """
        waited, failures = 0.0, 0
        while True:
            try:
                return await self._attempt(request)
            except RateLimited as error:
                waited += error.wait_seconds
                if waited > self._manners.max_wait_seconds:
                    raise
                await self._wait(error.wait_seconds, reason="GitHub's rate limit")
            except GitHubUnreachable as error:
                failures += 1
                if request.writes or failures >= self._manners.attempts:
                    raise
                await self._back_off(failures, reason=str(error))

    async def _attempt(self, request: Request) -> Answer:
        answer = await self._once(request)
        if answer.is_redirect:
            await self._follow_rename(answer, request)
            answer = await self._once(request)
        if not answer.is_good:
            raise await self._fault(answer, request)
        self._is_known = True
        return answer

    async def _once(self, request: Request) -> Answer:
        try:
            if not request.writes:
                return await self._transport.send(request, path=self._path(request))
            async with self._turn:
                return await self._write(request)
        except UnansweredError as error:
            raise faults.unreachable(request, base_url=self._base_url, reason=str(error)) from error

    async def _write(self, request: Request) -> Answer:
        await asyncio.sleep(self._next_write - time.monotonic())
        try:
            return await self._transport.send(request, path=self._path(request))
        finally:
            self._next_write = time.monotonic() + self._manners.write_interval_seconds

    def _path(self, request: Request) -> str:
        if request.path.startswith("/"):
            return request.path.lstrip("/")
        return f"repos/{self.repository}/{request.path}".rstrip("/")

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

    async def _follow_rename(self, answer: Answer, request: Request) -> None:
        """Learns the repository's new name, which is used from here on."""
        root = self._base_url.rstrip("/")
        moved = answer if not request.path else await self._once(Request(path="", subject="repository"))
        target = moved.headers.get("location", "")
        if not moved.is_redirect or not target.startswith(f"{root}/"):
            raise faults.moved(answer, request, repository=self.repository)
        renamed = await self._once(Request(path=target.removeprefix(root), subject="repository"))
        if not renamed.is_good:
            raise faults.moved(answer, request, repository=self.repository)
        self.repository = read(repository, renamed.data, subject="the repository").full_name


def _may_be_done(error: GitHubError, request: Request) -> bool:
    match error:
        case GitHubUnreachable():
            return True
        case ValidationRefused():
            return error.exists
        case NotFoundOnGitHub():
            return request.method == "DELETE"
    return False
