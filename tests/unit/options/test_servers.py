"""MCP servers: what claude would drop without a word is refused in one, and what they are given is known as secret."""

from __future__ import annotations

from typing import Any

import pytest

from miyabi.options import secrets_of_servers, servers_of

SECRET = "s3cr3t-value-99"  # noqa: S105 - nobody's


def test_servers_by_name_or_as_a_file_has_them() -> None:
    """A table of servers and the content of a `.mcp.json` are the same."""
    servers = {"a": {"command": "x", "args": ["y"], "env": {"A": "1"}}, "b": {"type": "http", "url": "https://x"}}
    assert servers_of(servers) == servers_of({"mcpServers": servers}) == servers
    assert servers_of({"mcpServers": {}}) == servers_of({}) == {}


@pytest.mark.parametrize(
    ("server", "said"),
    [
        ("x", "must be a table with command"),
        ({}, "must have a text as command"),
        ({"command": " "}, "must have a text as command"),
        ({"url": "https://x"}, "must have a text as command; one with url needs a type of http, sse, ws"),
        ({"type": "http"}, "must have a text as url"),
        ({"type": "https", "url": "https://x"}, "must have a type of stdio, http, sse, ws"),
        ({"type": ["http"], "url": "https://x"}, "must have a type of stdio, http, sse, ws"),
        ({"command": "x", "args": "y"}, "must have a list of texts as args"),
        ({"command": "x", "args": [1]}, "must have a list of texts as args"),
        ({"command": "x", "env": [SECRET]}, "must have a table of texts as env"),
        ({"command": "x", "env": {"B": SECRET, "A": 1}}, "must have a text as env.A (put it in quotes)"),
        ({"type": "sse", "url": "x", "headers": {"A": None}}, "must have a text as headers.A (put it in quotes)"),
    ],
)
def test_a_server_that_claude_would_drop(server: Any, said: str) -> None:
    """One sentence names it and what is wrong with it, and none of its values."""
    with pytest.raises(ValueError, match=r"^server 'tickets' ") as refused:
        servers_of({"tickets": server})
    assert said in str(refused.value)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("name", ["workspace", "", " ", "a\nb"])
def test_a_name_that_claude_would_drop(name: str) -> None:
    """A server is called something, and not what claude keeps for itself."""
    with pytest.raises(ValueError, match="must have another name"):
        servers_of({name: {"command": "x"}})


def test_servers_that_are_no_table() -> None:
    """A list of servers has no names."""
    with pytest.raises(ValueError, match="mcpServers must be a table of servers by name"):
        servers_of({"mcpServers": [{"command": "x"}]})


def test_what_servers_are_given_is_secret() -> None:
    """Every value of `env` and `headers` that could be one, by whatever name, whole and word by word."""
    servers: list[dict[str, Any]] = [
        {
            "command": "x",
            "args": ["not-this-1234"],
            "env": {"ANY": SECRET, "HOME": "/home/user1", "MODE": "development"},
        },
        {
            "type": "http",
            "url": "x",
            "headers": {"Authorization": "Bearer tok-12345678", "X": "${TOKEN_1234}"},
        },
    ]
    assert secrets_of_servers(servers) == {SECRET, "Bearer tok-12345678", "tok-12345678"}


@pytest.mark.parametrize("value", ["application/json, text/event-stream", "2025-06-18", "x ${TOKEN} y", "keep-alive"])
def test_what_every_report_says_is_no_secret(value: str) -> None:
    """Usual headers would take words and days out of texts that have nothing to do with them."""
    assert secrets_of_servers([{"type": "http", "url": "x", "headers": {"Any": value}}]) == set()
