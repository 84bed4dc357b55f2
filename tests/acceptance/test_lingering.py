"""The real claude, its work done and something left in the background: the machine ends it soon, and only then."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from miyabi.claude import session_script
from miyabi.machines import Machine
from tests.support.claude.real import machine, messages_api, worktree  # noqa: F401 - fixtures
from tests.support.git.repositories import git
from tests.support.machines import supervisor
from tests.support.machines.supervisor import Station
from tests.support.values.specs import session_spec

station = supervisor.station


def start(station: Station, machine: Machine, worktree: Path, scenario: str, *, linger: float) -> None:
    """A session of that scenario begins."""
    prompt, tools = f"Do it. [[scenario:{scenario}]] [[task:t1]]", ("Bash", "Task", "Agent")
    spec = session_spec(prompt=prompt, allowed_tools=tools)
    text = session_script(spec, machine, checkout=str(worktree), inherited={}).decode()
    station.start("s", text, stdin=prompt.encode(), seconds=600, linger=linger)


def results(station: Station) -> list[dict[str, Any]]:
    """The result events of the stream."""
    events = [json.loads(line) for line in station.file("s", "out").read_bytes().splitlines()]
    return [event for event in events if event["type"] == "result"]


def test_a_server_in_the_background_is_not_waited_for(station: Station, machine: Machine, worktree: Path) -> None:
    """Claude would wait ten minutes for it; the machine ends both, with the work committed and the result said."""
    start(station, machine, worktree, "server", linger=1)
    status = station.ends("s")
    assert (status.ended_by, [result["subtype"] for result in results(station)]) == ("lingered", ["success"])
    assert git(worktree, "log", "-1", "--format=%s") == "t1: scripted work"
    assert station.processes() == []


def test_a_command_that_ends_is_given_its_turn(station: Station, machine: Machine, worktree: Path) -> None:
    """One that ends within the time brings a second turn, which is seen to its end."""
    start(station, machine, worktree, "background", linger=30)
    status = station.ends("s")
    assert (status.exit_status, status.ended_by, len(results(station))) == (0, "itself", 2)


def test_an_agent_in_the_background_is_waited_for(station: Station, machine: Machine, worktree: Path) -> None:
    """It works for longer than a session may linger, and what it commits is there."""
    start(station, machine, worktree, "agent:4", linger=1)
    status = station.ends("s")
    assert (status.exit_status, status.ended_by) == (0, "itself")
    assert git(worktree, "log", "-1", "--format=%s") == "t1: scripted work"
