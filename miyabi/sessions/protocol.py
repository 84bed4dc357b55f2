"""What `follow` sends, taken apart as the bytes come: output, heartbeats, the end."""

from __future__ import annotations

from dataclasses import dataclass

from miyabi.sessions.session_status import Status, parse_status

_LONGEST_HEADER = 1000


@dataclass(frozen=True, slots=True)
class Data:
    """Bytes of one of the streams, "o" or "e", and where in it they stand."""

    stream: str
    offset: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The machine is there and the session goes on."""


@dataclass(frozen=True, slots=True)
class Truncated:
    """The file on the machine is shorter than what we have of it."""

    stream: str
    size: int


@dataclass(frozen=True, slots=True)
class Over:
    """Nothing more will come."""

    status: Status


Frame = Data | Heartbeat | Truncated | Over


class FrameReader:
    """Any cut of the bytes gives the same content; bytes of a long frame are handed on as they come."""

    def __init__(self) -> None:
        self._header = bytearray()
        self._stream = ""
        self._offset = 0
        self._left = 0

    def feed(self, chunk: bytes) -> list[Frame]:
        """The frames that these bytes complete or bring something new of.

        Raises:
            ValueError: this is no `follow` speaking.
        """
        frames: list[Frame] = []
        while chunk:
            chunk = self._take_data(chunk, frames) if self._left else self._take_header(chunk, frames)
        return frames

    def _take_data(self, chunk: bytes, frames: list[Frame]) -> bytes:
        content = chunk[: self._left]
        frames.append(Data(self._stream, self._offset, content))
        self._offset += len(content)
        self._left -= len(content)
        return chunk[len(content) :]

    def _take_header(self, chunk: bytes, frames: list[Frame]) -> bytes:
        head, newline, rest = chunk.partition(b"\n")
        self._header += head
        if len(self._header) > _LONGEST_HEADER:
            raise ValueError(f"not a frame: {bytes(self._header[:80])!r}")
        if newline:
            self._begin(self._header.decode("ascii", "replace"), frames)
            self._header.clear()
        return rest

    def _begin(self, header: str, frames: list[Frame]) -> None:
        match header.split(" "):
            case ["D", "o" | "e" as stream, offset, length]:
                self._stream, self._offset, self._left = stream, _number(offset), _number(length)
            case ["T", "o" | "e" as stream, size]:
                frames.append(Truncated(stream, _number(size)))
            case ["H"]:
                frames.append(Heartbeat())
            case ["X", *_]:
                frames.append(Over(parse_status(header[2:])[1]))
            case _:
                raise ValueError(f"not a frame: {header[:80]!r}")


def _number(text: str) -> int:
    """Digits alone: a length below zero would never end."""
    if not (text.isascii() and text.isdecimal()):
        raise ValueError(f"not a frame's number: {text[:80]!r}")
    return int(text)
