"""What the budgets leave for the next session, from results, streams and what other runs have spent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from miyabi.machines import Machine
from miyabi.runs import AttemptRecord, BudgetUse, MilestoneRun, RunFolder, RunInfo, is_of_shared_budget
from miyabi.runs.costs import Allowance, Costs
from miyabi.runs.ledger import LEDGER_FILE, LedgerEntry, SpendingLedger
from miyabi.sessions import Outcome, SessionResult, Usage
from miyabi.settings import BudgetSettings

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
MACHINES = {"mini1": Machine(name="mini1", account="a"), "mini2": Machine(name="mini2", account="b")}
HEAD = "0123456789"


def folder_of(root: Path, run: str, *, milestone: int = 0, rehearse: bool = False) -> RunFolder:
    """The folder of a run that began."""
    folder = RunFolder(root, run).create()
    base: Any = {"repository": str(root), "base": HEAD, "started": NOW, "rehearse": rehearse}
    folder.write_info(RunInfo(run=run, id=f"id-{run}", **base))
    if milestone:
        folder.keep(MilestoneRun(repository="acme/app", number=milestone, title="M"))
    return folder


def spend(folder: RunFolder, task: str, usd: float, *, attempt: int = 1, machine: str = "mini1") -> SessionResult:
    """The result of an attempt that has cost so much, in that folder."""
    known: Any = {"run": folder.run, "task": task, "attempt": attempt, "machine": machine, "start": NOW, "end": NOW}
    usage = Usage(output_tokens=int(usd * 1000))
    result = SessionResult(outcome=Outcome.KILLED, cost_usd=usd, usage=usage, **known)
    folder.write_result(result)
    return result


def costs(folder: RunFolder, **budget: float) -> Costs:
    """Those of a run with that budget, as an orchestrator that has just begun has them."""
    return Costs(
        folder=folder,
        run_id=f"id-{folder.run}",
        budget=BudgetSettings.model_validate(budget),
        machines=MACHINES,
        results=folder.results,
        ledger=SpendingLedger(folder.repository / LEDGER_FILE, now=lambda: NOW),
        counts=not folder.info().rehearse,
    )


def test_no_budget(tmp_path: Path) -> None:
    """Nothing is asked, and no file is made."""
    ours = costs(folder_of(tmp_path, "r1"))
    assert (ours.why_not_admitted("t"), ours.allowance("t"), ours.use()) == ("", Allowance(), None)
    assert not (tmp_path / LEDGER_FILE).exists()


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        ({"task_usd": 0.9}, "budget: 1.00 of 0.90 USD of the task t are spent; raise budget.task_usd"),
        ({"task_tokens": 1000}, "budget: 1,000 of 1,000 tokens of the task t are spent; raise budget.task_tokens"),
        ({"run_usd": 1.5}, "budget: 1.50 of 1.50 USD of the run are spent; raise budget.run_usd"),
        ({"milestone_usd": 3}, "budget: 3.50 of 3.00 USD of the milestone are spent; raise budget.milestone_usd"),
        (
            {"day_usd": 2},
            "budget: 3.00 of 2.00 USD of the day of account a are spent; raise budget.day_usd, or wait for tomorrow",
        ),
        ({"task_usd": 1.1, "run_usd": 1.6, "milestone_usd": 3.6, "day_usd": 3.1, "session_usd": 0.01}, ""),
    ],
)
def test_what_is_used_up(tmp_path: Path, budget: Mapping[str, float], expected: str) -> None:
    """A task has its reviews and mended merges in its budget, a milestone its nights, an account its runs of today."""
    last_night, other = folder_of(tmp_path, "r0", milestone=7), folder_of(tmp_path, "r2", milestone=8)
    ours = folder_of(tmp_path, "r1", milestone=7)
    spend(last_night, "t", 2.0)
    spend(other, "t", 0.5, machine="mini2")
    for session, usd in (("t", 0.5), (f"_review-t-{HEAD[:8]}", 0.25), (f"_resolve-t-{HEAD[:8]}", 0.25)):
        spend(ours, session, usd)
    spend(ours, "u", 0.5, machine="mini2")
    assert costs(ours, **budget).why_not_admitted("t", machine="mini1") == expected


def test_the_least_of_all_budgets_is_left(tmp_path: Path) -> None:
    """Dollars and tokens each; never less than an answer costs; a day counts where the machine is known."""
    ours = folder_of(tmp_path, "r1")
    spend(ours, "t", 1.0)
    found = costs(ours, session_usd=5, run_usd=3, day_usd=2.5, run_tokens=1500).allowance("t", account="a")
    assert found == Allowance(usd=1.5, usd_setting="day_usd", tokens=500, tokens_setting="run_tokens")
    assert costs(ours, session_usd=5, run_usd=3, day_usd=2.5).allowance("t").usd_setting == "run_usd"
    assert costs(ours, run_usd=1).allowance("t").usd == 0.01


def test_a_session_that_is_joined_keeps_what_it_may_spend(tmp_path: Path) -> None:
    """What it has spent itself is not taken off a second time."""
    ours = folder_of(tmp_path, "r1")
    spend(ours, "t", 1.0)
    spend(ours, "u", 0.5)
    found = costs(ours, run_usd=3, run_tokens=2000, session_tokens=1800)
    assert found.allowance("t", account="a", attempt=2) == found.allowance("t")
    joined = found.allowance("t", account="a", attempt=1)
    assert (joined.usd, joined.tokens, joined.tokens_setting) == (2.5, 1500, "run_tokens")


def test_a_stream_counts_that_nobody_saw_to_its_end(tmp_path: Path) -> None:
    """An orchestrator that was killed before it noted anything has the session's stream in its folder."""
    lost, ours = folder_of(tmp_path, "r0"), folder_of(tmp_path, "r1")
    attempt = lost.attempt("t")
    AttemptRecord(machine="mini1", start=NOW, base=HEAD).keep(attempt)
    said = {
        "type": "assistant",
        "message": {"id": "m1", "model": "claude-opus-5-5", "content": [{"type": "text", "text": "w"}]},
    }
    said["message"] |= {"usage": {"input_tokens": 0, "output_tokens": 50_000}}
    (attempt / "stdout.jsonl").write_text(json.dumps(said) + "\n")
    found = costs(ours, day_usd=5)
    assert found.why_not("t", machine="mini1") is None
    assert found.ledger.spent(run="id-r0").usd == pytest.approx(1.0)
    assert [each.session for each in found.ledger.unfinished()] == ["t.1"]


