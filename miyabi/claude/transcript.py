"""A session's output becomes what we know of it: events as they come, and the state they add up to.

One 10 MB line costs 10 to 100 ms in `json.loads`, long enough to be felt by the sessions that share the event loop, and
5 ms where we only look whether it can be a result. Nothing else of that size matters to us, so a line over 1 MiB is
decoded only where it may hold a result.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from miyabi.claude.activity import action, has_text
from miyabi.claude.decode import read
from miyabi.claude.events import (
    ApiFailure,
    ApiRetry,
    AssistantText,
    BackgroundTasks,
    Event,
    Init,
    Other,
    PermissionDenied,
    RateLimit,
    Result,
    TaskEnded,
    TaskStarted,
    ToolResult,
    ToolUse,
    WritesLost,
)
from miyabi.claude.spending import Before, Spending
from miyabi.text import one_line

MEBIBYTE = 1 << 20


class LineSplitter:
    r"""Cuts a stream into its lines, without their `\n` or `\r\n`; empty lines are left out.

    A chunk is looked at once and a line is joined once, when its end has come: feeding 10 MB of one line in chunks
    of 64 KiB costs one copy. A line over `longest_bytes` is not kept in memory, it is only counted in `dropped`.
    """

    def __init__(self, *, longest_bytes: int = 64 * MEBIBYTE) -> None:
        self.dropped = 0
        self._longest_bytes = longest_bytes
        self._parts: list[bytes] = []
        self._held_bytes = 0

    @property
    def rest(self) -> bytes:
        """What came after the last line break."""
        return b"".join(self._parts)

    def feed(self, data: bytes) -> list[bytes]:
        """Returns the lines that end in `data`."""
        first, *others = data.split(b"\n")
        self._hold(first)
        if not others:
            return []
        lines = [self._take(), *others[:-1]]
        self._hold(others[-1])
        return [line for line in (line.removesuffix(b"\r") for line in lines) if line]

    def _hold(self, part: bytes) -> None:
        self._held_bytes += len(part)
        if self._held_bytes > self._longest_bytes:
            self._parts.clear()
        elif part:
            self._parts.append(part)

    def _take(self) -> bytes:
        line, self.dropped = self.rest, self.dropped + (self._held_bytes > self._longest_bytes)
        self._parts.clear()
        self._held_bytes = 0
        return line


__all__ = ["GIANT_BYTES", "STRAY_LINES", "Init", "Transcript", "missing_command", "missing_servers", "silent_servers"]

GIANT_BYTES = MEBIBYTE
STRAY_LINES = 20

_MAY_HOLD_RESULT = re.compile(rb'"type"\s*:\s*"result"')


class Transcript:
    """All that a session's stdout has said so far. Feed it in chunks of 64 KiB or so.

    Understands stream-json, and what the `json` formats write. Unknown events are ignored, foreign lines are counted.
    """

    def __init__(self) -> None:
        self.init: Init | None = None
        self.result: Result | None = None  # the last one: background work makes a session say several
        self.rate_limit: RateLimit | None = None
        self.api_failure: ApiFailure | None = None
        self.spending = Spending()
        self.background = BackgroundTasks()
        self.writes_lost: WritesLost | None = None
        self.malformed_lines = 0
        self.invalid_utf8_lines = 0
        self.giant_lines = 0
        self.torn = False
        self.stray: tuple[str, ...] = ()
        self._splitter = LineSplitter()
        self._denials: dict[str, PermissionDenied] = {}
        self._telling: Event = Other()
        self._turns_over = 0
        self._seconds_over = 0.0
        self._messages: set[str] = set()
        self._results = 0
        self._is_in_turn = False
        self._retries: list[ApiRetry] = []
        self._agents: set[str] = set()
        self._stopped: set[str] = set()
        self._tools: dict[str, str] = {}
        self._missing: dict[str, str] = {}

    @property
    def tokens(self) -> int:
        """How many it has used, at least: all of them, those of the cache too."""
        return self.spending.spent(Before()).usage.total

    @property
    def session_id(self) -> str | None:
        """The conversation's id, as the session itself says it."""
        return (self.result and self.result.session_id) or (self.init and self.init.session_id) or None

    @property
    def last_action(self) -> str:
        """What the agent does now, in a few words; empty before it has said anything."""
        return action(self._telling, cwd=self.init.cwd if self.init else "")

    @property
    def agent_seconds(self) -> float | None:
        """How long its turns took that are over; None where none is, or it does not say."""
        return self._seconds_over or None

    @property
    def turns(self) -> int:
        """Turns so far: those of the results, and the model's messages since the last one."""
        return self._turns_over + len(self._messages)

    @property
    def denials(self) -> tuple[PermissionDenied, ...]:
        """Every denied use of a tool, once."""
        return tuple(self._denials.values())

    @property
    def is_cut_off(self) -> bool:
        """Whether it ended in the middle of a turn that came after its last result."""
        return self.result is not None and self._is_in_turn

    @property
    def outage(self) -> ApiRetry | None:
        """The last try of an API that fails, where nothing has come of it since; None where it works, or did a try ago.

        After some work a single try is no outage: a long answer may be under way.
        """
        is_outage = len(self._retries) > 1 or (self._retries and not self.turns)
        return self._retries[-1] if is_outage else None

    @property
    def lost_results(self) -> int:
        """How many results it counted and we never read."""
        return max(0, self.result.index + 1 - self._results) if self.result and self.result.index is not None else 0

    @property
    def stopped_subagents(self) -> int:
        """How many subagents were ended before they were done."""
        return max(len(self._agents & self._stopped), self.result.killed_subagents if self.result else 0)

    @property
    def missing_tools(self) -> tuple[str, ...]:
        """Names of tools that the model used and the session does not have."""
        return tuple(dict.fromkeys(self._missing.values()))

    @property
    def was_denied_all(self) -> bool:
        """Whether it used tools, and every use was denied or of a tool that the session does not have."""
        return bool(self._tools) and self._tools.keys() <= {*self._denials, *self._missing}

    def feed(self, data: bytes) -> list[Event]:
        """Returns the events whose lines end in `data`."""
        return [event for line in self._splitter.feed(data) for event in self._line(line)]

    def finish(self) -> list[Event]:
        """Returns the events of a last line without line break.

        A torn one is none, and no error: it only sets `torn`.
        """
        rest = self._splitter.rest.strip()
        self._splitter = LineSplitter()
        value = self._decode(rest) if rest else None
        if isinstance(value, dict | list):
            return self._take(value)
        if rest:
            self.torn = True
            if rest.startswith(b"{"):  # it was about to say more
                self._is_in_turn = self.spending.has_gap = True
            self._remember(rest)
        return []

    def _line(self, line: bytes) -> list[Event]:
        if len(line) > GIANT_BYTES and not _MAY_HOLD_RESULT.search(line):
            self.giant_lines += 1
            self.spending.note(Other(type="giant"))
            return [Other(type="giant")]
        value = self._decode(line)
        if isinstance(value, dict | list):
            return self._take(value)
        self.malformed_lines += 1
        self._remember(line)
        return []

    def _decode(self, line: bytes) -> object:
        try:
            text = line.decode()
        except UnicodeDecodeError:
            self.invalid_utf8_lines += 1
            text = line.decode(errors="replace")
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return None

    def _remember(self, line: bytes) -> None:
        """Foreign lines tell why a session did not start."""
        self.stray = (*self.stray, one_line(line[:2000].decode(errors="replace")))[-STRAY_LINES:]

    def _take(self, value: object) -> list[Event]:
        events = read(value)
        for event in events:
            self._note_retries(event)
            self._fold(event)
            self.spending.note(event)
            if has_text(event):
                self._telling = event
        return events

    def _note_retries(self, event: Event) -> None:
        match event:
            case ApiRetry():
                self._retries.append(event)
            case AssistantText() | ToolUse() | ToolResult() | Result():
                self._retries.clear()
            case Other() if event.message_id:
                self._retries.clear()

    def _fold(self, event: Event) -> None:
        match event:
            case Init():
                self.init, self.api_failure, self._is_in_turn = event, None, True
            case AssistantText() | ToolUse() | Other():
                self._note_message(event)
            case ToolResult():
                if event.is_missing:
                    self._missing[event.tool_use_id] = self._tools.get(event.tool_use_id, "")
            case PermissionDenied():
                self._deny(event)
            case Result():
                self._end_turn(event)
            case _:
                self._note_surroundings(event)

    def _note_message(self, event: AssistantText | ToolUse | Other) -> None:
        if isinstance(event, ToolUse):
            self._tools[event.tool_use_id] = event.tool
        if event.message_id and not event.nested:
            self._messages.add(event.message_id)
            self._is_in_turn = True

    def _note_surroundings(self, event: Event) -> None:
        match event:
            case RateLimit():
                self.rate_limit = event
            case ApiFailure():
                self.api_failure = event
            case WritesLost():
                self.writes_lost = event
            case BackgroundTasks():
                self.background = event
            case TaskStarted(kind="local_agent"):
                self._agents.add(event.task_id)
            case TaskEnded(stopped=True):
                self._stopped.add(event.task_id)

    def _deny(self, denial: PermissionDenied) -> None:
        self._denials[denial.tool_use_id or f"{denial.tool} {len(self._denials)}"] = denial

    def _end_turn(self, result: Result) -> None:
        self.result, self._is_in_turn = result, False
        self._results += 1
        self._turns_over += result.turns
        self._seconds_over += result.seconds
        self._messages.clear()
        for denial in result.denials:
            self._deny(denial)


