"""What goes to GitHub and what comes back, as values."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Protocol, Self
from urllib.parse import parse_qsl, urlsplit

from miyabi.errors import GitHubError

GRAPHQL = "/graphql"
"""The path of what REST cannot do; where it is, the transport knows."""

_NEXT = re.compile(r'<([^>]*)>\s*;[^,]*?\brel="?next"?')


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Something to ask. `path` is below the repository, or below the API's root where it starts with a slash.

    `subject` says in an error what it was about: "milestone 37". `etag` is the tag of an answer that is known already.
    `leads_away` where the good answer is the address of what is asked for.
    """

    method: str = "GET"
    path: str
    subject: str
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None
    etag: str = ""
    leads_away: bool = False

    @classmethod
    def post(cls, path: str, body: Mapping[str, Any], *, subject: str) -> Self:
        """Makes a request that makes something new."""
        return cls(method="POST", path=path, subject=subject, body=body)

    @classmethod
    def patch(cls, path: str, body: Mapping[str, Any], *, subject: str) -> Self | None:
        """Makes a request that changes those fields; None where there are none."""
        return cls(method="PATCH", path=path, subject=subject, body=body) if body else None

    @property
    def writes(self) -> bool:
        """Whether it changes something at GitHub."""
        return self.method != "GET"


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What GitHub answered. Header names are in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""

    @property
    def is_good(self) -> bool:
        """Whether GitHub did what was asked."""
        return 200 <= self.status < 300  # noqa: PLR2004 - HTTP's own numbers

    @property
    def is_redirect(self) -> bool:
        """Whether the thing is elsewhere: the header `location` says where."""
        return self.status in {301, 302, 307, 308}

    @property
    def data(self) -> Any:
        """The JSON value of the content.

        Raises:
            GitHubError: it is not JSON, so it does not come from GitHub's API.
        """
        try:
            return json.loads(self.content) if self.content else None
        except ValueError as error:
            raise GitHubError(
                f"The answer ({self.status}) is not GitHub's: no JSON. Is base_url the API's address"
                " (https://host/api/v3 for GitHub Enterprise Server), or is a proxy in between?",
                status=self.status,
            ) from error

    @property
    def problem(self) -> Mapping[str, Any]:
        """The JSON object of an error; empty where there is none."""
        try:
            data = json.loads(self.content)
        except ValueError:
            return {}
        return data if isinstance(data, dict) else {}

    @property
    def message(self) -> str:
        """GitHub's own words about an error."""
        return str(self.problem.get("message") or "")

    @property
    def next_page(self) -> dict[str, str] | None:
        """The query of the next page, None after the last: of the header `link` (RFC 8288), `rel="next"`.

        Only its query: a link to another host must not get our token.
        """
        found = _NEXT.search(self.headers.get("link", ""))
        return dict(parse_qsl(urlsplit(found[1]).query)) if found else None

    @property
    def at(self) -> datetime:
        """When it was sent, in UTC, by the server's clock, which its reset times go by; now where it does not say."""
        try:
            return parsedate_to_datetime(self.headers.get("date", "")).astimezone(UTC)
        except (ValueError, OverflowError):
            return datetime.now(UTC)


class UnansweredError(Exception):
    """No answer came; whether the request was carried out is unknown. The message says why."""


class Transport(Protocol):
    """Sends one request once."""

    async def send(self, request: Request, *, path: str) -> Response:
        """Sends a request and returns the answer, whatever its status. `path` is below the API's root.

        Raises:
            UnansweredError: none came.
            TokenRefused: no credential could be had.
        """
