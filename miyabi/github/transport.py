"""The only door to githubkit: requests go out, answers come back as values of ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from pydantic import SecretStr

from miyabi.errors import GitHubError, TokenRefused
from miyabi.github.access import GitHubAccess, GitHubApp
from miyabi.github.errors import is_passing, limit_seconds, rate_limited
from miyabi.github.parse import read
from miyabi.github.request import GRAPHQL, Request, Response, UnansweredError
from miyabi.text import REDACTED

if TYPE_CHECKING:
    import githubkit

_API_VERSION = "2022-11-28"  # the one that every GitHub Enterprise Server in support knows
_RENEW_BEFORE = timedelta(minutes=5)
_LARGEST_BYTES = 20 << 20


class _UnsentError(UnansweredError):
    """The request could not even be made."""


class GithubkitTransport:
    """Sends one request once. The credential is put in at the last moment and stands in no value that is shown."""

    def __init__(self, access: GitHubAccess) -> None:
        self._access, self.base_url = access, access.base_url
        self._tokens = _AppTokens(access, access.app) if access.app else None
        self._token = access.token
        self._kit = _kit(access, auth=self)

    async def __aenter__(self) -> Self:
        await self._kit.__aenter__()  # type: ignore[no-untyped-call]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._kit.__aexit__()

    def get_auth_flow(self, _kit: Any) -> Any:
        """Returns what signs a request; githubkit calls this of its authentication strategies."""
        return self._sign

    def _sign(self, request: Any) -> Any:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token.get_secret_value()}"
        return request

    async def token(self) -> SecretStr:
        """Returns the token that is good now, an App's for five minutes at least.

        Raises:
            TokenRefused: the App gets none.
            RateLimited: the App gets none before its limit ends.
            UnansweredError: nothing came, or a server error.
        """
        if self._tokens:
            self._token = await self._tokens.current()
        assert self._token  # noqa: S101 - `GitHubAccess` has a token or an App
        return self._token

    async def send(self, request: Request, *, path: str) -> Response:
        """Sends a request and returns the answer, whatever its status, as `Transport.send` does.

        Raises:
            UnansweredError: none came, of the API or for the App's token.
            TokenRefused: the App gets no token.
            RateLimited: the App gets none before its limit ends.
        """
        secrets = [await self.token()]
        call = self._kit.arequest(
            request.method,
            self._access.graphql if request.path == GRAPHQL else path,
            params=dict(request.query) or None,
            json=request.body,
            headers={"X-GitHub-Api-Version": _API_VERSION} | ({"If-None-Match": request.etag} if request.etag else {}),
        )
        return await _answer(call, timeout_seconds=self._access.timeout_seconds, secrets=secrets)

    async def download(self, address: str) -> Response:
        """Reads what is at an address outside of the API, the last 20 MiB of it, with no credential.

        Raises:
            GitHubError: it is no address.
            UnansweredError: nothing came, or not to its end.
        """
        import httpx  # noqa: PLC0415 - githubkit stands on it: see `_kit`

        try:
            async with (
                httpx.AsyncClient(timeout=self._access.timeout_seconds, follow_redirects=True) as client,
                client.stream("GET", address) as found,
            ):
                content = await last_bytes(found.aiter_bytes(_LARGEST_BYTES), most=_LARGEST_BYTES)
        except (httpx.UnsupportedProtocol, httpx.InvalidURL):
            raise GitHubError("GitHub does not say at which address it is.") from None
        except httpx.HTTPError as error:  # whose own text has the address, which is a credential by itself
            raise UnansweredError(type(error).__name__) from None
        return Response(status=found.status_code, content=content)


async def last_bytes(chunks: AsyncIterator[bytes], *, most: int) -> bytes:
    """Reads chunks of so many bytes to their end, and returns the last bytes, at most so many."""
    end = b""
    async for chunk in chunks:
        end = (end + chunk)[-most:]
    return end


def _token(data: Any) -> tuple[SecretStr, datetime]:
    """An installation's token, and until when it is good."""
    return SecretStr(data["token"]), datetime.fromisoformat(data["expires_at"])


