"""Asks GitHub: spaces writes, waits for limits, goes on after faults, follows a rename."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from miyabi.errors import GitHubError, GitHubUnreachable, NotFoundOnGitHub, RateLimited, ValidationRefused
from miyabi.github import errors
from miyabi.github.access import GitHubAccess, RetryPolicy
from miyabi.github.parse import read, repository
from miyabi.github.request import GRAPHQL, Request, Response, Transport, UnansweredError
from miyabi.system import Backoff

T = TypeVar("T")
OnWait = Callable[[float, str], object]
Download = Callable[[str], Awaitable[Response]]
_PAGE = 100
_MOST_PAGES = 1000
_FOUND = 302


class GitHubClient:
    """One repository at GitHub, request by request.

    Args:
        transport: sends one request once.
        on_wait: called before each wait: for how many seconds, and why.
    """

    def __init__(
        self, transport: Transport, *, access: GitHubAccess, retry_policy: RetryPolicy, on_wait: OnWait
    ) -> None:
        self.repository = access.repository
        self.is_app = access.is_app
        self._transport, self._base_url = transport, access.base_url
        self._retry_policy, self._on_wait = retry_policy, on_wait
        self._throttle = throttle_of(access.account)
        self._is_known = False

    async def get(self, path: str, *, subject: str, query: Mapping[str, Any] | None = None) -> Any:
        """Reads the JSON value at a path, as `send` does.

        Raises:
            GitHubError: the kind that GitHub's refusal means, or the answer is no JSON.
        """
        return (await self.send(Request(path=path, subject=subject, query=query or {}))).data

    async def pages(
        self, path: str, *, subject: str, query: Mapping[str, Any] | None = None, key: str | None = None
    ) -> list[Any]:
        """Reads the items of all pages, 100 a page; `key` is their name where they are wrapped in an object.

        Raises:
            GitHubError: the kind that GitHub's refusal means, or the answer is no list.
        """
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

    async def reconcile(
        self,
        look: Callable[[], Awaitable[T]],
        change: Callable[[T], Request | None],
        *,
        result: Callable[[Any], T] | None = None,
    ) -> T:
        """Writes until `change` finds nothing left to write, and returns what is there then.

        Nothing is written over what has not been seen: after every wait, and before every repetition, it is looked
        at again.

        Args:
            look: reads what is there now.
            change: makes the write that is still needed; None where none is.
            result: reads in a write's answer what is there; without it, it is looked at again.

        Raises:
            GitHubError: the kind that GitHub's refusal means; after so many faults, and so long a wait, as the retry
                policy allows.
        """
        retries = _Retries(self._retry_policy, self._on_wait)
        while True:
            found = await look()
            if (request := change(found)) is None:
                return found
            async with self._throttle.turn(interval_seconds=self._retry_policy.write_interval_seconds) as turn:
                if turn.has_waited and (request := change(found := await look())) is None:
                    return found
                turn.is_used = True
                answer = await self._write(request, retries)
            if answer is not None:
                return read(result, answer.data, subject=request.subject) if result else await look()
            await retries.wait()

    async def _write(self, request: Request, retries: _Retries) -> Response | None:
        """The good answer to a write; None where it is to be looked at again after a wait."""
        try:
            return await self._attempt(request)
        except GitHubError as error:
            retries.note(error, request)
        return None

    async def send(self, request: Request) -> Response:
        """Sends a read until there is a good answer: again after faults, and later after limits.

        Raises:
            GitHubError: the kind that GitHub's refusal means; after so many faults, and so long a wait, as the retry
                policy allows.
        """
        return await self._repeated(request, lambda: self._attempt(request))

    async def content(self, request: Request, download: Download) -> bytes:
        """Reads what lies elsewhere, as `send` does; where, GitHub is asked each time, for it is so for a minute only.

        Args:
            request: the question for its address.
            download: reads what is at an address.

        Raises:
            GitHubError: as `send`, or it cannot be read there.
        """
        return await self._repeated(request, lambda: self._content(request, download))

    async def _content(self, request: Request, download: Download) -> bytes:
        try:
            found = await download((await self._attempt(request)).headers.get("location", ""))
        except UnansweredError as error:
            raise errors.unreachable(request, base_url=self._base_url, reason=str(error)) from error
        if errors.is_passing(found):
            raise errors.unreachable(request, base_url=self._base_url, reason=f"status {found.status}")
        if not found.is_good:
            raise GitHubError(f"The {request.subject} cannot be read where GitHub says it is: status {found.status}.")
        return found.content

    async def _repeated(self, request: Request, attempt: Callable[[], Awaitable[T]]) -> T:
        retries = _Retries(self._retry_policy, self._on_wait)
        while True:
            try:
                return await attempt()
            except GitHubError as error:
                retries.note(error, request)
            await retries.wait()

    async def _attempt(self, request: Request) -> Response:
        answer = await self._once(request)
        if request.leads_away and answer.status == _FOUND:
            return answer
        if answer.is_redirect:
            await self._follow_rename(answer, request)
            answer = await self._once(request)
        if not answer.is_good:
            raise await self._fault(answer, request)
        if request.path == GRAPHQL and (refused := errors.graphql_fault(answer, request, base_url=self._base_url)):
            raise refused
        self._is_known = self._is_known or not request.path.startswith("/")
        return answer

    async def _once(self, request: Request) -> Response:
        try:
            return await self._transport.send(request, path=self._path(request))
        except UnansweredError as error:
            raise errors.unreachable(request, base_url=self._base_url, reason=str(error)) from error

    def _path(self, request: Request) -> str:
        if request.path.startswith("/"):
            return request.path.lstrip("/")
        return f"repos/{self.repository}/{request.path}".rstrip("/")

    async def _fault(self, answer: Response, request: Request) -> GitHubError:
        error = errors.fault(answer, request, repository=self.repository, base_url=self._base_url)
        if isinstance(error, NotFoundOnGitHub) and request.path and not self._is_known:
            await self.get("", subject="repository")  # says so if it is the repository that is missing
        return error

    async def _follow_rename(self, answer: Response, request: Request) -> None:
        """Learns the repository's new name, which is used from here on."""
        root = self._base_url.rstrip("/")
        moved = answer if not request.path else await self._once(Request(path="", subject="repository"))
        target = moved.headers.get("location", "")
        if not moved.is_redirect or not target.startswith(f"{root}/"):
            raise errors.moved(answer, request, repository=self.repository)
        renamed = await self._once(Request(path=target.removeprefix(root), subject="repository"))
        if not renamed.is_good:
            raise errors.moved(answer, request, repository=self.repository)
        self.repository = read(repository, renamed.data, subject="the repository").full_name


