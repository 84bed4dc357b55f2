"""Decoded JSON becomes events. Whatever has an unexpected shape is read as if it were not there.

The shapes are those of `claude -p --output-format stream-json`, as Claude Code 2.1.197 and 2.1.330 wrote them into the
recordings of `tests/cases/claude`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from miyabi.claude.events import (
    ApiFailure,
    ApiRetry,
    AssistantText,
    BackgroundTasks,
    Event,
    Init,
    LimitWindow,
    MessageSpend,
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
from miyabi.claude.prices import ModelTotal, Tokens
from miyabi.sessions import Usage
from miyabi.text import whole

_Json = Mapping[str, Any]
_NOTHING: _Json = {}
_SUBJECTS = (
    "command",
    "file_path",
    "notebook_path",
    "pattern",
    "path",
    "url",
    "query",
    "skill",
    "description",
    "prompt",
)
_MILLISECONDS_FROM = 1e11  # as seconds this would be the year 5138
_BEYOND_ANY_COUNT = 1e15
_NO_SUCH_TOOL = "No such tool available"
_LOOKED_AT = 300
_KILLED = "Exit code 137"
_SYNTHETIC = "<synthetic>"


def read(value: object) -> list[Event]:
    """Reads the events of one decoded line: an event, or the array that the `json --verbose` format writes."""
    entries = value if isinstance(value, list) else [value]
    return [event for entry in entries if isinstance(entry, dict) for event in _events(entry)]


def _events(entry: _Json) -> Iterator[Event]:
    kind = _text(entry, "type")
    reader = _READERS.get(f"system/{_text(entry, 'subtype')}" if kind == "system" else kind)
    found = list(reader(entry)) if reader else []
    return iter(found or [Other(type=kind, subtype=_text(entry, "subtype"))])


def _init(entry: _Json) -> Iterator[Event]:
    commands = [*_list(entry, "slash_commands"), *_list(entry, "skills")]
    yield Init(
        session_id=_text(entry, "session_id"),
        model=_text(entry, "model"),
        cwd=_text(entry, "cwd"),
        version=_text(entry, "claude_code_version"),
        permission_mode=_text(entry, "permissionMode"),
        api_key_source=_text(entry, "apiKeySource"),
        slash_commands=frozenset(c for c in commands if isinstance(c, str)),
        mcp_servers=_statuses(entry) if "mcp_servers" in entry else None,
    )


def _statuses(entry: _Json) -> dict[str, str]:
    servers = (each for each in _list(entry, "mcp_servers") if isinstance(each, dict))
    return {_text(each, "name"): _text(each, "status") for each in servers}


def _assistant(entry: _Json) -> Iterator[Event]:
    message, nested = _dict(entry, "message"), bool(entry.get("parent_tool_use_id"))
    blocks, message_id = list(_blocks(message)), _text(message, "id")
    if entry.get("is_api_error_message") is True or entry.get("error"):
        yield _api_failure(entry, " ".join(_text(block, "text") for block in blocks))
        return
    spend = message_spend(entry)
    for block in blocks:
        match _text(block, "type"):
            case "text":
                yield AssistantText(text=_text(block, "text"), message_id=message_id, nested=nested, spend=spend)
            case "tool_use":
                tool, use = _text(block, "name"), _text(block, "id")
                subject = _subject(_dict(block, "input"))
                known = {"tool_use_id": use, "message_id": message_id}
                yield ToolUse(tool=tool, subject=subject, **known, nested=nested, spend=spend)
            case other:
                yield Other(type="assistant", subtype=other, message_id=message_id, nested=nested, spend=spend)


def message_spend(entry: _Json) -> MessageSpend | None:
    """Reads the tokens of an assistant message in a stream or a transcript; None where the API said none of it."""
    message = _dict(entry, "message")
    message_id, model = _text(message, "id"), _text(message, "model")
    if _text(entry, "type") != "assistant" or not message_id or model in {"", _SYNTHETIC} or "usage" not in message:
        return None
    parent = _text(entry, "parent_tool_use_id")
    return MessageSpend(
        message_id=message_id,
        model=model,
        tokens=_tokens(_dict(message, "usage")),
        parent=parent,
        is_nested=bool(parent) or entry.get("isSidechain") is True,
        is_whole=bool(_text(message, "stop_reason")),
    )


def _tokens(usage: _Json) -> Tokens:
    written, split = _count(usage, "cache_creation_input_tokens"), _dict(usage, "cache_creation")
    for_an_hour = min(written, _count(split, "ephemeral_1h_input_tokens"))
    return Tokens(
        input=_count(usage, "input_tokens"),
        output=_count(usage, "output_tokens"),
        cache_read=_count(usage, "cache_read_input_tokens"),
        cache_write_5m=written - for_an_hour,
        cache_write_1h=for_an_hour,
        web_searches=_count(_dict(usage, "server_tool_use"), "web_search_requests"),
        is_standard=_text(usage, "speed") in {"", "standard"},
    )


def model_totals(entry: _Json) -> dict[str, ModelTotal]:
    """Reads what claude says that each model has cost in the conversation.

    Returns:
        US dollars and tokens by the model's name, as the API has it.
    """
    models = _dict(entry, "modelUsage")
    return {name: _model_total(each) for name, each in models.items() if isinstance(each, dict)}


def total_of(entry: _Json) -> float:
    """Reads the total of a transcript's `cost-state` line, US dollars."""
    return max(0.0, _number(entry, "totalCostUSD") or 0.0)


