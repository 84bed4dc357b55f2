from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from miyabi.claude import Evidence
from miyabi.claude.session_notes import notes_of
from tests.support.claude.recordings import init, line, names, read, recording, result

GOOD = Evidence(agent_exit=0, commits=1, machine="mini1", task="t1")
UNTRUSTED = (
    "Ignoring {} permissions.allow {} from .claude/settings.json: this workspace has not been trusted. Run Claude Code"
)


def notes(stream: bytes, evidence: Evidence = GOOD) -> tuple[str, ...]:
    """The notes of a session that said this."""
    return notes_of(read(stream), evidence)


def working(**tasks: str) -> bytes:
    """What works in the background from now on, by kind."""
    entries = [{"task_id": task, "task_type": kind} for task, kind in tasks.items()]
    return line(type="system", subtype="background_tasks_changed", tasks=entries)


def started(task: str, kind: str = "local_agent") -> bytes:
    """A task begins."""
    return line(type="system", subtype="task_started", task_id=task, task_type=kind)


def ended(task: str, status: str) -> bytes:
    """A task has come to its end."""
    return line(type="system", subtype="task_notification", task_id=task, status=status)


def test_there_is_mostly_nothing_to_say() -> None:
    """A session that ended well by itself, with all of its MCP servers, has no notes."""
    found = {name: recording(name) for name in names()}
    said = {n: notes_of(r.transcript, replace(GOOD, stderr=r.stderr)) for n, r in found.items()}
    silent = ("its MCP server demo did not start on mini1 (failed)",)
    assert {name: note for name, note in said.items() if note} == {"mcp_broken": silent}


@pytest.mark.parametrize("entries", ["entry", "entries"])
def test_rules_that_do_not_count(entries: str) -> None:
    """Rules of the repository that claude leaves out are told, whatever else stands on stderr."""
    number = 1 if entries == "entry" else 22
    stderr = f"warning: x\n{UNTRUSTED.format(number, entries)}\nmore\n"
    (note,) = notes(init() + result(), replace(GOOD, stderr=stderr))
    assert note.startswith(f"claude said: Ignoring {number} permissions.allow {entries}")


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (started("a") + ended("a", "stopped"), "1 subagent of it was stopped"),
        (started("a") + started("b") + ended("a", "killed") + ended("b", "stopped"), "2 subagents of it were stopped"),
        (started("a") + ended("a", "completed"), ""),
        (started("b", "local_bash") + ended("b", "stopped"), ""),
    ],
)
def test_subagents_that_were_stopped(stream: bytes, expected: str) -> None:
    """A subagent that was ended before it was done is told; one that was done, and commands, are not."""
    said = " ".join(notes(init() + stream + result()))
    assert said.startswith(expected)
    assert bool(said) is bool(expected)


@pytest.mark.parametrize(("killed", "is_noted"), [({"system": 2}, True), ({"user": 1}, True), ({"parent": 3}, False)])
def test_subagents_that_were_killed(killed: dict[str, int], *, is_noted: bool) -> None:
    """The result's own count is told too; what the model itself ended is not."""
    assert bool(notes(init() + result(subagent_stats={"killed": killed}))) is is_noted


def test_what_still_worked() -> None:
    """What was at work in the background at the end is told, agents by name, whoever ended it."""
    stream = init() + working(a="local_agent", b="local_bash", c="local_bash") + result()
    assert notes(stream)[0].startswith("it ended with 1 background agent and 2 commands still at work")
    lingered = replace(GOOD, ended_by="lingered", agent_exit=143)
    assert notes(stream, lingered)[0] == (
        "its process was ended after its last result, as it did not end by itself, "
        "with 1 background agent and 2 commands of it still at work"
    )
    assert notes(init() + result(), lingered)[0].endswith("as it did not end by itself")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"error_code": "ENOSPC", "lost": ["transcript"]}, "(ENOSPC): its conversation could not be saved whole"),
        ({"error_code": "EDQUOT", "lost": ["global_config"]}, "(EDQUOT): not all could be saved"),
        ({}, "(no space): not all could be saved"),
    ],
)
def test_a_full_disk(fields: dict[str, Any], expected: str) -> None:
    """What claude could not save is told with its reason and machine."""
    stream = init() + result() + line(type="system", subtype="session_writes_lost", **fields)
    assert notes(stream) == (f"the disk of mini1 was full {expected}",)


def test_output_that_is_not_whole() -> None:
    """That claude could not save all that it said is told, by its words on stderr (Claude Code 2.1.332)."""
    stderr = "Claude Code could not save all of the output sent to a file because the disk is full (ENOSPC). Free up."
    said = notes(init() + result(), replace(GOOD, agent_exit=1, stderr=stderr))
    assert said == ("the disk of mini1 was full (ENOSPC): its output could not be saved whole",)


@pytest.mark.parametrize(("indices", "expected"), [((0, 1), 0), ((0, 2), 1), ((3,), 3), ((None,), 0)])
def test_results_that_never_came(indices: tuple[int | None, ...], expected: int) -> None:
    """A gap in the count of the results is told."""
    stream = b"".join(init() + result(**({} if index is None else {"result_index": index})) for index in indices)
    assert [note for note in notes(stream) if "never came here" in note] == (
        [f"{expected} result{'' if expected == 1 else 's'} of it never came here; what is judged is its last one"]
        if expected
        else []
    )


def test_secrets_are_not_told() -> None:
    """What is quoted of stderr gives no secret away."""
    token = "sk-" + "ant-api03-a1B2c3D4e5F6g7H8"
    (note,) = notes(init() + result(), replace(GOOD, stderr=f"{UNTRUSTED.format(1, 'entry')} {token}"))
    assert token not in note
