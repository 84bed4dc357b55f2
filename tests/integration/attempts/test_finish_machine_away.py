"""A machine that goes away when a session is over, between any two of the calls that fetch what it left."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence

import pytest

from miyabi.errors import ConnectionDropped, HostKeyRefused, MachineError, MachineUnreachable, MiyabiError
from miyabi.machines import Completed, Host, open_host
from miyabi.runs import Run
from miyabi.sessions import Outcome, SessionResult
from tests.support.machines import sshd as fleets
from tests.support.machines.sshd import FleetHost, SshdFleet
from tests.support.values.runs import AWAY, SwitchedHost, Workshop, workshop  # noqa: F401 - a fixture

sshd_fleet = fleets.sshd_fleet

COLLECT, CHECK_LOG, DECLARED, STOP = " collect ", " log r1.a.1", "exec head", " cancel r1.a.1"


async def ended(workshop: Workshop, live: Run) -> tuple[SessionResult, list[MiyabiError]]:
    """The result of the task's next attempt, whose session does not wait; and what was waited for."""
    workshop.open_gate()
    waits: list[MiyabiError] = []
    attempt = await workshop.attempt(live)
    attempt.on_wait = waits.append
    return await attempt.run(), waits


@pytest.mark.parametrize("call", [COLLECT, CHECK_LOG, DECLARED])
async def test_a_machine_that_is_away_for_a_moment(workshop: Workshop, call: str) -> None:
    """Whatever it looks like and whichever call meets it, the outcome is as without, and the wait is told."""
    live = await workshop.run(check="echo checked")
    host = workshop.trip(live, call, *AWAY)
    result, waits = await ended(workshop, live)
    assert (result.outcome, result.attempt, result.changes.files) == (Outcome.SUCCEEDED, 1, ("a.txt",))
    assert (live.folder.attempt("a") / "check.log").read_bytes() == b"checked\n"
    assert (host.trips, {type(error) for error in waits} <= set(AWAY), bool(waits)) == ({}, True, True)
    assert workshop.calls() == ["r1.a.1"]


@pytest.mark.parametrize("errors", [[each] * 6 for each in AWAY])
async def test_each_way_to_be_away(workshop: Workshop, errors: list[type[MachineError]]) -> None:
    """A machine that stays away in one and the same way, longer than the calls themselves are patient."""
    live = await workshop.run()
    workshop.trip(live, CHECK_LOG, *errors)
    result, _ = await ended(workshop, live)
    assert result.outcome is Outcome.SUCCEEDED


async def test_a_supervisor_that_was_killed(workshop: Workshop) -> None:
    """A session that nobody watches any more is ended over a link that drops; its work, and all it said, is here."""
    live = await workshop.run()
    out = workshop.folder / "m1/sessions/r1.a.1/out"

    def says_more(*words: object, **more: object) -> MachineError:
        with out.open("ab") as stream:
            stream.write(b"until it is ended\n")
        return ConnectionDropped(*words, **more)

    workshop.trip(live, STOP, says_more, *AWAY)
    async with workshop.running(await workshop.attempt(live)) as task:
        (workshop.folder / "m1/checkouts/r1/a/a/half.txt").write_text("half\n")
        claim = workshop.folder / "m1/sessions/r1.a.1/claim"
        os.kill(int(claim.read_text().split()[0]), signal.SIGKILL)
        result = await task
    assert (result.outcome, result.is_collected, result.changes.files) == (Outcome.MACHINE_LOST, True, ("half.txt",))
    said = (live.folder.attempt("a") / "stdout.jsonl").read_bytes()
    assert said.endswith(b"until it is ended\n")
    assert said == out.read_bytes()


@pytest.mark.parametrize("call", [COLLECT, CHECK_LOG, DECLARED])
async def test_a_machine_that_stays_away(workshop: Workshop, call: str) -> None:
    """When patience is over it is told where the work is and how to go on; the next run fetches it, once."""
    live = await workshop.run(patience=0.5)
    workshop.trip(live, call, *[MachineUnreachable] * 1000)
    result, _ = await ended(workshop, live)
    assert result.outcome is Outcome.NOT_COLLECTED
    assert "on m1; once that is mended: miyabi orchestrate --run r1" in str(result.error_text)
    again, _ = await ended(workshop, await workshop.run())
    assert (again.outcome, again.attempt, again.changes.files) == (Outcome.SUCCEEDED, 1, ("a.txt",))
    assert workshop.calls() == ["r1.a.1"]


async def test_what_does_not_pass_is_not_waited_for(workshop: Workshop) -> None:
    """Trouble that stays, as a host key that changed, is told at once."""
    live = await workshop.run()
    workshop.trip(live, CHECK_LOG, HostKeyRefused)
    result, waits = await ended(workshop, live)
    assert (result.outcome, waits) == (Outcome.NOT_COLLECTED, [])


async def test_the_board_says_what_is_waited_for(workshop: Workshop) -> None:
    """While a machine is away the task is shown as collecting, with the reason."""
    live = await workshop.run()
    workshop.trip(live, CHECK_LOG, ConnectionDropped, *[MachineUnreachable] * 2)
    shown: list[str] = []
    workshop.open_gate()
    attempt = await workshop.attempt(live)
    attempt.on_wait = lambda _: shown.extend(f"{row.state}: {row.last_action}" for row in live.board.snapshot().rows)
    await attempt.run()
    assert set(shown) == {"collecting: waits: m1: tripped"}


class CutHost:
    """A real host of which something is done to its sshd before the first command that has that text in it.

    `back` is called after the first failure.
    """

    def __init__(self, host: Host, there: FleetHost, text: str) -> None:
        self._host, self._there, self._text = host, there, text
        self.name, self.stream, self.close = host.name, host.stream, host.close
        self.failures = 0

    async def run(self, words: Sequence[str], **options: object) -> Completed:
        """The command, over whatever is left of the link."""
        if self._text and self._text in " ".join(words):
            self._text = ""
            await asyncio.to_thread(self._there.stop_sshd)
            await asyncio.to_thread(self._there.kill_connections)
        try:
            return await self._host.run(words, **options)  # type: ignore[arg-type] # as they came
        except MachineError:
            self.failures += 1
            if self.failures == 1:
                await asyncio.to_thread(self._there.start_sshd)
            raise


@pytest.mark.parametrize("call", [COLLECT, CHECK_LOG, DECLARED])
async def test_an_sshd_that_is_away_for_over_three_seconds(
    workshop: Workshop, sshd_fleet: SshdFleet, call: str
) -> None:
    """It and its connections are gone when a session is over: the outcome is as without."""
    there = sshd_fleet[0]
    machine = there.machine(name="m1", workspace=str(workshop.folder / "m1"), claude=str(workshop.claude))
    live = await workshop.run(machine)
    host = CutHost(open_host(machine), there, call)
    live._connections._hosts["m1"] = host  # type: ignore[assignment] # what is called of a host it has
    try:
        result, waits = await ended(workshop, live)
    finally:
        await live.close()
        there.restart_sshd()
    assert (result.outcome, result.attempt) == (Outcome.SUCCEEDED, 1), result.error_text
    assert waits
    assert workshop.calls() == ["r1.a.1"]