def _model_total(entry: _Json) -> ModelTotal:
    written, for_an_hour = (
        _count(entry, "cacheCreationInputTokens"),
        _count(entry, "cacheCreationEphemeral1hInputTokens"),
    )
    tokens = Tokens(
        input=_count(entry, "inputTokens"),
        output=_count(entry, "outputTokens"),
        cache_read=_count(entry, "cacheReadInputTokens"),
        cache_write_5m=max(0, written - for_an_hour),
        cache_write_1h=for_an_hour,
        web_searches=_count(entry, "webSearchRequests"),
    )
    return ModelTotal(max(0.0, _number(entry, "costUSD") or 0.0), tokens)


def _api_failure(entry: _Json, text: str) -> ApiFailure:
    return ApiFailure(
        error=_text(entry, "error"),
        status=_whole_number(entry, "api_error_status"),
        api_error=_text(entry, "api_error"),
        text=text,
        resets_at=moment(_dict(_dict(entry, "api_error_params"), "rate_limit_info").get("resetsAt")),
    )


def _user(entry: _Json) -> Iterator[Event]:
    nested = bool(entry.get("parent_tool_use_id"))
    for block in _blocks(_dict(entry, "message")):
        if _text(block, "type") == "tool_result":
            yield ToolResult(
                tool_use_id=_text(block, "tool_use_id"),
                is_error=block.get("is_error") is True,
                is_missing=_NO_SUCH_TOOL in _text(block, "content")[:_LOOKED_AT],
                is_killed=_text(block, "content").startswith(_KILLED),
                nested=nested,
                parent=_text(entry, "parent_tool_use_id"),
            )


def _rate_limit(entry: _Json) -> Iterator[Event]:
    info = _dict(entry, "rate_limit_info")
    yield RateLimit(
        status=_text(info, "status"),
        resets_at=moment(info.get("resetsAt")),
        kind=_text(info, "rateLimitType"),
        utilization=_number(info, "utilization"),
        needs_credits=_text(info, "errorCode") == "credits_required",
        uses_extra=info.get("isUsingOverage") is True or info.get("overageInUse") is True,
        windows=tuple(_windows(info)),
    )


def _windows(info: _Json) -> Iterator[LimitWindow]:
    """The window that the event is about, and the others that it names."""
    others = {name: each for name, each in _dict(info, "unifiedWindows").items() if isinstance(each, dict)}
    kind = _text(info, "rateLimitType")
    for name, each in (others | {kind: {**others.get(kind, _NOTHING), **info}} if kind else others).items():
        yield LimitWindow(
            kind=name,
            status=_text(each, "status"),
            resets_at=moment(each.get("resetsAt")),
            utilization=_number(each, "utilization"),
        )


def _api_retry(entry: _Json) -> Iterator[Event]:
    yield ApiRetry(
        attempt=_count(entry, "attempt"),
        max_retries=_count(entry, "max_retries"),
        delay_seconds=(_number(entry, "retry_delay_ms") or 0.0) / 1000,
        status=_whole_number(entry, "error_status"),
        error=_text(entry, "error"),
    )


def _permission_denied(entry: _Json) -> Iterator[Event]:
    yield PermissionDenied(tool=_text(entry, "tool_name"), tool_use_id=_text(entry, "tool_use_id"))


def _background_tasks(entry: _Json) -> Iterator[Event]:
    tasks = _list(entry, "tasks")
    agents = sum(isinstance(task, dict) and _text(task, "task_type") == "local_agent" for task in tasks)
    yield BackgroundTasks(count=len(tasks), agents=agents)


def _task_started(entry: _Json) -> Iterator[Event]:
    yield TaskStarted(
        task_id=_text(entry, "task_id"), kind=_text(entry, "task_type"), tool_use_id=_text(entry, "tool_use_id")
    )


def _task_ended(entry: _Json) -> Iterator[Event]:
    stopped = _text(entry, "status") in {"stopped", "killed"}
    yield TaskEnded(task_id=_text(entry, "task_id"), stopped=stopped)


def _writes_lost(entry: _Json) -> Iterator[Event]:
    lost = tuple(each for each in _list(entry, "lost") if isinstance(each, str))
    yield WritesLost(reason=_text(entry, "error_code"), lost=lost)


