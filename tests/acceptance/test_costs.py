"""What sessions of the real claude cost that did not end by themselves, against what the scripted API served."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from miyabi.runs import Run
from miyabi.sessions import Outcome, SessionResult
from tests.support.claude.messages_api import MessagesApi
from tests.support.claude.processes import are_kept, claudes_at_a_gate
from tests.support.claude.real import claude_binary, claude_environment
from tests.support.values.runs import AWAY, Workshop, workshop  # noqa: F401 - a fixture

CENT = 0.005


def seeded(seed: int) -> Mapping[int, Mapping[str, int]]:
    """Tokens of answers that cost from cents to a dollar."""
    dice = random.Random(seed)  # noqa: S311 - figures of a test
    return {
        number: {
            "input_tokens": dice.randint(1, 20_000),
            "output_tokens": dice.randint(1, 30_000),
            "cache_read_input_tokens": dice.randint(0, 400_000),
            "cache_creation_input_tokens": dice.randint(0, 60_000),
        }
        for number in range(100)
    }


@dataclass(frozen=True, kw_only=True)
class ClaudeWorkshop:
    """A workshop whose one machine runs the real claude."""

    workshop: Workshop
    api: MessagesApi

    @property
    def home(self) -> Path:
        """Of the sessions."""
        return self.workshop.folder / "agent"

    async def live(self, *, patience: float = 60, **node: Any) -> Run:
        """An orchestrator's run of the one task."""
        gates = {"SCRIPTED_GATES": str(self.workshop.folder / "bin" / "gates")}
        environment = claude_environment(self.api.url, home=self.home) | gates
        machine = self.workshop.machine(claude=str(claude_binary()), environment=environment)
        task = {"prompt": "[[scenario:gate:go]]", "allowed_tools": ["Bash"]} | node
        return await self.workshop.run(machine, patience=patience, **task)

    @property
    def served_usd(self) -> float:
        """What the API has served."""
        return sum(answer.usd for answer in self.api.served)

    async def at_the_gate(self) -> int:
        """The claude of the session, once a tool of it waits and its transcript has the answer that asked for that."""
        async with asyncio.timeout(240):
            while not (found := claudes_at_a_gate(self.workshop.folder)) or not self._are_kept():
                await asyncio.sleep(0.05)
        (pid,) = found
        return pid

    def _are_kept(self) -> bool:
        return are_kept(self.home / ".claude", len(self.api.served))


@pytest.fixture(params=[1, 2, 3])
def claude_workshop(workshop: Workshop, request: pytest.FixtureRequest) -> Iterator[ClaudeWorkshop]:
    """A workshop with the real claude, whose API has the figures of a seed."""
    figures = seeded(request.param)
    with MessagesApi(usage=figures.__getitem__) as api:
        yield ClaudeWorkshop(workshop=workshop, api=api)


async def attempted(claude_workshop: ClaudeWorkshop, live: Run, *, conversation: str | None = None) -> SessionResult:
    """The task's next attempt, seen to its end."""
    spec = await live.spec(live.dag.by_id["a"], attempt=live.resume.attempts("a") + 1, conversation=conversation)
    attempt = await claude_workshop.workshop.attempt(live)
    attempt.spec = spec
    attempt.__post_init__()
    return await attempt.run()


async def ended_by(
    claude_workshop: ClaudeWorkshop,
    live: Run,
    number: signal.Signals,
    *,
    conversation: str | None = None,
    forget: bool = False,
) -> SessionResult:
    """An attempt whose claude gets a signal while its second tool runs."""
    attempt = asyncio.create_task(attempted(claude_workshop, live, conversation=conversation))
    pid = await claude_workshop.at_the_gate()
    if forget:
        shutil.rmtree(claude_workshop.home / ".claude" / "projects")
    os.kill(pid, number)
    return await attempt


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_ended_by_a_signal(claude_workshop: ClaudeWorkshop, number: signal.Signals) -> None:
    """TERM and KILL: the transcript survives, and the cost is what was served, to the cent."""
    result = await ended_by(claude_workshop, await claude_workshop.live(), number)
    assert result.outcome is Outcome.KILLED
    assert result.cost_usd == pytest.approx(claude_workshop.served_usd, abs=CENT)
    assert (result.cost_is_partial, len(claude_workshop.api.served)) == (False, 2)


