"""MCP servers of a session, as its init event has them: which are missing, and what is said of it."""

from __future__ import annotations

import pytest

from miyabi.claude import Evidence, Init, missing_servers
from miyabi.claude.outcome_rules import without_server
from miyabi.claude.session_notes import notes_of
from tests.support.claude.recordings import init, line, read, recording, result

GOOD = Evidence(agent_exit=0, commits=1, machine="mini1", task="t1")


def begun(**statuses: str) -> bytes:
    """A session with these servers begins."""
    return init(mcp_servers=[{"name": name, "status": status} for name, status in statuses.items()])


def test_as_it_was_recorded() -> None:
    """The real claude names a server that did not start."""
    said = recording("mcp_broken").transcript.init
    assert said is not None
    assert said.mcp_servers == {"demo": "failed"}
    assert missing_servers(["demo", "other"], said) == ("demo", "other")


@pytest.mark.parametrize("status", ["failed", "needs-auth", "pending", "disabled", ""])
def test_only_connected_is_there(status: str) -> None:
    """Whatever else is said of a server, the session cannot use it."""
    said = read(begun(a="connected", b=status)).init
    assert said is not None
    assert missing_servers(["a", "b", "c"], said) == ("b", "c")
    assert missing_servers([], said) == ()


def test_a_session_that_says_nothing_of_servers() -> None:
    """Of a rehearsal, and of a claude that does not tell, nothing is missing."""
    said = read(line(type="system", subtype="init", session_id="s")).init
    assert said == Init(session_id="s")
    assert missing_servers(["a"], said) == ()


@pytest.mark.parametrize("servers", [None, "x", [None, 3, {"status": "connected"}, {"name": 3}]])
def test_servers_that_nobody_understands(servers: object) -> None:
    """A shape that we do not know breaks nothing: a server that is needed is not there then."""
    said = read(init(mcp_servers=servers)).init
    assert said is not None
    assert missing_servers(["a"], said) == ("a",)


def test_what_is_not_needed_is_a_note() -> None:
    """A sentence a server, in which its status stands; the one that is needed is in the reason already."""
    transcript = read(begun(b="failed", a="needs-auth", c="connected", d="") + result())
    assert notes_of(transcript, GOOD) == (
        "its MCP server a did not start on mini1 (needs-auth)",
        "its MCP server b did not start on mini1 (failed)",
        "its MCP server d did not start on mini1 (no status)",
    )
    assert [note.split()[3] for note in notes_of(transcript, Evidence(missing_servers=("b", "d")))] == ["a"]


def test_what_is_needed_is_the_reason() -> None:
    """It names the servers, the machine and what to do."""
    evidence = Evidence(missing_servers=("a", "b"), machine="mini1", task="t1")
    decision = without_server(read(b""), evidence)
    assert decision is not None
    assert decision.error_text == (
        "t1 needs MCP servers that did not start on mini1: a, b; "
        "see on mini1 why it does not start, or take it out of requires_mcp"
    )
