"""A checkout that is set up ahead of its session: used where it is good, one at a time, and nothing of it is left."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from miyabi.attempts import abandon_ahead, set_up_ahead, stop_sessions
from miyabi.errors import ConnectionDropped
from miyabi.machines.local import LocalHost
from miyabi.runs import Run, sweep_machine
from miyabi.sessions import Outcome, State
from tests.support.git.repositories import commit, git
from tests.support.machines.supervisor import eventually
from tests.support.values.runs import Workshop, workshop  # noqa: F401 - a fixture

SAYS_DONE = json.dumps({"type": "result", "subtype": "success", "is_error": False, "result": "Done."})
AGENT = f"""#!/bin/sh
cat >/dev/null
date +%N >a.txt; git add a.txt; git commit -qm a; printf '%s\\n' '{SAYS_DONE}'
"""


class Place:
    """A repository with an ignored `.env`, and a set-up that says when it begins and waits for `gate`."""

    def __init__(self, workshop: Workshop, setup: str = "true") -> None:
        self.workshop = workshop
        self.root = workshop.folder / "repository"
        self.begun, self.gate, self.alone = (workshop.folder / name for name in ("begun", "gate", "alone"))
        (self.root / ".git/info/exclude").write_text(".env\n.miyabi/\n")
        (self.root / ".env").write_text("KEY=one\n")
        (self.root / ".miyabi").mkdir()
        workshop.claude.write_text(AGENT)
        alone = f"mkdir '{self.alone}' && trap \"rmdir '{self.alone}'\" EXIT && trap 'exit 143' TERM"
        waits = f"echo x >>'{self.begun}'; until [ -e '{self.gate}' ]; do sleep 0.05; done"
        self.configure(f"{alone} || exit 99; {waits}; {setup}")

    def configure(self, setup: str) -> None:
        """Gives the repository these settings."""
        text = f"[sessions]\nsetup = '''{setup}'''\ncopy_files = ['.env']\n"
        (self.root / ".miyabi/config.toml").write_text(text)

    async def run(self, check: str = "cat .env") -> Run:
        """An orchestrator of the one run."""
        return await self.workshop.run(self.workshop.machine("m1"), self.workshop.machine("m2"), check=check)

    async def begin(self, live: Run, machine: str = "m1") -> None:
        """Has its task set up ahead, as the runner does."""
        await live.worktrees.prepare(live.machines[machine], live.dag.by_id["a"])
        await set_up_ahead(live, live.machines[machine], "a")

    async def begin_and_wait(self, live: Run) -> None:
        """The same, until it has begun there."""
        await self.begin(live)
        eventually(lambda: self.times == 1)

    @property
    def times(self) -> int:
        """How often a set-up has begun."""
        return len(self.begun.read_text().splitlines()) if self.begun.exists() else 0

    def checkout(self, machine: str = "m1") -> Path:
        """The task's checkout."""
        return self.workshop.folder / machine / "checkouts/r1/a"

    async def state(self, machine: str = "m1") -> State:
        """Where what was set up ahead stands."""
        return (await self.workshop.status("r1.a.0", machine)).state

    def log(self, live: Run, name: str) -> str:
        """What the first attempt's set-up or check printed."""
        return (live.folder.attempt("a") / f"{name}.log").read_text()


async def test_the_session_finds_it_done(workshop: Workshop) -> None:
    """It was set up once; session and check find what that made of a copied file; its lines are the session's."""
    place = Place(workshop, "echo more >>.env; echo said")
    live = await place.run()
    await place.begin_and_wait(live)
    place.gate.touch()
    result = await (await workshop.attempt(live)).run()
    assert (result.outcome, result.changes.files, place.times) == (Outcome.SUCCEEDED, ("a.txt",), 1)
    assert (place.log(live, "check"), place.log(live, "setup")) == ("KEY=one\nmore\n", "said\n")


async def test_other_files_by_then(workshop: Workshop) -> None:
    """What was set up with others is ended and made anew."""
    place = Place(workshop)
    live = await place.run()
    await place.begin_and_wait(live)
    (place.root / ".env").write_text("KEY=two\n")
    attempt = await workshop.attempt(live)
    place.gate.touch()
    assert (await attempt.run()).outcome is Outcome.SUCCEEDED
    assert (place.log(live, "check"), place.times) == ("KEY=two\n", 2)


async def test_a_red_one_is_the_first_try(workshop: Workshop) -> None:
    """The attempt ends with it, and with its lines, and claude is not begun; the next one tries again."""
    place = Place(workshop, "echo no such lock; exit 9")
    live = await place.run()
    await place.begin_and_wait(live)
    place.gate.touch()
    result = await (await workshop.attempt(live)).run()
    assert (result.outcome, result.check_output, place.times) == (Outcome.SETUP_FAILED, "no such lock", 1)
    again = await (await workshop.attempt(live, machine="m2")).run()
    assert (again.attempt, again.outcome, place.times) == (2, Outcome.SETUP_FAILED, 2)


