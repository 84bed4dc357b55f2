"""The budget of a task whose sessions are killed, through the whole command."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from miyabi.sessions import Outcome
from tests.support.claude.processes import are_kept, claudes_at_a_gate
from tests.support.cli.sshd_site import Site, make_site
from tests.support.prefect.server import RealServer, prefect_database, prefect_server  # noqa: F401 - fixtures

BUDGET_USD = 2.0


def killer(site: Site, over: threading.Event) -> None:
    """Kills every claude that has a tool which waits at a gate, once its transcript has all that was said."""
    while not over.wait(0.1):
        served = len(site.api.served)
        for pid in claudes_at_a_gate(site.fleet.folder):
            if served == len(site.api.served) and are_kept(site.fleet.folder, served):
                os.kill(pid, signal.SIGKILL)


def killed_again_and_again(site: Site, node: Mapping[str, Any]) -> int:
    """The exit code of a run of that task, whose sessions are killed at the gate."""
    over = threading.Event()
    thread = threading.Thread(target=killer, args=(site, over))
    thread.start()
    try:
        command = site.orchestrate([node])
        return command.wait()
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize(
    ("output_tokens", "attempts", "kind"),
    [(49_900, 1, "BudgetSpent"), (35_000, 2, "max_budget_usd"), (24_950, 2, "BudgetSpent")],
)
def test_attempts_share_a_budget(
    output_tokens: int, attempts: int, kind: str, tmp_path: Path, prefect_server: RealServer
) -> None:
    """However often it is killed, a task spends its budget and at most one answer more; the report says what it was."""
    tokens = {"input_tokens": 0, "output_tokens": output_tokens}
    answer_usd = output_tokens * 20e-6
    node = {"id": "a", "prompt": "[[scenario:gate:go]]", "allowed_tools": ["Bash"], "max_budget_usd": BUDGET_USD}
    node |= {"model": "claude-opus-5-5", "requires": ["first"]}
    with make_site(tmp_path, prefect_server, usage=lambda _: tokens) as site:
        site.write_config(runs={"max_attempts": 9, "retry_delay_seconds": 0})
        assert killed_again_and_again(site, node) == 1
        results, report = site.run_folder().results(), site.report()
        served = sum(each.usd for each in site.api.served)
    assert [each.outcome for each in results][-1] is Outcome.BUDGET_EXCEEDED
    assert (sum(each.start is not None for each in results), results[-1].error_kind) == (attempts, kind)
    assert served == pytest.approx(report.cost_usd, abs=0.005)
    assert BUDGET_USD - 0.01 <= served < BUDGET_USD + answer_usd
    assert not report.cost_is_partial