class _Retries:
    """What one call waits out of faults and limits, and how long it waits after each."""

    def __init__(self, retry_policy: RetryPolicy, on_wait: OnWait) -> None:
        self._retry_policy, self._on_wait = retry_policy, on_wait
        self._waited, self._failures = 0.0, 0
        self._seconds, self._reason = 0.0, ""

    def note(self, error: GitHubError, request: Request) -> None:
        """Takes note of a failure that is worth another try after `wait`.

        Raises:
            GitHubError: that error, where it is not.
        """
        if isinstance(error, RateLimited):
            self._seconds, self._reason = error.wait_seconds, "GitHub's rate limit"
            self._waited += error.wait_seconds
            is_enough = self._waited > self._retry_policy.max_wait_seconds
        else:
            self._failures += 1
            self._seconds, self._reason = Backoff(self._retry_policy.retry_seconds).seconds(self._failures), str(error)
            is_enough = self._failures >= self._retry_policy.attempts or not _may_pass(error, request)
        if is_enough:
            raise error

    async def wait(self) -> None:
        """Waits, and calls `on_wait` before."""
        self._on_wait(self._seconds, self._reason)
        await asyncio.sleep(self._seconds)


def _may_pass(error: GitHubError, request: Request) -> bool:
    """It is worth another look: the server may be well again, or what we wanted is done already."""
    match error:
        case GitHubUnreachable():
            return True
        case ValidationRefused():
            return request.writes and error.exists
        case NotFoundOnGitHub():
            return request.method == "DELETE"
    return False


_LOOK_AGAIN_SECONDS = 0.02


@dataclass(slots=True)
class Turn:
    """The turn to write. `has_waited` until it came; `is_used` once something was sent."""

    has_waited: bool = False
    is_used: bool = False


class WriteThrottle:
    """Gives turns to write, also to event loops of other threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_taken = False
        self._free_at = 0.0

    @asynccontextmanager
    async def turn(self, *, interval_seconds: float) -> AsyncIterator[Turn]:
        """Waits for our turn and holds it until the end of the `async with`; the one after a used one comes later.

        Args:
            interval_seconds: from the end of a turn that was used to the start of the next.
        """
        turn = Turn()
        while (delay := self._delay()) > 0:
            turn.has_waited = True
            await asyncio.sleep(delay)
        try:
            yield turn
        finally:
            self._give_back(interval_seconds if turn.is_used else 0)

    def _delay(self) -> float:
        """How long to wait before asking again; 0 where the turn is ours now."""
        with self._lock:
            delay = self._free_at - time.monotonic()
            if self._is_taken or delay > 0:
                return max(delay, _LOOK_AGAIN_SECONDS)
            self._is_taken = True
            return 0

    def _give_back(self, interval_seconds: float) -> None:
        with self._lock:
            self._is_taken = False
            self._free_at = max(self._free_at, time.monotonic() + interval_seconds)


_throttles: dict[str, WriteThrottle] = {}


def throttle_of(account: str) -> WriteThrottle:
    """Returns the throttle of an account, one for the whole process."""
    return _throttles.setdefault(account, WriteThrottle())
