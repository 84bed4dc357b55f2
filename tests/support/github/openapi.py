"""GitHub's own OpenAPI description, with which what we send and what our stand-ins answer is checked."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from openapi_core import Config, OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.exceptions import OpenAPIError
from werkzeug.datastructures import Headers, ImmutableMultiDict

DESCRIPTION = Path(__file__).parents[2] / "cases" / "github" / "openapi.json.gz"
_HOST = "https://api.github.com"
_ANYWHERE = {301, 307, 401, 403, 404}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A request as it arrived. `path` has no query, no `prefix` of the API, and is still percent-encoded."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""
    prefix: str = ""
    at: float = 0

    @property
    def data(self) -> Any:
        """The JSON value of its body."""
        return json.loads(self.body) if self.body else None


class _Request:
    """What openapi-core wants to know of a request."""

    def __init__(self, sent: Sent) -> None:
        self.host_url = _HOST
        self.path = sent.path
        self.full_url_pattern = _HOST + sent.path
        self.method = sent.method.lower()
        self.body = sent.body or None
        self.content_type = sent.headers.get("content-type", "")
        query = ImmutableMultiDict(parse_qsl(sent.query, keep_blank_values=True))
        self.parameters = RequestParameters(query=query, header=Headers(dict(sent.headers)))


@dataclass(slots=True)
class _Response:
    """What openapi-core wants to know of a response."""

    status_code: int
    data: bytes
    content_type: str = "application/json"
    headers: Headers = field(default_factory=Headers)


def request_violation(sent: Sent) -> str | None:
    """What is wrong with a request; None where GitHub's description allows it, down to the names in its body."""
    try:
        _description().validate_request(_Request(sent))
    except OpenAPIError as error:
        return f"{sent.method} {sent.path}: {_in_words(error)}"
    return _unknown_names(sent)


def answer_violation(sent: Sent, *, status: int, content: bytes) -> str | None:
    """What is wrong with an answer to it. What may meet any request is not listed with each."""
    if status in _ANYWHERE and str(status) not in _operation(sent)["responses"]:
        return None
    try:
        _description().validate_response(_Request(sent), _Response(status, content))
    except OpenAPIError as error:
        return f"{sent.method} {sent.path} → {status}: {_in_words(error)}"
    return None


def _in_words(error: OpenAPIError) -> str:
    problems = [f"{e.json_path}: {e.message}"[:300] for e in getattr(error.__cause__, "schema_errors", ())]
    return "; ".join(problems) or f"{error!r} {error.__cause__!r}"


def _unknown_names(sent: Sent) -> str | None:
    operation = _operation(sent)
    known = {_resolved(p)["name"] for p in operation.get("parameters", ()) if _resolved(p)["in"] == "query"}
    unknown = {name for name, _ in parse_qsl(sent.query)} - known
    if isinstance(sent.data, dict):
        schema = _resolved(operation["requestBody"])["content"]["application/json"]["schema"]
        variants = [schema, *schema.get("oneOf", ()), *schema.get("anyOf", ())]
        unknown |= set(sent.data) - {name for variant in variants for name in _resolved(variant).get("properties", ())}
    return f"{sent.method} {sent.path}: GitHub does not know {sorted(unknown)}" if unknown else None


def _operation(sent: Sent) -> dict[str, Any]:
    parts = sent.path.split("/")
    for path, operations in _text()["paths"].items():
        names = path.split("/")
        if len(names) == len(parts) and all(n == p or n.startswith("{") for n, p in zip(names, parts, strict=True)):
            found: dict[str, Any] = operations.get(sent.method.lower(), {})
            if found:
                return found
    raise LookupError(sent.path)


def _resolved(value: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in value:
        return value
    found: Any = _text()
    for name in value["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return dict(found)


@cache
def _text() -> dict[str, Any]:
    return dict(json.loads(gzip.decompress(DESCRIPTION.read_bytes()), object_hook=_with_null))


def _with_null(schema: dict[str, Any]) -> dict[str, Any]:
    """GitHub sends null for a nullable enumeration, which OpenAPI 3.0 wants to have listed."""
    if schema.get("nullable") and "enum" in schema:
        schema["enum"] = [*schema["enum"], None]
    return schema


@cache
def _description() -> OpenAPI:
    return OpenAPI.from_dict(_text(), config=Config(spec_validator_cls=None))
