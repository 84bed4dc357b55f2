"""What a session has spent, where it ended before it could say so itself: counted from its stream and its transcript.

The stream has each message with the tokens that were known when it began, so what it adds up to is the least it can be.
Claude's transcript on the machine has each message with all of its tokens, and, where claude could end in order, a last
line with its own total (`cost-state`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from miyabi.claude.decode import message_spend, model_totals, total_of
from miyabi.claude.events import (
    AssistantText,
    Event,
    Init,
    MessageSpend,
    Other,
    Result,
    TaskEnded,
    TaskStarted,
    ToolResult,
    ToolUse,
)
from miyabi.claude.prices import ModelTotal, Tokens, usd_of
from miyabi.sessions import Usage

_SAME_USD = 1e-9
_MAIN = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """A conversation when an attempt begins. `total_usd` is claude's own count, `since_usd` was spent beside it."""

    total_usd: float = 0.0
    since_usd: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """What an attempt cost; `total_usd` is what claude's own count of the conversation stands at after it."""

    usd: float = 0.0
    usage: Usage = field(default_factory=Usage)
    is_partial: bool = False
    total_usd: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendingRecord:
    """What claude's transcript on the machine tells. `after` are the messages that `total_usd` does not count."""

    total_usd: float = 0.0
    said: Mapping[str, ModelTotal] = field(default_factory=dict)
    messages: Mapping[str, MessageSpend] = field(default_factory=dict)
    after: frozenset[str] = frozenset()

    @classmethod
    def read(cls, lines: bytes) -> SpendingRecord:
        """Reads the record in the lines of the main transcript, then those of its subagents; passes over others."""
        messages: dict[str, MessageSpend] = {}
        total, said, counted, since = 0.0, dict[str, ModelTotal](), set[str](), ""
        for entry in _entries(lines):
            if entry.get("type") == "cost-state":
                total, said = total_of(entry), model_totals(entry)
                counted, since = set(messages), ""
            elif spend := message_spend(entry):
                messages[spend.message_id] = spend
                at = str(entry.get("timestamp", ""))
                if spend.is_nested and (not since or at < since):
                    counted.add(spend.message_id)
                elif not spend.is_nested and spend.message_id not in counted:
                    since = since or at
        return cls(total_usd=total, said=said, messages=messages, after=frozenset(messages.keys() - counted))


@dataclass(slots=True)
class Spending:
    """Counts the events of one session."""

    result: Result | None = None
    usage: Usage = field(default_factory=Usage)
    messages: dict[str, MessageSpend] = field(default_factory=dict)  # since the last result, each once
    has_gap: bool = False  # something was said since then that was not read
    _asking: dict[str, bool] = field(default_factory=dict)  # whether an answer of the API is awaited, by who asks
    _agents: dict[str, str] = field(default_factory=dict)

    def note(self, event: Event) -> None:
        """Counts what the event says was spent."""
        match event:
            case Init():
                self._asking[_MAIN] = True
            case AssistantText() | ToolUse() | Other() if event.spend:
                self.messages[event.spend.message_id] = event.spend
                self._asking[event.spend.parent] = False
            case Other(type="giant"):
                self.has_gap = True
            case TaskStarted(kind="local_agent"):
                self._agents[event.task_id] = event.tool_use_id
                self._asking[event.tool_use_id] = True
            case TaskEnded():
                self._asking.pop(self._agents.get(event.task_id, "?"), None)
            case ToolResult():
                self._asking[event.parent] = not event.is_killed  # as claude does with its tools where it is ended
            case Result():
                self._take_result(event)

    def _take_result(self, result: Result) -> None:
        self.result, self.has_gap = result, False
        self.usage = added(self.usage, result.usage)
        self.messages.clear()
        self._asking.pop(_MAIN, None)

    @property
    def is_settled(self) -> bool:
        """Whether the session has said itself what all of it cost; one that never began cost nothing."""
        return not self.messages and not self.has_gap and not self._asking.get(_MAIN)

    def spent(self, before: Before, *, record: SpendingRecord | None = None) -> Spend:
        """Adds up what the attempt cost, at least; with its transcript's record all, where nothing was under way."""
        reported = attempt_cost(self.result.total_cost_usd, before_usd=before.total_usd) if self.result else 0.0
        said = (record.said if record else None) or (self.result.models if self.result else {})
        best = {**self.messages, **{i: m for i, m in record.messages.items() if i in self.messages}} if record else {}
        messages = best or self.messages
        prices = [usd_of(m.model, m.tokens, said=said) for m in messages.values()]
        usd = reported + sum(price or 0.0 for price in prices)
        usage = added(self.usage, *(_usage(m.tokens) for m in messages.values()))
        is_known = None not in prices and not any(self._asking.values())
        if record is None:
            is_partial = not self.is_settled
            total = self.result.total_cost_usd if self.result else before.total_usd
            return Spend(usd=usd, usage=usage, is_partial=is_partial, total_usd=total)
        kept, is_whole = self._by_record(record, before)
        is_all_there = self.messages.keys() <= record.messages.keys() and kept > usd - _SAME_USD
        is_partial = not (is_known and is_whole and is_all_there)
        return Spend(usd=max(usd, kept), usage=usage, is_partial=is_partial, total_usd=record.total_usd)

    @staticmethod
    def _by_record(record: SpendingRecord, before: Before) -> tuple[float, bool]:
        """What the transcript says that it cost, and whether that is all."""
        after = [record.messages[each] for each in record.after]
        prices = [usd_of(message.model, message.tokens, said=record.said) for message in after]
        is_new = abs(record.total_usd - before.total_usd) > _SAME_USD
        counted = attempt_cost(record.total_usd, before_usd=before.total_usd) if is_new else -before.since_usd
        is_whole = None not in prices and all(message.is_whole for message in after)
        return max(0.0, counted + sum(price or 0.0 for price in prices)), is_whole


def added(*every: Usage) -> Usage:
    """Adds up the tokens of all of them."""
    return Usage(**{name: sum(getattr(each, name) for each in every) for name in Usage.model_fields})


def attempt_cost(total_usd: float, *, before_usd: float) -> float:
    """Returns what an attempt cost, US dollars, by claude's own count before and after it.

    A total below that belongs to a new conversation (another machine), which starts from nothing.
    """
    return total_usd - before_usd if total_usd >= before_usd - _SAME_USD else total_usd


def _usage(tokens: Tokens) -> Usage:
    return Usage(
        input_tokens=tokens.input,
        output_tokens=tokens.output,
        cache_read_input_tokens=tokens.cache_read,
        cache_creation_input_tokens=tokens.cache_write_5m + tokens.cache_write_1h,
    )


def _entries(lines: bytes) -> list[dict[str, Any]]:
    found = []
    for line in lines.splitlines():
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict):
            found.append(entry)
    return found
