from __future__ import annotations

from typing import Any

from miyabi.sessions import Outcome
from tests.support.cli.sshd_site import Site, site  # noqa: F401 - a fixture
from tests.support.machines.processes import eventually
from tests.support.prefect.server import prefect_database, prefect_server  # noqa: F401 - fixtures

RUNS = {"limit_margin_seconds": 1, "retry_delay_seconds": 0}


def node(task: str, *upstreams: str, scenario: str = "write", machine: str = "first", **fields: Any) -> dict[str, Any]:
    """A task that has to run on one of the two machines."""
    own = {"id": task, "prompt": f"Do it. [[scenario:{scenario}]]", "dependencies": upstreams, "requires": [machine]}
    return own | fields


NODES = [
    node("good"),
    node("broken", scenario="fail_check", check="test ! -e broken.txt", fix_attempts=0),
    node("limited", scenario="limit_once:4", machine="second"),
    node("outage", scenario="error500:2"),
    node("denied", allowed_tools=[]),
    node("idle", scenario="no_changes"),
    node("server", scenario="server"),
    {"id": "commanded", "command": "/no-such-command --issue 1"},
    node("below", "broken"),
    node("below-all", "good", "below", "denied"),
]
OUTCOMES = {
    "good": Outcome.SUCCEEDED,
    "broken": Outcome.CHECK_FAILED,
    "limited": Outcome.SUCCEEDED,
    "outage": Outcome.SUCCEEDED,
    "denied": Outcome.PERMISSION_DENIED,
    "idle": Outcome.NO_CHANGES,
    "server": Outcome.SUCCEEDED,
    "commanded": Outcome.AGENT_ERROR,
    "below": Outcome.SKIPPED,
    "below-all": Outcome.SKIPPED,
}
REASONS = {
    "broken": "the check of broken ended with exit status 1",
    "denied": "nothing was committed, and a tool use was denied: Bash",
    "idle": "the session of idle ended well and left no change",
    "commanded": "there is no command /no-such-command",
    "below": "broken",
    "below-all": "denied",
}


def test_every_kind_of_end(site: Site) -> None:
    """What passes is waited for and gone on with, what does not is told truly, and the rest goes on without it."""
    site.write_config(runs=RUNS, sessions={"linger_seconds": 2})
    command = site.orchestrate(NODES)
    assert command.wait() == 1, command.output
    report = site.report()
    assert {row.task: row.outcome for row in report.tasks} == OUTCOMES
    reasons = {each.task: each.text for each in report.troubles} | {each.task: each.reason for each in report.skips}
    assert {task: part for task, part in REASONS.items() if part not in reasons.get(task, "")} == {}, reasons
    text = site.run_folder().report_file.read_text()
    assert [part for part in REASONS.values() if part not in text] == []
    assert "4 of 10" in text
    assert {task: site.show(task, f"{task}.txt") for task in ("limited", "outage")}
    _goes_on_in_its_conversation(site)
    assert site.show("broken", "broken.txt") == "broken"
    assert set(site.active_slots().values()) == {0}


def _goes_on_in_its_conversation(site: Site) -> None:
    attempts = {(result.task, result.attempt): result for result in site.run_folder().results()}
    assert {task for task, number in attempts if number > 1} == {"limited", "outage"}
    for task, outcome in {"limited": Outcome.USAGE_LIMIT, "outage": Outcome.API_UNAVAILABLE}.items():
        first, second = attempts[task, 1], attempts[task, 2]
        conversation = site.conversation(task)
        assert (first.outcome, second.outcome) == (outcome, Outcome.SUCCEEDED)
        assert (first.session_id, second.session_id) == (conversation, conversation)
        assert first.machine == second.machine
        assert [r for r in site.api.requests if r.session == conversation and "You were interrupted" in r.prompt]
    limit = attempts["limited", 1].resets_at
    start = attempts["limited", 2].start
    assert limit
    assert start
    assert start > limit


def test_silence(site: Site) -> None:
    """A session whose tool says nothing for too long is ended, and goes on once, in its conversation on its machine."""
    site.write_config(runs=RUNS, sessions={"stall_minutes": 0.15})
    command = site.orchestrate([node("silent", scenario="gate:awake")])
    eventually(lambda: bool(site.run_folder().results()) or not command.runs, why=lambda: command.output)
    site.open_gate("awake")
    command.succeeds()
    first, second = site.run_folder().results()
    assert (first.outcome, second.outcome) == (Outcome.STALLED, Outcome.SUCCEEDED)
    assert (first.session_id, first.machine) == (second.session_id, second.machine)
    assert first.error_text
    assert "raise stall_minutes" in first.error_text


def test_fail_fast(site: Site) -> None:
    """With fail_fast the first failure starts nothing further; what runs goes on to its end."""
    nodes = [
        node("fails", scenario="no_changes", machine="second", priority=1),
        node("runs", scenario="gate:end", machine="second", priority=1),
        *(node(task, machine="second", priority=9) for task in ("late", "later")),
        node("below", "runs"),
    ]
    command = site.orchestrate(nodes, "--fail-fast")
    eventually(lambda: "fails: no changes" in command.output or not command.runs, why=lambda: command.output)
    site.open_gate("end")
    assert command.wait() == 1, command.output
    report = site.report()
    skipped = dict.fromkeys(("late", "later", "below"), Outcome.SKIPPED)
    ended = {"fails": Outcome.NO_CHANGES, "runs": Outcome.SUCCEEDED}
    assert {row.task: row.outcome for row in report.tasks} == ended | skipped
    assert {each.task: "fail_fast: fails did not succeed" in each.reason for each in report.skips} == dict.fromkeys(
        skipped, True
    )
    assert site.watch.starts.keys() == {"r1.fails.1", "r1.runs.1"}