@pytest.mark.parametrize("machine", ["m1", "m2"])
async def test_a_killed_orchestrator(workshop: Workshop, machine: str) -> None:
    """The next one's session goes on with it; where it is placed elsewhere, nothing of the first is left."""
    place = Place(workshop)
    await place.begin_and_wait(await place.run())
    record = next((place.root / ".miyabi/runs/r1/ahead").iterdir())
    record.write_text(json.dumps(json.loads(record.read_text()) | {"pid": 1}))
    live = await place.run()
    await place.begin(live)
    attempt = await workshop.attempt(live, machine=machine)
    place.gate.touch()
    assert (await attempt.run()).outcome is Outcome.SUCCEEDED
    assert place.times == (1 if machine == "m1" else 2)
    assert place.checkout().exists() is (machine == "m1")
    assert await place.state() is State.EXITED


async def test_one_in_vain_is_abandoned(workshop: Workshop) -> None:
    """It ends, its checkout is removed, and a request that was long on its way begins nothing there."""
    place = Place(workshop)
    live = await place.run()
    await place.begin_and_wait(live)
    await abandon_ahead(live, live.machines["m1"], "a")
    assert await place.state() is State.EXITED
    assert not place.checkout().exists()
    live.folder.ahead_file("a").unlink()
    await place.begin(live)
    assert (await place.state(), place.times) == (State.EXITED, 1)


async def test_links_that_drop(workshop: Workshop) -> None:
    """It is asked for again, and is one; where it never came there, the session is set up in its slot."""
    place = Place(workshop)
    place.gate.touch()
    live = await place.run()
    workshop.trip(live, " ahead r1.a.0", ConnectionDropped, ConnectionDropped)
    await place.begin_and_wait(live)
    assert (await (await workshop.attempt(live)).run()).outcome is Outcome.SUCCEEDED
    assert place.times == 1


async def test_a_link_that_is_gone(workshop: Workshop) -> None:
    """Where the request never came there, the session is set up in its slot, with the files that were copied."""
    place = Place(workshop)
    place.gate.touch()
    live = await place.run()
    workshop.trip(live, " ahead r1.a.0", *[ConnectionDropped] * 4)
    with pytest.raises(ConnectionDropped):
        await place.begin(live)
    assert await place.state() is State.NONE
    assert (await (await workshop.attempt(live)).run()).outcome is Outcome.SUCCEEDED
    assert (place.log(live, "check"), place.times) == ("KEY=one\n", 1)


async def test_stop_and_sweep_end_it(workshop: Workshop) -> None:
    """Neither leaves anything that runs, or a checkout."""
    place = Place(workshop)
    live = await place.run()
    await place.begin_and_wait(live)
    assert await stop_sessions(live) == ((), ())
    assert (await place.state(), place.checkout().exists()) == (State.EXITED, False)
    live.folder.ahead_file("a").unlink()
    place.begun.unlink()
    await place.begin(live, "m2")
    eventually(lambda: place.times == 1)
    machine = live.machines["m2"]
    swept = await sweep_machine(
        machine, LocalHost("m2"), live.repository, run="r1", settings=live.settings, is_known=False
    )
    assert (swept.is_clean, swept.sentence) == (True, "m2: swept, 0 sessions")
    assert (await place.state("m2"), place.alone.exists()) == (State.NONE, False)


@pytest.mark.parametrize("reason", ["one slot", "a command", "a file", "a value", "no set-up"])
async def test_where_nothing_is_set_up_ahead(workshop: Workshop, reason: str) -> None:
    """Not where nothing runs beside anything, nor where something could ask for what is another session's then."""
    place = Place(workshop)
    place.configure(": $MIYABI_CACHE" + ("; : $MIYABI_PORT" if reason == "a command" else ""))
    if reason == "no set-up":
        (place.root / ".miyabi/config.toml").write_text("")
    commit(place.root, {"bin/prepare": "echo $MIYABI_CACHE" + (" $MIYABI_SLOT" if reason == "a file" else "")})
    environment = {"X": "a-$MIYABI_SLOT"} if reason == "a value" else {}
    fields = {"slots": 1 if reason == "one slot" else 2, "environment": environment}
    live = await workshop.run(workshop.machine("m1", **fields))
    await place.begin(live)
    assert await place.state() is State.NONE
    assert not live.folder.ahead_file("a").exists()
    assert git(place.root, "status", "--porcelain") == ""
