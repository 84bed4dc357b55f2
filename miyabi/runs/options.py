"""What a node and the settings let claude be told, put together; a node's files are read here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from miyabi.dag import Dag, Node
from miyabi.errors import DagError
from miyabi.machines import Machine
from miyabi.options import Server, read_table, secrets_of_servers, servers_of
from miyabi.settings import SessionDefaults, Settings
from miyabi.text import did_you_mean, quote, secrets_of, several

_SAME_NAME = ("effort", "fallback_model", "append_system_prompt", "add_dirs", "agent", "plugins", "extra_args")
_NAMED = 3


def options_of(node: Node, defaults: SessionDefaults, *, root: Path) -> dict[str, Any]:
    """Makes the fields of a session's spec that are options of claude: what the node says wins.

    Args:
        node: whose session it is.
        defaults: what every session gets.
        root: folder from which the node's files are named.

    Raises:
        DagError: a file of the node cannot be used, or holds what is no MCP server.
    """
    said = {name: getattr(node, name) for name in _SAME_NAME}
    settings = _settings(node, defaults, root=root)
    servers = _servers(node, defaults, root=root)
    return {
        **{name: getattr(defaults, name) if value is None else value for name, value in said.items()},
        "settings": _json(settings) if settings else None,
        "mcp_config": tuple((label, _json(each)) for label, each in servers.items() if each),
        "requires_mcp": node.requires_mcp or (),
    }


def require_options(dag: Dag, settings: Settings, *, root: Path) -> None:
    """Checks that the files of nodes can be used, and that nodes have the MCP servers that they need wherever they run.

    Raises:
        DagError: one line that names node, field, what was found and what to do.
    """
    for node in dag.nodes:
        try:
            _settings(node, settings.sessions, root=root)
            servers = _servers(node, settings.sessions, root=root)
        except DagError as error:
            raise DagError(f"{dag.name}: {error}") from None
        for wrong in _not_there(node, servers, settings.machines):
            raise DagError(f"{dag.name}: node {node.id!r}: 'requires_mcp' names {wrong}")


def secrets_of_options(dag: Dag, defaults: SessionDefaults, *, root: Path) -> set[str]:
    """Collects what must not be seen of the MCP servers, and of the `env` of `settings`, that sessions get."""
    special = [node for node in dag.nodes if node.settings is not None or node.mcp_config is not None]
    found = set[str]()
    for node in (Node(id="any"), *special):
        with suppress(DagError):  # it is said before the node's session would start
            servers = _servers(node, defaults, root=root)
            environment = (_settings(node, defaults, root=root) or {}).get("env")
            texts = environment.items() if isinstance(environment, dict) else ()
            found |= secrets_of({name: value for name, value in texts if isinstance(value, str)})
            found |= secrets_of_servers(server for each in servers.values() for server in each.values())
    return found


def _not_there(node: Node, servers: Mapping[str, Mapping[str, Server]], machines: Sequence[Machine]) -> Iterator[str]:
    known = {name for each in servers.values() for name in each}
    takers = [machine for machine in machines if machine.offers.issuperset(node.requires)]
    for name in node.requires_mcp or ():
        labels = {label for label, each in servers.items() if name in each}
        without = [machine.name for machine in takers if "" not in labels and not labels & machine.offers]
        if name not in known:
            hint = did_you_mean(name, known)
            yield f"{quote(name)}, and no mcp_config has such a server{hint}"
        elif without:
            where = several(without, most=_NAMED)
            yield f"{quote(name)}, which its session would not have on {where}; require {quote(min(labels))} as well"


def _settings(node: Node, defaults: SessionDefaults, *, root: Path) -> Mapping[str, Any] | None:
    given = defaults.settings if node.settings is None else node.settings
    try:
        return None if given is None else read_table(given, root=root)
    except ValueError as error:
        raise DagError(f"node {node.id!r}: 'settings': {error}") from None


def _servers(node: Node, defaults: SessionDefaults, *, root: Path) -> dict[str, Mapping[str, Server]]:
    """MCP servers by the label of the machines that they are for, empty for all: the node's own, else the settings'."""
    labels = {label: each.mcp_config for label, each in sorted(defaults.labels.items())}
    given = {"": defaults.mcp_config, **labels} if node.mcp_config is None else {"": node.mcp_config}
    try:
        return {label: servers_of(read_table(each, root=root)) for label, each in given.items() if each is not None}
    except ValueError as error:
        raise DagError(f"node {node.id!r}: 'mcp_config': {error}") from None


def _json(table: Mapping[str, Any]) -> str:
    return json.dumps(table, sort_keys=True)