class _AppTokens:
    """The tokens of an App's installation, each renewed before it ends."""

    def __init__(self, access: GitHubAccess, app: GitHubApp) -> None:
        self._access, self._app = access, app
        self._token: SecretStr | None = None
        self._until = datetime.min.replace(tzinfo=UTC)
        self._lock = asyncio.Lock()

    async def current(self) -> SecretStr:
        """A token that is good for some minutes more."""
        async with self._lock:
            if self._token is None or datetime.now(UTC) > self._until - _RENEW_BEFORE:
                self._token, self._until = await self._mint()
            return self._token

    async def _mint(self) -> tuple[SecretStr, datetime]:
        async with self._kit() as kit:
            call = kit.arequest("POST", f"app/installations/{self._app.installation_id}/access_tokens")
            seconds, key = self._access.timeout_seconds, SecretStr(self._app.pem)
            answer = await _outcome(call, timeout_seconds=seconds, secrets=[key])
        if isinstance(answer, UnansweredError):
            raise self._unreadable() if isinstance(answer, _UnsentError) else answer
        if not answer.is_good:
            raise self._refused(answer)
        return read(_token, answer.data, subject="the App's token")

    def _kit(self) -> githubkit.GitHub[Any]:
        import githubkit  # noqa: PLC0415 - half a second that only those pay who open

        return _kit(self._access, auth=githubkit.AppAuthStrategy(app_id=self._app.app_id, private_key=self._app.pem))

    def _unreadable(self) -> TokenRefused:
        return TokenRefused(
            f"The private key of GitHub App {self._app.app_id} cannot be read."
            " Give the whole PEM text, with its first and last line."
        )

    def _refused(self, answer: Response) -> GitHubError | UnansweredError:
        if (seconds := limit_seconds(answer)) is not None:
            return rate_limited(answer, seconds=seconds)
        if is_passing(answer):
            return UnansweredError(f"status {answer.status} for the App's token")
        return TokenRefused(
            f"GitHub gives no token for installation {self._app.installation_id} of App {self._app.app_id}:"
            f" {answer.status} {answer.message}. Check both numbers, and that the private key is the App's.",
            status=answer.status,
        )


def _kit(access: GitHubAccess, *, auth: Any) -> githubkit.GitHub[Any]:
    import githubkit  # noqa: PLC0415 - half a second that only those pay who open
    from githubkit.cache import MemCacheStrategy  # noqa: PLC0415 - same

    return githubkit.GitHub(
        auth,
        base_url=access.root,
        timeout=access.timeout_seconds,
        user_agent="miyabi-scheduler",
        follow_redirects=False,
        http_cache=False,
        cache_strategy=MemCacheStrategy(),  # the default, one for the process, hangs and takes one App for another
        auto_retry=False,
    )


async def _answer(call: Any, *, timeout_seconds: float, secrets: list[SecretStr]) -> Response:
    """The answer to a call, or why none came. Neither shows a secret, nor do the errors that led to it."""
    answer = await _outcome(call, timeout_seconds=timeout_seconds, secrets=secrets)
    if isinstance(answer, UnansweredError):
        raise answer  # here, where the error of the HTTP client, which holds the whole request, is no context of it
    return answer


async def _outcome(call: Any, *, timeout_seconds: float, secrets: list[SecretStr]) -> Response | UnansweredError:
    from githubkit.exception import RequestError, RequestFailed, RequestTimeout  # noqa: PLC0415 - see `_kit`

    try:
        async with asyncio.timeout(timeout_seconds):
            response = await call
    except RequestFailed as error:
        response = error.response
    except (TimeoutError, RequestTimeout):
        return UnansweredError(f"no answer within {timeout_seconds:g} seconds")
    except RequestError as error:
        return _unanswered(error.exc, secrets=secrets)
    except ValueError:  # githubkit cannot read a retry-after that is a date
        return UnansweredError("an answer that cannot be read")
    content = response.content if response.raw_response.is_success else _clean(response.content, secrets)
    return Response(status=response.status_code, headers=dict(response.headers), content=content)


def _unanswered(error: Exception, *, secrets: list[SecretStr]) -> UnansweredError:
    from jwt import PyJWTError  # noqa: PLC0415 - see `_kit`

    why = _clean(f"{type(error).__name__}: {error}".encode(), secrets).decode(errors="replace")
    return _UnsentError(why) if isinstance(error, (PyJWTError, ValueError, TypeError)) else UnansweredError(why)


def _clean(content: bytes, secrets: list[SecretStr]) -> bytes:
    for secret in secrets:
        content = content.replace(secret.get_secret_value().encode(), REDACTED.encode())
    return content
