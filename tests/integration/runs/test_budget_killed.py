"""The count of a run whose orchestrators die at any moment, by streams alone: many seeds, and no process."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from miyabi.machines import Machine
from miyabi.runs import AttemptRecord, RunFolder, RunInfo, Spent
from miyabi.runs.costs import Costs
from miyabi.runs.ledger import LEDGER_FILE, SpendingLedger
from miyabi.sessions import Outcome, SessionResult, Usage
from miyabi.settings import BudgetSettings
from tests.support.values.specs import session_spec

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
MACHINE = Machine(name="mini1")
RUN_USD, DEAREST_USD, SLOTS, CENT = 5.0, 0.4, 3, 0.005
USD_A_TOKEN = 20e-6


@dataclass(slots=True)
class Session:
    """A claude that goes on whether anybody listens or not, and ends itself when it has spent what it may."""

    task: str
    most_usd: float
    tokens: int = 0

    @property
    def usd(self) -> float:
        """What it has spent."""
        return self.tokens * USD_A_TOKEN


@dataclass
class World:
    """A run, its sessions, and the orchestrator that works on it at the moment."""

    folder: RunFolder
    dice: random.Random
    live: list[Session] = field(default_factory=list)
    over: list[Session] = field(default_factory=list)
    bound_usd: float = 0.0

    def __post_init__(self) -> None:
        self.costs = self.orchestrator()

    def orchestrator(self) -> Costs:
        """Another one, which knows what is on the disk."""
        return Costs(
            folder=self.folder,
            run_id="id",
            budget=BudgetSettings(run_usd=RUN_USD, session_usd=1.5, day_usd=100),
            machines={MACHINE.name: MACHINE},
            results=self.folder.results,
            ledger=SpendingLedger(self.folder.repository / LEDGER_FILE, now=lambda: NOW),
        )

    def start(self) -> None:
        """Begins a session where one may be begun."""
        task = f"t{len(self.live) + len(self.over)}"
        if len(self.live) == SLOTS or self.costs.why_not(task, machine=MACHINE.name):
            return
        session = Session(task, self.costs.allowance(task, account="").usd or 0)
        AttemptRecord(machine=MACHINE.name, start=NOW, base="b").keep(self.folder.attempt(task))
        self.live.append(session)
        self.bound_usd = RUN_USD + sum(each.most_usd + DEAREST_USD for each in self.live)

    def answer(self) -> None:
        """Has a session say one thing more, which the orchestrator may hear, or not yet."""
        if not self.live:
            return
        session = self.dice.choice(self.live)
        tokens = self.dice.randint(1000, int(DEAREST_USD / USD_A_TOKEN))
        usage = {"input_tokens": 0, "output_tokens": tokens}
        text = [{"type": "text", "text": "w"}]
        message = {"id": f"m{session.tokens}", "model": "claude-opus-5-5", "content": text, "usage": usage}
        session.tokens += tokens
        with (self.folder.attempt(session.task) / "stdout.jsonl").open("a") as stream:
            stream.write(json.dumps({"type": "assistant", "message": message}) + "\n")
        if self.dice.random() < 0.7:
            spent = Spent(usd=session.usd, tokens=session.tokens)
            self.costs.note(session_spec(run="r", task=session.task), MACHINE, spent)
        if session.usd >= session.most_usd:
            self.end(session)

    def end(self, session: Session) -> None:
        """Ends a session; its orchestrator may die before the result is kept, and before it is counted."""
        self.live.remove(session)
        self.over.append(session)
        known: Any = {"run": "r", "task": session.task, "machine": MACHINE.name, "start": NOW, "end": NOW}
        usage = Usage(output_tokens=session.tokens)
        result = SessionResult(outcome=Outcome.BUDGET_EXCEEDED, cost_usd=session.usd, usage=usage, **known)
        for step in (self.costs.note_end, self.folder.write_result):
            if self.dice.random() < 0.3:
                self.kill()
                return
            step(result)

    def kill(self) -> None:
        """The orchestrator is gone, with what it had not written; now and then so is the file of the count."""
        if self.dice.random() < 0.3:
            (self.folder.repository / LEDGER_FILE).unlink(missing_ok=True)
        self.costs = self.orchestrator()

    def listen(self) -> None:
        """Hears all that the sessions that live have said, as an orchestrator does that has joined them."""
        for session in self.live:
            spent = Spent(usd=session.usd, tokens=session.tokens)
            self.costs.note(session_spec(run="r", task=session.task), MACHINE, spent)


@pytest.mark.parametrize("seed", range(30))
def test_no_cent_is_lost(seed: int, tmp_path: Path) -> None:
    """The count is that of the streams to the cent, and nothing begins beyond what running sessions may spend."""
    folder = RunFolder(tmp_path, "r").create()
    folder.write_info(RunInfo(run="r", id="id", repository=str(tmp_path), base="b", started=NOW))
    world = World(folder, random.Random(seed))  # noqa: S311 - moments and figures of a test
    for _ in range(60):
        weights = (3, 6, 1)
        world.dice.choices((world.start, world.answer, world.kill), weights)[0]()
    world.listen()
    spent = sum(each.usd for each in (*world.live, *world.over))
    assert world.costs.why_not("t", machine=MACHINE.name), "the budget is not used up: nothing is tested"
    assert world.costs.ledger.spent(run="id").usd == pytest.approx(spent, abs=CENT)
    assert world.costs.ledger.spent(account="").usd == pytest.approx(spent, abs=CENT)
    assert spent <= world.bound_usd
