"""Budgets in whole runs with a scripted claude, each of whose sessions costs 5 cents."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from miyabi.runs import Spent
from miyabi.runs.ledger import LEDGER_FILE, LedgerEntry, SpendingLedger
from miyabi.sessions import Outcome
from tests.support.cli.local_site import LocalSite, make_local_site
from tests.support.prefect.server import RealServer, prefect_database, prefect_server  # noqa: F401 - fixtures


def accounts(site: LocalSite) -> str:
    """The fleet with a slot each, of two accounts."""
    machines = zip(site.machines, ("ours", "theirs"), strict=True)
    return json.dumps([each.model_copy(update={"slots": 1, "account": name}).model_dump() for each, name in machines])


def test_a_day_of_an_account(tmp_path: Path, prefect_server: RealServer) -> None:
    """Its machines take no more, those of another go on; what waits ends with the reason, in the next run at once."""
    with make_local_site(tmp_path, prefect_server) as site:
        site.write_config(budget={"day_usd": 0.12})
        nodes = [{"id": f"t{n}", "prompt": "[[scenario:write]]"} for n in range(8)]
        last = {"id": "after", "dependencies": [node["id"] for node in nodes]}
        first = site.orchestrate([*nodes, last], MIYABI_MACHINES=accounts(site))
        assert first.wait() == 1
        found = Counter((result.machine, result.outcome) for result in site.run_folder().results())
        again = site.start("orchestrate", "--run", "r1", MIYABI_MACHINES=accounts(site))
        assert again.wait() == 1
        results, report = site.run_folder().latest_results(), site.report()
        limits = {call["words"][call["words"].index("--max-budget-usd") + 1] for call in site.calls}
    one, other = (machine.name for machine in site.machines)
    assert found.pop((None, Outcome.SKIPPED), 0) <= 1
    assert found == {(one, Outcome.SUCCEEDED): 3, (other, Outcome.SUCCEEDED): 3, (None, Outcome.NOT_STARTED): 2}
    waits = [result.error_text or "" for result in results.values() if result.outcome is Outcome.NOT_STARTED]
    assert len(waits) == 2
    assert all(text.startswith("budget: 0.15 of 0.12 USD of the day of account ") for text in waits)
    assert (report.succeeded, report.failed, report.skipped, report.cost_usd) == (6, 2, 1, 0.3)
    assert limits == {"0.12", "0.07", "0.02"}
    assert "Traceback" not in first.output + again.output


def test_a_task_goes_to_the_one_account_that_has_something_left(tmp_path: Path, prefect_server: RealServer) -> None:
    """It is the last of three: what was used up before it is not asked twice."""
    with make_local_site(tmp_path, prefect_server) as site:
        site.write_config(budget={"day_usd": 1})
        fleet = [site.machines[0].model_copy(update={"name": f"{name}-3", "account": name}) for name in "abc"]
        fleet = [each.model_copy(update={"workspace": f"{each.workspace}-{each.name}"}) for each in fleet]
        used = [LedgerEntry(run=name, session="t.1", task="t", account=name, spent=Spent(usd=1)) for name in "ab"]
        ledger = SpendingLedger(tmp_path / "home" / ".miyabi" / LEDGER_FILE)
        ledger.take_in(used, days=[ledger.today] * 2)
        machines = json.dumps([each.model_dump() for each in fleet])
        node = {"id": "t", "prompt": "[[scenario:write]]"}
        site.orchestrate([node], MIYABI_MACHINES=machines).succeeds()
        (only,) = site.run_folder().results()
    assert only.machine == fleet[-1].name


TALKS = """#!/bin/sh
case $* in *--version*) echo '2.1.332 (Claude Code)'; exit ;; 'auth status') echo '{"loggedIn":true}'; exit ;; esac
cat >/dev/null; echo more >> t.txt; git add t.txt; git commit -q -m more
id='"session_id": "11111111-1111-4111-8111-111111111111"'
echo '{"type": "system", "subtype": "init", '"$id"', "tools": [], "model": "m"}'
echo '{"type": "result", "subtype": "success", "is_error": false, "num_turns": 2, "total_cost_usd": 0.05, '"$id"'}'
"""


def test_nothing_is_mended_without_a_budget(tmp_path: Path, prefect_server: RealServer) -> None:
    """A red check stays as it is where nothing is left for a fix-up, and is mended when there is more."""
    with make_local_site(tmp_path, prefect_server) as site:
        site.claude.write_text(TALKS)
        site.write_config(budget={"run_usd": 0.055})
        node = {"id": "t", "prompt": "Do it.", "check": f"test -e {tmp_path}/mended"}
        assert site.orchestrate([node]).wait() == 1
        (red,) = site.run_folder().results()
        assert any("it got no fix-up: budget: 0.05 of " in warning for warning in site.report().warnings)
        assert site.start("orchestrate", "--run", "r1").wait() == 1
        assert site.run_folder().results() == (red,)
        assert any(warning.startswith("t was not tried again: budget: ") for warning in site.report().warnings)
        (tmp_path / "mended").touch()
        site.write_config(budget={"run_usd": 0.2})
        site.start("orchestrate", "--run", "r1").succeeds()
        *_, mended = site.run_folder().results()
    assert (red.outcome, mended.outcome, mended.fix_ups) == (Outcome.CHECK_FAILED, Outcome.SUCCEEDED, 1)


GOES_ON_AND_ON = """#!/bin/sh
case $* in *--version*) echo '2.1.332 (Claude Code)'; exit ;; 'auth status') echo '{"loggedIn":true}'; exit ;; esac
cat >/dev/null; echo more >> t.txt; git add t.txt; git commit -q -m more
usage='"usage": {"input_tokens": 100, "output_tokens": 20, "cache_read_input_tokens": 880}'
text='"content": [{"type": "text", "text": "w"}]'
echo '{"type": "assistant", "message": {"id": "m1", "model": "claude-opus-5-5", '"$text, $usage"'}}'
exec sleep 240
"""


def test_tokens(tmp_path: Path, prefect_server: RealServer) -> None:
    """A session that has used up its tokens is ended, and its work is collected."""
    with make_local_site(tmp_path, prefect_server) as site:
        site.claude.write_text(GOES_ON_AND_ON)
        site.write_config(budget={"run_tokens": 1000})
        command = site.orchestrate([{"id": "t", "prompt": "Do it."}], MIYABI_MACHINES=accounts(site))
        assert command.wait(seconds=200) == 1
        (ended,) = site.run_folder().results()
    assert (ended.outcome, ended.error_kind) == (Outcome.BUDGET_EXCEEDED, "budget.run_tokens")
    assert (ended.usage.total, ended.changes.commits) == (1000, 1)
