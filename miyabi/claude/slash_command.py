"""A prompt that is a command needs that command to exist; without it claude improvises, and calls that success."""

from __future__ import annotations

import re

from miyabi.claude.events import Init

_COMMAND = re.compile(r"\s*/([A-Za-z0-9_][A-Za-z0-9_:.-]*)(?=\s|$)")

BUILT_IN = frozenset({"clear", "compact", "config", "context", "cost", "help", "init", "model", "review", "usage"})
"""Commands that claude runs itself, listed or not."""


def command_of(prompt: str) -> str | None:
    """`agent-run` for the prompt `/agent-run --issue 270`; None where it is no command (`/etc/hosts is wrong`)."""
    match = _COMMAND.match(prompt)
    return match[1] if match else None


def missing_command(prompt: str, init: Init) -> str | None:
    """The command that the prompt names and the session does not have."""
    name = command_of(prompt)
    return None if name is None or name in BUILT_IN or name in init.slash_commands else name
