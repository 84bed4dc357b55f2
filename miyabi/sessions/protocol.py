"""What the supervisor prints, read: frames of a followed session, and the status of one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where a session stands on its machine."""

    NONE = "none"  # never heard of
    STAGED = "staged"  # its parts are there, it has not started: refused because the machine was full
    RUNNING = "running"  # supervised: the agent, or what comes after it
    EXITED = "exited"  # over, and everything about its end is known
    LOST = "lost"  # the supervisor died (reboot, kill -9) and nothing of it runs; how it ended is not known
    ORPHAN = "orphan"  # the supervisor died, the agent runs on: it holds its slot, no time limit ends it, `stop` does


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A session as its machine sees it. Sizes are bytes, times are seconds since 1970 on the machine's own clock."""

    state: State
    exit_status: int | None = None
    """Of the agent, as a shell has it (143: TERM); None until it has ended."""
    ended_by: str = ""
    """What ended the agent: "itself", "timeout", "stop" or "lingered", after its last result; empty until then.

    "setup" and "setup_timeout": the set-up failed, or took too long. The agent was not begun; `exit_status` is of that.
    """
    sets_up: bool = False
    """Whether its set-up was begun, and neither the agent nor anything after it."""
    check_exit: int | None = None
    """Of the `after` script; None where it did not run to its end."""
    out_bytes: int = 0
    err_bytes: int = 0
    now: int = 0
    free_kib: int | None = None
    """Room on the disk of the workspace; None where the machine did not say."""
    over_seconds: int | None = None
    """How long ago it came to its end; None until then, and where nobody saw the end."""

    @property
    def live(self) -> bool:
        """Whether it holds a slot."""
        return self.state in {State.RUNNING, State.ORPHAN}


_SETS_UP = "sets_up"
_NOT_ENDED = {"-", _SETS_UP}
_LINE = re.compile(
    r"miyabi1 (?P<session>\S+) (?P<state>\w+) rc=(?P<rc>\S+) by=(?P<by>\S+) check=(?P<check>\S+)"
    r" out=(?P<out>\d+) err=(?P<err>\d+) now=(?P<now>\d+) free=(?P<free>\S+) over=(?P<over>\S+)"
)


def parse_status(line: str) -> tuple[str, Status]:
    """Parses a status line.

    Returns:
        The session's name and its status.

    Raises:
        ValueError: it is not a status line.
    """
    if not (found := _LINE.fullmatch(line.strip())):
        raise ValueError(f"not a status line: {line[:200]!r}")
    status = Status(
        state=State(found["state"]),
        exit_status=_number_or_none(found["rc"]),
        ended_by="" if found["by"] in _NOT_ENDED else found["by"],
        sets_up=found["by"] == _SETS_UP,
        check_exit=_number_or_none(found["check"]),
        out_bytes=int(found["out"]),
        err_bytes=int(found["err"]),
        now=int(found["now"]),
        free_kib=_number_or_none(found["free"]),
        over_seconds=_number_or_none(found["over"]),
    )
    return found["session"], status


def _number_or_none(text: str) -> int | None:
    return None if text == "-" else int(text)


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
    """Reads frames. Any cut of the bytes gives the same content; bytes of a long frame are passed on as they come."""

    def __init__(self) -> None:
        self._header = bytearray()
        self._stream = ""
        self._offset = 0
        self._left = 0

    def feed(self, chunk: bytes) -> list[Frame]:
        """Returns the frames that these bytes complete or bring something new of.

        Raises:
            ValueError: these are not the bytes of `follow`.
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
