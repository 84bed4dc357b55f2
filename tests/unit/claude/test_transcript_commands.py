from __future__ import annotations

import pytest

from miyabi.claude import Init, missing_command
from miyabi.claude.transcript import command_of
from tests.support.claude.recordings import recording

PROMPT = "/agent-run --issue 270"


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        (PROMPT, "agent-run"),
        ("  \n/agent-run", "agent-run"),
        ("/plugin:do_it\nnow", "plugin:do_it"),
        ("/etc/hosts is wrong", None),
        ("fix /agent-run", None),
        ("/", None),
        ("// a comment", None),
        ("", None),
        ("/エージェント", None),
    ],
)
def test_command_of(prompt: str, name: str | None) -> None:
    """A prompt is a command where it begins with a slash and a name, but not where that begins a path."""
    assert command_of(prompt) == name


def test_missing() -> None:
    """A command that the session does not list is missing; one it lists and a built-in one are not."""
    init = Init(slash_commands=frozenset({"known"}))
    assert missing_command("/unknown x", init) == "unknown"
    assert missing_command("/known x", init) is None
    assert missing_command("/clear", init) is None
    assert missing_command("do it", init) is None


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("slash_exists", None),
        ("slash_skill_exists", None),
        ("slash_missing", "agent-run"),
        ("v197_slash_missing", "agent-run"),
    ],
)
def test_recorded(name: str, missing: str | None) -> None:
    """The real claude's list tells, for commands and for skills."""
    init = recording(name).transcript.init
    assert init is not None
    assert missing_command(PROMPT, init) == missing
