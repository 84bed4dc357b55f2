"""Words, paths and arguments that become part of claude's command line. Flags are those of Claude Code 2.1.332."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, Strict

from miyabi.text import quote

Effort = Literal["low", "medium", "high", "xhigh", "max"]
"""What `claude --effort` takes; it ignores any other word, and says so on stderr alone."""

_PERMISSIONS = "set permission_mode"
_CONVERSATION = "Water Spider begins and resumes conversations itself"
_STREAM = "Water Spider reads the session by it"
_ELSEWHERE = "the session has to run where it was started, and to its end"
_OWNED: Mapping[str, str] = {
    **dict.fromkeys(("-p", "--print", "--output-format", "--input-format", "--verbose"), _STREAM),
    **dict.fromkeys(("--replay-user-messages", "--json-schema"), _STREAM),
    **dict.fromkeys(("--session-id", "-r", "--resume", "-c", "--continue", "--fork-session"), _CONVERSATION),
    **dict.fromkeys(("--resume-session-at", "--no-session-persistence", "--from-pr"), _CONVERSATION),
    **dict.fromkeys(("--permission-mode", "--dangerously-skip-permissions"), _PERMISSIONS),
    **dict.fromkeys(("--allow-dangerously-skip-permissions",), _PERMISSIONS),
    **dict.fromkeys(("--permission-prompts", "--permission-prompt-tool"), "nobody is there to answer"),
    **dict.fromkeys(("--allowedTools", "--allowed-tools"), "set allowed_tools"),
    **dict.fromkeys(("--disallowedTools", "--disallowed-tools"), "set disallowed_tools"),
    **dict.fromkeys(("--append-system-prompt", "--append-system-prompt-file"), "set append_system_prompt"),
    **dict.fromkeys(("--mcp-config", "--strict-mcp-config"), "set mcp_config"),
    **dict.fromkeys(("--bg", "--background", "--cloud", "--teleport", "--desktop", "--environment"), _ELSEWHERE),
    **dict.fromkeys(("-w", "--worktree", "--tmux", "--init-only", "--remote-control"), _ELSEWHERE),
    **dict.fromkeys(("-h", "--help", "-v", "--version"), "claude would do nothing else"),
    "--model": "set model",
    "--max-turns": "set max_turns",
    "--max-budget-usd": "set max_budget_usd",
    "--effort": "set effort",
    "--fallback-model": "set fallback_model",
    "--settings": "set settings",
    "--add-dir": "set add_dirs",
    "--agent": "set agent",
    "--plugin-dir": "set plugins",
}
"""Flags that are ours, each with the reason or the way to say the same."""
_SHORT = 2


def _word(value: str, *, what: str = "one line", more: str = "") -> str:
    if not value or not value.isprintable() or value.startswith("-"):
        raise ValueError(f"must be {what} that does not begin with '-'{more}")
    return value


def _path(value: str) -> str:
    return _word(value, what="a path of one line", more="; ~/ means the home on the machine")


def _arguments(values: tuple[str, ...]) -> tuple[str, ...]:
    if values and not values[0].startswith("-"):
        raise ValueError("must begin with an option such as '--betas': claude would take the first word for a prompt")
    for value in values:
        if value == "--":
            raise ValueError("must not have '--' in it: claude takes what follows for a prompt")
        flag = value.partition("=")[0] if value.startswith("--") else value[:_SHORT]
        if flag in _OWNED:
            raise ValueError(f"must not have {quote(flag)} in it: {_OWNED[flag]}")
    return values


def _version(value: str) -> str:
    if not value.replace(".", "").isdecimal() or "" in value.split(".") or "." not in value:
        raise ValueError("must be a version of Claude Code such as '2.1.311'")
    return value


def _pattern(value: str) -> str:
    parts = value.split("/")
    if not value or not value.isprintable() or value.startswith(("/", "~", ":")) or ".." in parts or ".git" in parts:
        raise ValueError(
            "must be a path or pattern in the repository, such as '.env' or 'config/*.local.*', that does not leave it"
        )
    return value


MachinePath = Annotated[str, Strict(), AfterValidator(_path)]
"""A path on the machine: absolute, from the home there (~/), or from the checkout."""
RepositoryPattern = Annotated[str, Strict(), AfterValidator(_pattern)]
"""Files of the repository, from its root; `*` is within a folder, `**` any depth (`glob` of gitglossary(7))."""
Word = Annotated[str, Strict(), AfterValidator(_word)]
ExtraArguments = Annotated[
    tuple[Annotated[str, Strict(), Field(min_length=1)], ...],
    AfterValidator(_arguments),
]
"""Arguments for claude that begin with a flag, and none of those that are ours."""
Version = Annotated[str, Strict(), AfterValidator(_version)]
