"""Budgets of runs whose sessions and orchestrators are killed, through the whole command."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from miyabi.runs.ledger import LEDGER_FILE, SpendingLedger
from miyabi.sessions import Outcome
from tests.support.claude.processes import claudes_at_work
from tests.support.cli.sshd_site import SLOTS, Command, Site, make_site
from tests.support.machines.processes import eventually
from tests.support.prefect.server import RealServer, prefect_database, prefect_server  # noqa: F401 - fixtures

CENT = 0.005
RUN_USD, SESSION_USD, DEAREST_USD = 2.0, 0.6, 0.3
SEEDS = range(int(os.environ.get("BUDGET_SEEDS", "2")))


def usage(dice: random.Random) -> Mapping[str, int]:
    """Tokens of an answer that costs between 6 cents and 30 at 20 USD a million."""
    return {"input_tokens": 0, "output_tokens": dice.randint(3_000, int(DEAREST_USD / 20e-6))}


def killed_at_random(site: Site, command: Command, dice: random.Random) -> Command:
    """Kills claude or the orchestrator after some more answers, and returns the command that goes on with the run."""
    after = len(site.api.served) + dice.randint(1, 4)
    eventually(lambda: len(site.api.served) >= after or not command.runs, why=lambda: command.output)
    if not command.runs:
        return command
    if dice.random() < 0.5:
        for pid in sorted(claudes_at_work(site.fleet.folder))[:1]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return command
    command.kill()
    return site.start("orchestrate", "--run", "r1")


@pytest.mark.parametrize("seed", SEEDS)
def test_a_run_keeps_to_its_budget(seed: int, tmp_path: Path, prefect_server: RealServer) -> None:
    """Killed at any moment, a run spends its budget and at most what the sessions that run then may; all is counted."""
    dice = random.Random(seed)  # noqa: S311 - moments and figures of a test
    nodes = [
        {"id": f"t{n}", "prompt": f"[[scenario:chatty:{dice.randint(1, 4)}]]", "requires": ["second"]}
        | {"model": "claude-opus-5-5", "allowed_tools": ["Bash"]}
        for n in range(9)
    ]
    with make_site(tmp_path, prefect_server, usage=lambda _: usage(dice)) as site:
        site.write_config(
            runs={"retry_delay_seconds": 0}, budget={"run_usd": RUN_USD, "session_usd": SESSION_USD, "day_usd": 1000}
        )
        command = site.orchestrate(nodes)
        for _ in range(4):
            command = killed_at_random(site, command, dice)
        assert command.wait() == 1
        results, report = site.run_folder().results(), site.report()
        served = sum(each.usd for each in site.api.served)
        ledger = SpendingLedger(site.folder / "home" / ".miyabi" / LEDGER_FILE)
        counted = ledger.spent(run=site.run_folder().info().id)
    assert counted.usd == pytest.approx(sum(each.cost_usd for each in results), abs=CENT)
    assert counted == ledger.spent(account=site.fleet.tag, day=ledger.today)
    assert report.cost_usd == pytest.approx(counted.usd, abs=CENT)
    if not report.cost_is_partial:
        assert counted.usd == pytest.approx(served, abs=CENT)
    assert RUN_USD - SESSION_USD < served <= RUN_USD + SLOTS[1] * (SESSION_USD + DEAREST_USD)
    waited = [each for each in report.troubles if each.outcome is Outcome.NOT_STARTED]
    assert waited
    assert all(each.text.startswith("budget: ") for each in waited)
    assert any(row.setting == "run_usd" and row.is_used_up for row in report.budgets)
