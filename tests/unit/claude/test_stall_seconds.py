"""How long a session may be silent where its environment lets tools take longer than claude's own do."""

from __future__ import annotations

import pytest

from miyabi.claude import stall_seconds
from miyabi.machines import Machine
from tests.support.values.specs import session_spec


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, 900),
        ({"BASH_DEFAULT_TIMEOUT_MS": "120000"}, 900),
        ({"BASH_MAX_TIMEOUT_MS": "3600000"}, 3900),
        ({"MCP_TOOL_TIMEOUT": "1200000", "BASH_MAX_TIMEOUT_MS": "an hour"}, 1500),
    ],
)
def test_longer_than_any_tool(environment: dict[str, str], seconds: float) -> None:
    """Five minutes more than the longest of them, whether the machine or the session says so; 0 stays for ever."""
    machine = Machine(name="m1", environment=environment)
    spec = session_spec(environment=tuple(environment.items()))
    for where, there in ((machine, session_spec()), (Machine(name="m1"), spec)):
        assert stall_seconds(there.model_copy(update={"stall_seconds": 900}), where) == seconds
        assert stall_seconds(there.model_copy(update={"stall_seconds": 0}), where) == 0
