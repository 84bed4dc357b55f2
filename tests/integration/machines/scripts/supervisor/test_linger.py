"""Claude's process may stay after its last result: the machine ends it, unless an agent in the background works on."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest

from tests.support.machines import supervisor
from tests.support.machines.supervisor import STUBBORN, Station, eventually, gone, shells

station = supervisor.station

INIT = {"type": "system", "subtype": "init", "session_id": "s", "tools": ["Bash"]}
SAYS = {"type": "assistant", "message": {"content": [{"type": "text", "text": "done"}]}, "parent_tool_use_id": None}
RESULT = {"type": "result", "subtype": "success", "is_error": False, "result": "done", "session_id": "s"}
LAST_BY_NAME = {"duration_api_ms": 8, "usage": {"input_tokens": 5}, "result": 'said "}{" \\', "subtype": "success"}
SERVER = {"task_id": "b1", "task_type": "local_bash", "description": "serve"}
AGENT = {"task_id": "a1", "task_type": "local_agent", "description": 'of "task_type":"local_bash"'}
TOOL = {"type": "tool_use", "name": "Write", "input": {"type": "result", "subtype": "success", "of": [{}, "}"]}}


def system(subtype: str, **fields: Any) -> dict[str, Any]:
    """An event of the session about itself."""
    return {"type": "system", "subtype": subtype, **fields}


def tasks(*running: dict[str, Any]) -> dict[str, Any]:
    """What runs in the background from now on."""
    return system("background_tasks_changed", tasks=list(running))


def nested(text: str) -> dict[str, Any]:
    """Something that an agent of the session says."""
    return {**SAYS, "message": {"content": [{"type": "text", "text": text}]}, "parent_tool_use_id": "toolu_1"}


def started(task: dict[str, Any], *, backgrounded: bool = True) -> dict[str, Any]:
    """A task that begins."""
    return system("task_started", **task, is_backgrounded=backgrounded)


def says(*events: dict[str, Any] | str) -> str:
    """The sh text that prints them, a line each."""
    lines = (event if isinstance(event, str) else json.dumps(event, separators=(",", ":")) for event in events)
    return f"printf '%s\\n' {' '.join(map(shlex.quote, lines))}"


OVER: dict[str, tuple[dict[str, Any] | str, ...]] = {
    "one turn": (INIT, SAYS, RESULT),
    "an error": (INIT, {**RESULT, "subtype": "error_during_execution", "is_error": True}),
    "a server in the background": (INIT, tasks(SERVER), started(SERVER), SAYS, RESULT),
    "a server, as older versions tell it": (INIT, started(SERVER), SAYS, RESULT),
    "its type comes last": (INIT, SAYS, {**LAST_BY_NAME, "type": "result"}),
    "blanks between": (INIT, json.dumps(RESULT, indent=None, separators=(" , ", " : "))),
    "a second turn": (INIT, SAYS, RESULT, INIT, SAYS, {**RESULT, "result_index": 1}),
    "news after it": (INIT, RESULT, system("session_title_changed", title="t"), tasks()),
    "an agent that is done": (INIT, tasks(AGENT), started(AGENT), RESULT, nested("done"), tasks()),
    "an agent that is done, as older versions tell it": (
        *(INIT, started(AGENT), RESULT),
        system("task_notification", task_id="a1", status="completed"),
    ),
    "an agent that was stopped, as older versions tell it": (
        *(INIT, started(AGENT), RESULT),
        system("task_updated", task_id="a1", patch={"status": "killed"}),
    ),
    "an agent in the foreground": (INIT, started(AGENT, backgrounded=False), SAYS, RESULT),
}


@pytest.mark.parametrize("events", OVER.values(), ids=OVER)
def test_what_stays_after_its_last_result_is_ended(station: Station, events: tuple[dict[str, Any] | str, ...]) -> None:
    """Long before its time is over, and what comes after it is told of no stop."""
    after = 'echo "stopped=${MIYABI_STOPPED:-no} agent=$MIYABI_AGENT_EXIT"; exit 4'
    station.start("s", f"{says(*events)}; exec sleep 600", after=after, seconds=600, linger=0.2)
    status = station.ends("s")
    assert (status.exit_status, status.ended_by, status.check_exit) == (143, "lingered", 4)
    assert station.call("log", "s", "1000").stdout == b"stopped=no agent=143\n"
    assert station.live() == []


UNDER_WAY: dict[str, tuple[dict[str, Any] | str, ...]] = {
    "no result yet": (INIT, SAYS),
    "a tool that writes one": (INIT, {**SAYS, "message": {"content": [TOOL]}}),
    "a text that quotes one": (INIT, {**SAYS, "message": {"content": [{"text": json.dumps(RESULT)}]}}),
    "no stream at all": ("building", "result: success"),
    "another program's JSON": ('{"type":"result","exit":0}', '{"kind":"x","of":{"type":"result","subtype":"y"}}'),
    "half a result": (INIT, json.dumps(RESULT)[:-1]),
    "the next turn": (INIT, RESULT, INIT),
    "the next turn, as it goes on": (INIT, RESULT, SAYS),
    "an agent in the background": (INIT, tasks(AGENT), started(AGENT), SAYS, RESULT),
    "an agent beside a server": (INIT, tasks(SERVER), tasks(SERVER, AGENT), RESULT, nested("at work")),
    "an agent, as older versions tell it": (INIT, started(AGENT), started(SERVER), RESULT),
    "a workflow": (INIT, tasks({"task_id": "w", "task_type": "local_workflow"}), RESULT),
    "an agent that goes on": (INIT, started(AGENT), RESULT, system("task_updated", task_id="a1", patch={"x": 1})),
}


@pytest.mark.parametrize("events", UNDER_WAY.values(), ids=UNDER_WAY)
def test_what_is_under_way_is_left_alone(station: Station, events: tuple[dict[str, Any] | str, ...]) -> None:
    """However long it is silent: a turn, an agent in the background, a program that is not claude."""
    station.start("s", f"{says(*events)}; sleep 1.5; exit 7", linger=0.2)
    status = station.ends("s")
    assert (status.exit_status, status.ended_by) == (7, "itself")


def test_a_result_without_its_line_break_is_none_yet(station: Station) -> None:
    """Somebody may be in the middle of writing it."""
    station.start("s", f"printf %s {shlex.quote(json.dumps(RESULT))}; sleep 1.5; exit 7", linger=0.2)
    assert station.ends("s").ended_by == "itself"


def test_all_that_it_left_is_ended(station: Station) -> None:
    """The server in the background too, and what heeds no TERM."""
    station.environment["MIYABI_GRACE_SECONDS"] = "0.3"
    server = f"(setsid sh -c {shlex.quote(STUBBORN)} & echo $! >pid)"
    station.start("s", f"{server}; {says(INIT, RESULT)}; exec sleep 600", linger=0.2)
    assert station.ends("s").ended_by == "lingered"
    pid = station.workspace.parent / "pid"
    assert gone(int(pid.read_text()))
    assert station.processes() == []


def test_whatever_it_says_gives_it_more_time(station: Station) -> None:
    """It is ended for its silence, not for its age."""
    news = says(system("status"))
    ticks = f"n=0; while [ $n -lt 30 ]; do {news}; n=$((n+1)); sleep 0.1; done"
    station.start("s", f"{says(INIT, RESULT)}; {ticks}; exit 5", linger=2)
    status = station.ends("s")
    assert (status.exit_status, status.ended_by) == (5, "itself")


def test_lines_of_any_size_are_read_past(station: Station) -> None:
    """A tool's output of 9 MB, a line of 2 MB full of quotes, and one in several writes hide no result."""
    long = "head -c 9000000 /dev/zero | tr '\\0' x; echo"
    quotes = (
        'printf \'{"type":"system","subtype":"x","of":"\'; yes \'\\"{\' | head -c 2000000 | tr -d \'\\n\'; echo \'"}\''
    )
    first, second = json.dumps(RESULT)[:20], json.dumps(RESULT)[20:]
    torn = f"printf %s {shlex.quote(first)}; sleep 0.5; printf '%s\\n' {shlex.quote(second)}"
    station.start("s", f"{says(INIT)}; {long}; {quotes}; {torn}; exec sleep 600", linger=0.2)
    assert station.ends("s").ended_by == "lingered"


def test_one_that_lingers_can_be_stopped_and_runs_out_of_time(station: Station) -> None:
    """Before its silence was long enough, a stop is a stop, and a time limit is one."""
    station.start("s", f"{says(INIT, RESULT)}; exec sleep 600", linger=600)
    eventually(lambda: station.status("s").out_bytes > 0)
    assert b" exited rc=143 by=stop " in station.call("cancel", "s", "10").stdout
    station.start("t", f"{says(INIT, RESULT)}; exec sleep 600", linger=600, seconds=0.5)
    assert station.ends("t").ended_by == "timeout"


@pytest.mark.parametrize("shell", shells())
def test_under_any_sh(station: Station, shell: str) -> None:
    """Whatever sh the machine calls its own."""
    station.shell = tuple(shell.split())
    station.start("s", f"{says(INIT, RESULT)}; exec sleep 600", linger=0.2)
    assert station.ends("s").ended_by == "lingered"