_COMMAND = re.compile(r"\s*/([A-Za-z0-9_][A-Za-z0-9_:.-]*)(?=\s|$)")

BUILT_IN = frozenset({"clear", "compact", "config", "context", "cost", "help", "init", "model", "review", "usage"})
"""Commands that claude runs itself, listed or not."""


def command_of(prompt: str) -> str | None:
    """Returns `agent-run` for `/agent-run --issue 270`; None for what is no command (`/etc/hosts is wrong`)."""
    match = _COMMAND.match(prompt)
    return match[1] if match else None


def missing_command(prompt: str, init: Init) -> str | None:
    """Returns the command that the prompt names and the session does not have; None where there is no such."""
    name = command_of(prompt)
    return None if name is None or name in BUILT_IN or name in init.slash_commands else name


_CONNECTED = "connected"  # claude waits for its servers before it says init


def missing_servers(required: Iterable[str], init: Init) -> tuple[str, ...]:
    """Returns those of the required MCP servers that the session does not have; none where it says nothing of them."""
    if init.mcp_servers is None:
        return ()
    return tuple(name for name in required if init.mcp_servers.get(name) != _CONNECTED)


def silent_servers(init: Init) -> dict[str, str]:
    """Returns the MCP servers that did not start: the status of each."""
    return {name: status for name, status in (init.mcp_servers or {}).items() if status != _CONNECTED}