def test_a_session_of_another_repository_is_followed_up(tmp_path: Path) -> None:
    """What it spent after its orchestrator's last word is read where its folder is."""
    (tmp_path / "other").mkdir()
    theirs, ours = folder_of(tmp_path / "other", "r0"), folder_of(tmp_path, "r1")
    spend(theirs, "t", 2.0)
    found = costs(ours, day_usd=5)
    known: Any = {"run": "id-r0", "session": "t.1", "task": "t", "account": "a"}
    found.ledger.note(LedgerEntry(**known, folder=str(theirs.attempt("t"))))
    assert found.allowance("t", account="a").usd == 3.0


def test_a_rehearsal_costs_nothing(tmp_path: Path) -> None:
    """Nor is it held back by what was spent."""
    spend(folder_of(tmp_path, "r0"), "t", 2.0)
    assert not costs(folder_of(tmp_path, "r1", rehearse=True), day_usd=1).why_not_admitted("t", machine="mini1")


def test_what_is_shown(tmp_path: Path) -> None:
    """When a session is over, what is spent is shown and kept for the report."""
    folder, shown = folder_of(tmp_path, "r1"), list[str]()
    ours = costs(folder, run_usd=4, day_tokens=9000)
    ours.show = shown.append
    ours.note_end(spend(folder, "t", 1.0).model_copy(update={"head": HEAD}))
    assert shown == [
        "run: 1.00 of 4.00 USD; day of account a: 1,000 of 9,000 tokens; day of account b: 0 of 9,000 tokens"
    ]
    kept = folder.load(BudgetUse)
    assert kept
    assert [(row.setting, row.rest) for row in kept.rows][:2] == [("run_usd", 3.0), ("day_tokens", 8000.0)]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("NotAdmitted", True), ("budget.run_usd", True), ("budget.day_usd", True), ("budget.task_usd", False)],
)
def test_whose_fault_it_is(kind: str, *, expected: bool) -> None:
    """A task that ran into what others had left is to blame for nothing."""
    assert is_of_shared_budget(kind) is expected
    assert not is_of_shared_budget("max_budget_usd")


@pytest.mark.parametrize("words", [None, b"damaged" * 1000])
def test_a_count_that_is_lost_while_the_run_goes_on(tmp_path: Path, words: bytes | None) -> None:
    """It is made anew at the next question, not begun with nothing."""
    folder = folder_of(tmp_path, "r1")
    spend(folder, "t", 1.0)
    ours = costs(folder, run_usd=1)
    before, file = ours.why_not("u"), tmp_path / LEDGER_FILE
    if words:
        file.write_bytes(words)
    else:
        file.unlink()
    assert before
    assert ours.why_not("u") == before


def test_a_stream_that_cannot_be_read(tmp_path: Path) -> None:
    """Nothing begins while it is not known what was spent, and it is said whose."""
    folder = folder_of(tmp_path, "r1")
    (folder.attempt("t", 1) / "stdout.jsonl").mkdir(parents=True)
    reason = costs(folder, run_usd=1).why_not_admitted("t")
    assert reason.startswith("budget: what run r1 has spent cannot be counted: ")


def test_reads_no_more_than_it_needs(tmp_path: Path) -> None:
    """Results of other tasks are read for a conversation alone: else a run of n tasks reads n² of them."""
    folder, asked = folder_of(tmp_path, "r1"), list[str | None]()
    first, last = spend(folder, "t", 1), spend(folder, "t", 0.5, attempt=2)
    spend(folder, "other", 1)
    ours = costs(folder)
    ours.results = lambda task: asked.append(task) or folder.results(task)  # type: ignore[func-returns-value]
    assert (ours.before(None).total_usd, asked) == (0, [])
    assert (ours.whole(last).cost_usd, asked) == (first.cost_usd + last.cost_usd, ["t"])


def test_the_days_of_several_accounts_on_one_machine(tmp_path: Path) -> None:
    """Each is counted alone, by what the results say; the machine is held back when all of them are spent."""
    ours = folder_of(tmp_path, "r1")
    ours.write_result(spend(ours, "t", 1.0).model_copy(update={"account": "a"}))
    found = replace(costs(ours, day_usd=1.0), machines={"mini1": Machine(name="mini1", accounts=("a", "b"))})
    assert (found.has_day("a"), found.has_day("b"), found.why_not("t", machine="mini1")) == (False, True, None)
    assert found.allowance("t", account="b").usd == 1.0
    later = spend(ours, "u", 1.0).model_copy(update={"account": "b"})
    found.note_end(later)
    assert (found.has_day("b"), found.why_not("t", machine="mini1") is None) == (False, False)
    assert found.begun("u", attempt=1, conversation=None).account is None