def _result(entry: _Json) -> Iterator[Event]:
    yield Result(
        subtype=_text(entry, "subtype"),
        is_error=entry.get("is_error") not in (False, None),
        terminal_reason=_text(entry, "terminal_reason"),
        stop_reason=_text(entry, "stop_reason"),
        text=_text(entry, "result"),
        errors=tuple(whole(e) for e in _list(entry, "errors") if isinstance(e, str)),
        session_id=_text(entry, "session_id"),
        turns=_count(entry, "num_turns"),
        seconds=max(0.0, _number(entry, "duration_ms") or 0.0) / 1000,
        total_cost_usd=max(0.0, _number(entry, "total_cost_usd") or 0.0),
        usage=_usage(entry),
        denials=tuple(_denials(entry)),
        api_error_status=_whole_number(entry, "api_error_status"),
        api_error=_text(entry, "api_error"),
        startup_failure=_text(entry, "startup_failure_reason"),
        has_structured_output="structured_output" in entry,
        structured_output=entry.get("structured_output"),
        index=_whole_number(entry, "result_index"),
        killed_subagents=_killed_subagents(entry),
        models=model_totals(entry),
        login_ends=_written_moment(entry, "credential_expires_at"),
    )


def _killed_subagents(entry: _Json) -> int:
    """Those that claude itself or its user ended; what the model ended on purpose is none of them."""
    killed = _dict(_dict(entry, "subagent_stats"), "killed")
    return _count(killed, "system") + _count(killed, "user")


def _denials(entry: _Json) -> Iterator[PermissionDenied]:
    for denial in _list(entry, "permission_denials"):
        if isinstance(denial, dict):
            subject = _subject(_dict(denial, "tool_input"))
            yield PermissionDenied(
                tool=_text(denial, "tool_name"), subject=subject, tool_use_id=_text(denial, "tool_use_id")
            )


def _usage(entry: _Json) -> Usage:
    """This turn's tokens, subagents included where the version says them; `usage` alone leaves them out."""
    if "model_usage_since_last_result" not in entry:
        usage = _dict(entry, "usage")
        return Usage(**{field: _count(usage, field) for field in Usage.model_fields})
    models = [m for m in _dict(entry, "model_usage_since_last_result").values() if isinstance(m, dict)]
    return Usage(
        input_tokens=sum(_count(m, "inputTokens") for m in models),
        output_tokens=sum(_count(m, "outputTokens") for m in models),
        cache_read_input_tokens=sum(_count(m, "cacheReadInputTokens") for m in models),
        cache_creation_input_tokens=sum(_count(m, "cacheCreationInputTokens") for m in models),
    )


_READERS: Mapping[str, Callable[[_Json], Iterator[Event]]] = {
    "system/init": _init,
    "assistant": _assistant,
    "user": _user,
    "rate_limit_event": _rate_limit,
    "system/api_retry": _api_retry,
    "system/permission_denied": _permission_denied,
    "system/background_tasks_changed": _background_tasks,
    "system/task_started": _task_started,
    "system/task_notification": _task_ended,
    "system/session_writes_lost": _writes_lost,
    "result": _result,
}


def moment(seconds: object) -> datetime | None:
    """Returns the UTC time of an epoch value in seconds (or, where it is far too large for that, milliseconds).

    None where it is no such value.
    """
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < math.inf:
        return None
    try:
        return datetime.fromtimestamp(seconds / 1000 if seconds >= _MILLISECONDS_FROM else seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _written_moment(entry: _Json, key: str) -> datetime | None:
    """A time in the form of ISO 8601, with its zone."""
    try:
        at = datetime.fromisoformat(_text(entry, key))
    except ValueError:
        return None
    return at if at.tzinfo else None


def _subject(inputs: _Json) -> str:
    return next((text for key in _SUBJECTS if (text := _text(inputs, key))), "")


def _blocks(message: _Json) -> Iterator[_Json]:
    return (block for block in _list(message, "content") if isinstance(block, dict))


def _text(entry: _Json, key: str) -> str:
    value = entry.get(key)
    return whole(value) if isinstance(value, str) else ""


def _dict(entry: _Json, key: str) -> _Json:
    value = entry.get(key)
    return value if isinstance(value, dict) else _NOTHING


def _list(entry: _Json, key: str) -> list[Any]:
    value = entry.get(key)
    return value if isinstance(value, list) else []


def _number(entry: _Json, key: str) -> float | None:
    value = entry.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < _BEYOND_ANY_COUNT else None  # keeps NaN and infinity out, too


def _whole_number(entry: _Json, key: str) -> int | None:
    value = _number(entry, key)
    return None if value is None else int(value)


def _count(entry: _Json, key: str) -> int:
    return max(0, _whole_number(entry, key) or 0)
