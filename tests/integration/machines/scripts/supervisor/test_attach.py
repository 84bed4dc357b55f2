from __future__ import annotations

from collections.abc import Iterator

import pytest

from miyabi.sessions import State
from tests.support.cli.tmux import Tmux
from tests.support.machines.supervisor import Station, eventually, station  # noqa: F401 - a fixture

AGENT = 'echo here; while read -r line; do echo "said $line"; [ "$line" != leave ] || exit 3; done'
AFTER = 'echo "stopped=${MIYABI_STOPPED:-} exit=$MIYABI_AGENT_EXIT"'
SESSION = "r1.t1.2"


@pytest.fixture
def staged(station: Station) -> Station:
    """A station where the parts of a session for a terminal lie."""
    parts = (AGENT.encode(), b"", AFTER.encode())
    done = station.call("put", SESSION, *(str(len(part)) for part in parts), stdin=b"".join(parts))
    assert (done.returncode, b" staged " in done.stdout) == (0, True), done.stderr
    return station


@pytest.fixture
def window(staged: Station) -> Iterator[Tmux]:
    """A terminal that is attached to it."""
    with attach(staged) as window:
        window.shows("here")
        yield window


def attach(station: Station, *, slots: int = 1) -> Tmux:
    """A terminal in which the machine's script is called."""
    words = station.words("attach", SESSION, str(slots), "60")
    return Tmux(words, environment=station.environment, folder=station.workspace)


def test_it_holds_a_slot_until_the_person_leaves(staged: Station, window: Tmux) -> None:
    """No session starts beside it in the last slot; when it ends, its work is salvaged as after a stop."""
    assert (staged.status(SESSION).state, staged.live()) == (State.RUNNING, [SESSION])
    refused = staged.start("r2.t1.1", "true", slots=1)
    assert (refused.returncode, refused.stderr) == (69, f"miyabi: 1 of 1 slots are taken by: {SESSION}\n".encode())
    window.type("leave")
    assert window.wait() == 3
    status = staged.status(SESSION)
    assert (status.state, status.ended_by, status.exit_status) == (State.EXITED, "stop", 3)
    assert staged.file(SESSION, "check.log").read_text() == "stopped=1 exit=3\n"
    assert staged.start("r2.t1.1", "true", slots=1).returncode == 0


def test_it_ends_with_its_terminal(staged: Station, window: Tmux) -> None:
    """A terminal that goes ends the agent; the slot is free and the work salvaged, with nobody there."""
    window.vanish()
    assert staged.ends(SESSION).ended_by == "stop"
    assert staged.file(SESSION, "check.log").read_text().startswith("stopped=1 ")
    assert staged.live() == []
    eventually(lambda: not staged.processes())


def test_it_is_stopped_from_elsewhere(staged: Station, window: Tmux) -> None:
    """`cancel` ends what runs in the terminal, as it ends any session, and returns when all is over."""
    assert b" exited rc=143 by=stop " in staged.call("cancel", SESSION, "10").stdout
    assert window.wait() == 143


def test_it_is_refused(staged: Station) -> None:
    """Not beside a session of its task, not in a slot that is taken; the line says why."""
    staged.start("r1.t1.1", "sleep 600", slots=2)
    staged.start("r2.t1.1", "sleep 600", slots=2)
    for why, slots in (("session r1.t1.1 still runs here", 3), ("2 of 2 slots are taken", 2)):
        with attach(staged, slots=slots) as window:
            window.shows(f"miyabi: {why}")
            assert window.wait() in {69, 70}
        staged.call("cancel", "r1.t1.1", "10")
        staged.start("r2.t2.1", "sleep 600", slots=2)
    assert staged.status(SESSION).state is State.STAGED
