"""`miyabi schedule` says what earlier runs let expect, and what the budgets leave for it."""

from __future__ import annotations

from miyabi.dag import Dag
from miyabi.sessions import Outcome
from tests.support.cli.small_repository import CliRepository, cli_repository  # noqa: F401 - a fixture
from tests.support.values.results import result, run_folder


def test_forecast(cli_repository: CliRepository) -> None:
    """Median and p90 of cost and time by type, from how many tasks and runs, and for all; then what is spent."""
    earlier = Dag.from_text('{"nodes": [{"id": "a", "type": "bug"}, {"id": "b", "type": "bug"}]}')
    results = [result("a", cost_usd=2.0), result("b", Outcome.MAX_TURNS, cost_usd=1.0, seconds=180)]
    run_folder(cli_repository.repository, "r1", earlier, *results)
    tasks = cli_repository.dag({"id": "x", "type": "bug"}, {"id": "y", "type": "docs", "estimated_duration": 1})
    cli_repository.configure("[budget]\nrun_usd = 1.6\nday_usd = 4\nsession_usd = 1\n")
    said = cli_repository.miyabi("schedule", tasks)
    assert said.returncode == 0, said
    one, all_of_it, run, day = [line for line in said.stdout.splitlines() if line.startswith(("forecast", "budget"))]
    figures = "1.50 USD (p90 2.00), 2 min 00 s (p90 3 min 00 s)"
    assert one == f"forecast       a bug task: {figures}; by 2 tasks in 1 run, for 1 task here"
    but = "without the cost of 1 task of types that no earlier run had"
    assert all_of_it == f"forecast       all of it: {figures}; {but}"
    assert run == "budget         run: 0.00 of 1.60 USD are spent; less is left than the p90 of the forecast"
    assert day == "budget         day: 0.00 of 4.00 USD are spent"