async def test_ended_by_its_time_limit(claude_workshop: ClaudeWorkshop) -> None:
    """A session that ran into its time limit costs what was served, or is told to cost at least what was kept."""
    result = await attempted(claude_workshop, await claude_workshop.live(timeout_minutes=0.15))
    assert result.outcome is Outcome.TIMED_OUT
    assert result.cost_usd < claude_workshop.served_usd + CENT
    is_exact = result.cost_usd == pytest.approx(claude_workshop.served_usd, abs=CENT)
    assert is_exact or result.cost_is_partial  # a slow machine may reach the limit before the session is at its gate
    assert is_exact or not claude_workshop._are_kept()


async def test_a_link_that_drops_before_the_transcript_is_read(claude_workshop: ClaudeWorkshop) -> None:
    """The transcript is read once the machine is back, so the cost is what was served, to the cent."""
    live = await claude_workshop.live()
    host = claude_workshop.workshop.trip(live, "/bin/sh -s", *AWAY)
    result = await ended_by(claude_workshop, live, signal.SIGKILL)
    assert result.cost_usd == pytest.approx(claude_workshop.served_usd, abs=CENT)
    assert (result.cost_is_partial, host.trips) == (False, {})


async def test_without_its_transcript(claude_workshop: ClaudeWorkshop) -> None:
    """Where nothing is left of the transcript it cost at least what the stream tells, and that is said."""
    result = await ended_by(claude_workshop, await claude_workshop.live(), signal.SIGKILL, forget=True)
    assert result.cost_is_partial
    assert 0 < result.cost_usd <= claude_workshop.served_usd


async def test_a_request_that_is_under_way(claude_workshop: ClaudeWorkshop) -> None:
    """What the API was asked and had not answered may have cost something: it is said."""
    live = await claude_workshop.live(prompt="[[scenario:hang]]", timeout_minutes=0.1)
    result = await attempted(claude_workshop, live)
    assert (result.outcome, result.cost_usd, result.cost_is_partial) == (Outcome.TIMED_OUT, 0.0, True)


async def test_a_link_that_was_lost(claude_workshop: ClaudeWorkshop) -> None:
    """Of a session whose machine does not answer any more it is said that it cost at least that."""
    live = await claude_workshop.live(patience=1)
    attempt = asyncio.create_task(attempted(claude_workshop, live))
    await claude_workshop.at_the_gate()
    stream = live.folder.attempt("a") / "stdout.jsonl"
    async with asyncio.timeout(240):
        while '"type":"assistant"' not in stream.read_text(errors="replace"):
            await asyncio.sleep(0.05)
    claude_workshop.workshop.switch(live, away=True)
    result = await attempt
    assert result.outcome is Outcome.MACHINE_LOST
    assert result.cost_is_partial
    assert 0 < result.cost_usd <= claude_workshop.served_usd
    claude_workshop.workshop.switch(live, away=False)


@pytest.mark.parametrize(
    "ends",
    [
        (signal.SIGKILL, signal.SIGKILL),
        (signal.SIGKILL, signal.SIGTERM),
        (signal.SIGTERM, signal.SIGKILL, signal.SIGKILL),
    ],
)
async def test_a_conversation_of_many_attempts(
    claude_workshop: ClaudeWorkshop, ends: tuple[signal.Signals, ...]
) -> None:
    """Whatever ended each attempt, each costs what it was served, and nothing is counted twice or lost."""
    live, conversation, before = await claude_workshop.live(), None, 0.0
    for number in ends:
        result = await ended_by(claude_workshop, live, number, conversation=conversation)
        assert result.cost_usd == pytest.approx(claude_workshop.served_usd - before, abs=CENT)
        conversation, before = result.conversation, claude_workshop.served_usd
    claude_workshop.workshop.open_gate()
    last = await attempted(claude_workshop, live, conversation=conversation)
    assert last.outcome is Outcome.SUCCEEDED, last.error_text
    assert last.cost_usd == pytest.approx(claude_workshop.served_usd - before, abs=CENT)
    assert not any(each.cost_is_partial for each in live.folder.results())
