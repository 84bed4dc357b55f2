"""What a node and the settings let claude be told, put together, and what is refused before anything starts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from miyabi.dag import Dag, Node
from miyabi.errors import DagError
from miyabi.machines import Machine
from miyabi.runs.options import options_of, require_options, secrets_of_options
from miyabi.settings import SessionDefaults, Settings

SECRET = "s3cr3t-value-99"  # noqa: S105 - nobody's
SERVER = {"command": "x", "env": {"ANY": SECRET}}
FLEET = (Machine(name="mac", labels=("xcode",)), Machine(name="linux"))
WORDS = {
    "effort": ("low", "high"),
    "fallback_model": ("sonnet", "haiku"),
    "append_system_prompt": ("of all", "of one"),
    "add_dirs": (("~/all",), ("~/one",)),
    "agent": ("all", "one"),
    "plugins": (("~/all",), ()),
    "extra_args": (("--betas", "x"), ()),
}


def made(node: dict[str, Any], root: Path = Path(), **defaults: Any) -> dict[str, Any]:
    """The options of a node's session."""
    return options_of(Node.model_validate({"id": "a", **node}), SessionDefaults.model_validate(defaults), root=root)


@pytest.mark.parametrize("field", WORDS)
def test_a_node_says_it_in_place_of_the_settings(field: str) -> None:
    """Where it says nothing the settings hold; an empty list is said."""
    of_all, of_one = WORDS[field]
    assert made({}, **{field: of_all})[field] == of_all
    assert made({field: of_one}, **{field: of_all})[field] == of_one


def test_settings_of_a_node(tmp_path: Path) -> None:
    """A node's table, or its file seen from the repository, is in place of what the settings have."""
    (tmp_path / "s.json").write_text('{"model": "haiku"}')
    assert made({}, settings={"model": "opus"})["settings"] == '{"model": "opus"}'
    assert made({"settings": "s.json"}, tmp_path, settings={"model": "opus"})["settings"] == '{"model": "haiku"}'
    assert made({"settings": {}}, settings={"model": "opus"})["settings"] is None


def test_servers_of_all_and_of_labels() -> None:
    """Those of the settings are for all or for a label; a node's own are in place of both."""
    defaults = {"mcp_config": {"a": SERVER}, "labels": {"xcode": {"mcp_config": {"b": SERVER}}}}
    assert made({}, **defaults)["mcp_config"] == (("", json.dumps({"a": SERVER})), ("xcode", json.dumps({"b": SERVER})))
    assert made({"mcp_config": {"c": SERVER}}, **defaults)["mcp_config"] == (("", json.dumps({"c": SERVER})),)
    assert made({"mcp_config": {}}, **defaults)["mcp_config"] == ()


def check(root: Path, *nodes: dict[str, Any], **sessions: Any) -> None:
    """Checks these nodes against these settings."""
    dag = Dag.from_text(json.dumps({"nodes": nodes}), name="tasks.json")
    require_options(dag, Settings(machines=FLEET, sessions=SessionDefaults.model_validate(sessions)), root=root)


OF_LABEL = {"labels": {"xcode": {"mcp_config": {"sim": SERVER}}}}
OF_ALL = {"mcp_config": {"tickets": SERVER}}


@pytest.mark.parametrize(
    ("node", "sessions"),
    [
        ({"requires_mcp": ["tickets"]}, OF_ALL),
        ({"requires_mcp": ["sim"], "requires": ["xcode"]}, OF_LABEL),
        ({"requires_mcp": ["sim", "tickets"], "requires": ["machine:mac"]}, OF_LABEL | OF_ALL),
        ({"requires_mcp": ["own"], "mcp_config": {"own": SERVER}}, {}),
        ({"requires_mcp": []}, {}),
    ],
)
def test_servers_that_are_there(tmp_path: Path, node: dict[str, Any], sessions: dict[str, Any]) -> None:
    """A node may need what its session has wherever it may run."""
    check(tmp_path, {"id": "a"} | node, **sessions)


@pytest.mark.parametrize(
    ("node", "sessions", "said"),
    [
        (
            {"requires_mcp": ["tickts"]},
            OF_ALL,
            "names 'tickts', and no mcp_config has such a server; did you mean 'tickets'?",
        ),
        ({"requires_mcp": ["tickets"]}, {}, "names 'tickets', and no mcp_config has such a server"),
        (
            {"requires_mcp": ["sim"]},
            OF_LABEL,
            "names 'sim', which its session would not have on linux; require 'xcode' as well",
        ),
        (
            {"requires_mcp": ["tickets"], "mcp_config": {}},
            OF_ALL,
            "names 'tickets', and no mcp_config has such a server",
        ),
    ],
)
def test_servers_that_are_not(tmp_path: Path, node: dict[str, Any], sessions: dict[str, Any], said: str) -> None:
    """What a node needs and would not get is refused by name, with what to do."""
    with pytest.raises(DagError) as refused:
        check(tmp_path, {"id": "a"} | node, **sessions)
    assert str(refused.value) == f"tasks.json: node 'a': 'requires_mcp' {said}"


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ({"mcp_config": "none.json"}, "'mcp_config': {root}/none.json is not there; name a JSON file of this computer"),
        ({"settings": "none.json"}, "'settings': {root}/none.json is not there; name a JSON file of this computer"),
        ({"mcp_config": {"t": {"url": SECRET}}}, "'mcp_config': server 't' must have a text as command; one with url"),
    ],
)
def test_a_nodes_table_that_cannot_be_used(tmp_path: Path, node: dict[str, Any], said: str) -> None:
    """File, node and field are named, and no secret."""
    with pytest.raises(DagError) as refused:
        check(tmp_path, {"id": "fine"}, {"id": "b"} | node)
    assert str(refused.value).startswith(f"tasks.json: node 'b': {said.format(root=tmp_path)}")
    assert SECRET not in str(refused.value)


def test_secrets(tmp_path: Path) -> None:
    """What servers and settings are given is known, of all and of each node, also where another node's file is gone."""
    nodes = [{"id": "a", "mcp_config": {"t": {"command": "x", "env": {"A": "of-node-12345"}}}}]
    nodes += [{"id": "b", "settings": {"env": {"API_TOKEN": "of-settings-12345", "MODE": "1234567890"}}}]
    nodes += [{"id": "c", "mcp_config": "gone.json"}]
    dag = Dag.from_text(json.dumps({"nodes": nodes}), name="tasks.json")
    defaults = SessionDefaults.model_validate({**OF_LABEL, "settings": {"env": 3}})
    found = secrets_of_options(dag, defaults, root=tmp_path)
    assert found == {SECRET, "of-node-12345", "of-settings-12345"}
