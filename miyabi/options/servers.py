"""MCP servers as claude's own files have them. claude 2.1.332 drops a server that it does not understand, unsaid."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from miyabi.text import plain_values_left_out, quote

Server = Mapping[str, Any]

_FILE_KEY = "mcpServers"
_REMOTE = ("http", "sse", "ws")
_RESERVED = "workspace"
_HELD = ("env", "headers")
_NO_SECRET = re.compile(r"(?:(?:application|text)/[a-z+.-]+[,; ]*)+|\d{4}-\d{2}-\d{2}|.*\$\{.*")


def servers_of(table: Mapping[str, Any]) -> dict[str, Server]:
    """Returns the servers of a table by name; it may be as claude's files are, with `mcpServers` around them.

    Raises:
        ValueError: one sentence without any value of `env` and `headers`: which server, what is wrong with it.
    """
    found = table.get(_FILE_KEY, table)
    if not isinstance(found, dict):
        raise ValueError(f"{_FILE_KEY} must be a table of servers by name")  # noqa: TRY004 - one error for all faults
    for name, server in found.items():
        if fault := _fault(name, server):
            raise ValueError(f"server {quote(name)} {fault}")
    return dict(found)


def _fault(name: str, server: object) -> str:
    if name == _RESERVED or not name.strip() or not name.isprintable():
        return "must have another name: claude takes none that is empty, and keeps 'workspace' for itself"
    if not isinstance(server, dict):
        return "must be a table with command (and args, env), or with type and url (and headers)"
    kind = server.get("type", "stdio")
    if kind not in ("stdio", *_REMOTE):
        return f"must have a type of stdio, {', '.join(_REMOTE)}"
    needed = "url" if kind in _REMOTE else "command"
    if not isinstance(server.get(needed), str) or not server[needed].strip():
        of_url = f"; one with url needs a type of {', '.join(_REMOTE)}" if "url" in server else ""
        return f"must have a text as {needed}{of_url}"
    arguments = server.get("args", [])
    if not isinstance(arguments, list | tuple) or not all(isinstance(each, str) for each in arguments):
        return "must have a list of texts as args"
    return next((_not_texts(held, server[held]) for held in _HELD if _not_texts(held, server.get(held, {}))), "")


def _not_texts(held: str, values: object) -> str:
    if not isinstance(values, dict):
        return f"must have a table of texts as {held}"
    wrong = next((name for name, value in values.items() if not isinstance(value, str)), None)
    return "" if wrong is None else f"must have a text as {held}.{wrong} (put it in quotes)"


def secrets_of_servers(servers: Iterable[Server]) -> set[str]:
    """Collects what servers get by `env` and `headers`, whole lines and the words of them.

    Paths, plain words, what has fewer than eight characters, types of content, days, and variables that claude fills in
    (`${NAME}`) are none.
    """
    return plain_values_left_out(part for server in servers for value in _values(server) for part in _parts(value))


def _values(server: Server) -> Iterator[str]:
    return (value for held in _HELD for value in server.get(held, {}).values())


def _parts(value: str) -> Iterator[str]:
    for line in value.splitlines():
        yield from (part for part in {line, *line.split()} if not _NO_SECRET.fullmatch(part))
