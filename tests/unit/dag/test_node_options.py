"""What a node lets claude be told: kept through the file, and each mistake answered with one line."""

from __future__ import annotations

import json
from typing import Any

import pytest

from miyabi.dag import Dag
from miyabi.errors import DagError

SECRET = "s3cr3t-value-99"  # noqa: S105 - nobody's
TOLD: dict[str, Any] = {
    "effort": "max",
    "fallback_model": "sonnet,haiku",
    "append_system_prompt": "Be brief.\nVery.",
    "add_dirs": ["~/more"],
    "agent": "reviewer",
    "plugins": [],
    "settings": ".claude/night.json",
    "mcp_config": {"a": {"command": "x", "env": {"A": "1"}}},
    "requires_mcp": ["a"],
    "extra_args": ["--betas", "x"],
}


def read(**fields: Any) -> Dag:
    """A DAG whose only node has these fields."""
    return Dag.from_text(json.dumps({"nodes": [{"id": "a", **fields}]}), name="tasks.json")


def test_what_a_node_says_is_kept() -> None:
    """The DAG of a run's folder, written and read again, says the same; what is left out stays out of it."""
    given = read(**TOLD)
    again = Dag.from_text(given.to_json(), name="tasks.json")
    assert again == given
    assert {name: json.loads(json.dumps(getattr(again.nodes[0], name))) for name in TOLD} == TOLD
    assert not TOLD.keys() & json.loads(read().to_json())["nodes"][0].keys()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"effort": "most"}, "'effort' must be one of low, medium, high, xhigh, max, found the text 'most'"),
        ({"agent": "-x"}, "'agent' must not be empty or begin with '-'"),
        ({"append_system_prompt": " "}, "'append_system_prompt' must say something"),
        ({"add_dirs": "x"}, "'add_dirs' must be a list of folders on the machine, found the text 'x'"),
        ({"plugins": ["a", "-x"]}, "'plugins' must be a path of one line that does not begin with '-'"),
        ({"settings": 3}, "'settings' must be the path of a JSON file, or a table, found the number 3"),
        (
            {"mcp_config": f'{{"a": "{SECRET}"}}'},
            "'mcp_config' must be the path of a JSON file, or a table; this is JSON",
        ),
        ({"mcp_config": [SECRET]}, "'mcp_config' must be the path of a JSON file, or a table, found a list"),
        ({"requires_mcp": "a"}, "'requires_mcp' must be a list of MCP servers such as [xcode], found the text 'a'"),
        (
            {"extra_args": ["--betas", "x", "--settings={}"]},
            "'extra_args' must not have '--settings' in it: set settings",
        ),
        ({"extra_args": ["x"]}, "'extra_args' must begin with an option such as '--betas'"),
        ({"efort": "low"}, "unknown field 'efort'; did you mean 'effort'?"),
    ],
)
def test_a_mistake_is_one_line(fields: dict[str, Any], said: str) -> None:
    """It names file, node, field, what was found and what to do, and gives no secret away."""
    with pytest.raises(DagError) as refused:
        read(**fields)
    line = str(refused.value)
    assert line.startswith(f"tasks.json: node 'a': {said}"), line
    assert "\n" not in line
    assert SECRET not in line
