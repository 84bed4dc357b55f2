"""The exit codes that scripts build on."""

from __future__ import annotations

import re
from pathlib import Path

from flows.cli.exit_code import ExitCode

MANUAL = Path(__file__).parents[4] / "docs" / "commands.md"


def test_the_manual_has_each_exit_code_and_no_other() -> None:
    """The table in docs/commands.md is the enum."""
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \| \S", MANUAL.read_text(), re.MULTILINE)
    assert [(name, int(code)) for code, name in rows] == [(code.name, code) for code in ExitCode]
