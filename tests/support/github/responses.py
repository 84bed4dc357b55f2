"""Answers as GitHub words them: JSON, and its refusals down to the field."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from tests.support.github.openapi import Sent

LONGEST_BODY = 65_536
_JSON = {"content-type": "application/json; charset=utf-8"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What goes back. `is_own` where no peer made it, so that it has to fit GitHub's description."""

    status: int
    content: bytes = b""
    headers: Mapping[str, str] = field(default_factory=lambda: dict(_JSON))
    is_own: bool = False

    @property
    def is_good(self) -> bool:
        """It did what was asked."""
        return self.status < 300

    @property
    def data(self) -> Any:
        """The JSON value."""
        return json.loads(self.content) if self.content else None

    def with_data(self, data: Any, *, status: int | None = None) -> Reply:
        """The same answer with another JSON value."""
        return Reply(status=status or self.status, content=json.dumps(data).encode(), headers=self.headers)


Ask = Callable[[Sent], Reply]


def answer(data: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """An answer of our own."""
    return Reply(status=status, content=json.dumps(data).encode(), headers={**_JSON, **(headers or {})}, is_own=True)


def refusal(status: int, message: str, *errors: Mapping[str, str] | str, **headers: str) -> Reply:
    """A refusal; underscores in header names are dashes."""
    body: dict[str, Any] = {"message": message, **({"errors": errors} if errors else {})}
    body |= {"documentation_url": "https://docs.github.com/rest", "status": str(status)}
    return answer(body, status=status, headers={name.replace("_", "-"): value for name, value in headers.items()})


def not_found() -> Reply:
    """404."""
    return refusal(404, "Not Found")


def invalid(resource: str, code: str, *, field: str | None = None, message: str | None = None) -> Reply:
    """422 as most refusals of content are."""
    problem = {"resource": resource, "code": code, "field": field, "message": message}
    return refusal(422, "Validation Failed", {name: text for name, text in problem.items() if text})


def too_long(resource: str, data: Mapping[str, Any]) -> Reply | None:
    """The refusal of a body that is longer than GitHub takes."""
    if len(data.get("body") or "") <= LONGEST_BODY:
        return None
    return invalid(resource, "custom", field="body", message=f"body is too long (maximum is {LONGEST_BODY} characters)")


def page_of(items: Sequence[Any], *, path: str, query: Mapping[str, str]) -> Reply:
    """One page of a list, with GitHub's links to the others."""
    size, page = min(int(query.get("per_page", 30)), 100), int(query.get("page", 1))
    last = max(1, -(-len(items) // size))

    def link(number: int, name: str) -> str:
        return f'<https://api.github.com{path}?{urlencode({**query, "page": number})}>; rel="{name}"'

    links = [link(page - 1, "prev"), link(1, "first")] * (page > 1)
    links += [link(page + 1, "next"), link(last, "last")] * (page < last)
    shown = list(items[(page - 1) * size : page * size])
    return answer(shown, headers={"link": ", ".join(links)} if links else None)
