"""What of a machine is known without asking it."""

from __future__ import annotations

import pytest

from miyabi.runs.preflight import tool_of


@pytest.mark.parametrize(
    ("command", "tool"),
    [
        ("npm ci", "npm"),
        ("CI=1 NODE_ENV=test npm ci && make", "npm"),
        ("  cd web && pnpm install", "pnpm"),
        ("uv sync\nmake", "uv"),
        ("python3.12 -m venv .venv", "python3.12"),
        ("./scripts/setup.sh", None),
        ("/opt/bin/tool x", None),
        ('"$TOOL" x', None),
        ("(cd web; npm ci)", None),
        ("npm; x", None),
        ('A="b c" npm ci', None),
        ("", None),
    ],
)
def test_the_tool_of_a_command(command: str, tool: str | None) -> None:
    """The first word where it is plainly a program's name; of anything that takes a shell to know, nothing is said."""
    assert tool_of(command) == tool
