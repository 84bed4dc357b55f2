"""Conditional requests: GitHub is asked whether something is new, and says so without counting it (RFC 9110, 13.1.2).

"Best practices for using the REST API": an answer of 304 does not count against the primary rate limit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self
from urllib.parse import urlencode

from miyabi.errors import DiskFull
from miyabi.github.request import Request, Response, Transport
from miyabi.system import private_files

_NOT_MODIFIED = 304


@dataclass(frozen=True, slots=True)
class _Answer:
    """A good answer, as it is kept; `link` leads to the next page."""

    etag: str
    link: str
    content: str

    @property
    def response(self) -> Response:
        """The answer again."""
        return Response(status=200, headers={"etag": self.etag, "link": self.link}, content=self.content.encode())


class KeptAnswers:
    """Answers to reads, kept in a file from one time to the next; those that nobody asks for any more are forgotten."""

    def __init__(self, known: Mapping[str, _Answer]) -> None:
        self._known, self._used = known, dict[str, _Answer]()

    @classmethod
    def read(cls, file: Path) -> Self:
        """Reads the file; where it is missing or damaged, everything is asked anew."""
        try:
            return cls({key: _Answer(**value) for key, value in json.loads(file.read_bytes()).items()})
        except (OSError, ValueError, TypeError, AttributeError):
            return cls({})

    def write(self, file: Path) -> None:
        """Writes what was asked for this time, for its owner alone; where it cannot, it is asked anew next time."""
        text = json.dumps({key: asdict(answer) for key, answer in self._used.items()})
        fresh = file.with_name(f"{file.name}.new")
        with suppress(OSError, DiskFull):
            private_files.write_bytes(fresh, text.encode())
            fresh.replace(file)

    def find(self, key: str) -> _Answer | None:
        """Finds the last good answer to that read."""
        return self._used.get(key) or self._known.get(key)

    def keep(self, key: str, answer: _Answer) -> None:
        """Keeps the answer until the next time."""
        self._used[key] = answer


class ConditionalTransport:
    """Sends reads with the tag of their last answer, and gives that answer again where nothing is new."""

    def __init__(self, transport: Transport, answers: KeptAnswers) -> None:
        self._transport, self._answers = transport, answers

    async def send(self, request: Request, *, path: str) -> Response:
        """Sends a request once, as `Transport.send` does."""
        if request.writes:
            return await self._transport.send(request, path=path)
        key = f"{path}?{urlencode(sorted(request.query.items()))}"
        if known := self._answers.find(key):
            request = replace(request, etag=known.etag)
        answer = await self._transport.send(request, path=path)
        if known and answer.status == _NOT_MODIFIED:
            self._answers.keep(key, known)
            return known.response
        if answer.is_good and (etag := answer.headers.get("etag")):
            content = answer.content.decode(errors="replace")
            self._answers.keep(key, _Answer(etag=etag, link=answer.headers.get("link", ""), content=content))
        return answer
