"""Two accounts on one machine: real claude on an sshd machine, the whole command."""

from __future__ import annotations

import json
from pathlib import Path

from miyabi.sessions import Outcome
from tests.support.cli.sshd_site import Site, make_site
from tests.support.prefect.server import RealServer, prefect_database, prefect_server  # noqa: F401 - fixtures

ADDS = "echo line >>$MIYABI_TASK.txt\necho $CLAUDE_CONFIG_DIR >>$MIYABI_TASK.folders\n"
ACCOUNTS = ("one", "two")


def accounts(site: Site) -> dict[str, str]:
    """The variables of a configuration in which the first machine has both accounts, and no other login."""
    home, machine = site.fleet[0].home, site.machines[0]
    for name in ACCOUNTS:
        file = home / f"token {name}"
        file.write_text(f"token-of-{name}\n")
        file.chmod(0o600)
    environment = {name: value for name, value in machine.environment.items() if name != "ANTHROPIC_API_KEY"}
    fields = {"account": None, "accounts": ACCOUNTS, "slots": 2, "environment": environment}
    known = [{"name": n, "config_dir": f"~/.claude-{n}", "token_file": f"~/token {n}"} for n in ACCOUNTS]
    machines = [machine.model_copy(update=fields).model_dump(mode="json")]
    return {"MIYABI_MACHINES": json.dumps(machines), "MIYABI_ACCOUNTS": json.dumps(known)}


def test_a_conversation_stays_with_its_account(tmp_path: Path, prefect_server: RealServer) -> None:
    """Two sessions take an account each; what goes back to them goes on there, and what claude keeps is swept there."""
    with make_site(tmp_path, prefect_server) as site:
        given, home = accounts(site), site.fleet[0].home
        site.write_config(runs={"keep_days": 0})
        (site.folder / "gates" / "adds").write_text(ADDS)
        tasks = ("a", "b")
        nodes = [
            {"id": t, "prompt": "[[scenario:script:adds]]", "check": f"test $(wc -l <{t}.txt) -ge 2"} for t in tasks
        ]
        site.orchestrate(nodes, **given).succeeds()
        results = {task: [each for each in site.run_folder().results() if each.task == task] for task in tasks}
        for each in results.values():
            assert [(r.outcome, r.fix_ups) for r in each] == [(Outcome.CHECK_FAILED, 0), (Outcome.SUCCEEDED, 1)]
            assert len({r.account for r in each}) == len({r.session_id for r in each}) == 1
        took = {task: str(each[0].account) for task, each in results.items()}
        assert sorted(took.values()) == list(ACCOUNTS)
        for task, account in took.items():
            assert site.show(task, f"{task}.folders").splitlines() == [str(home / f".claude-{account}")] * 2
            (kept,) = home.glob(f".claude*/projects/*/{site.conversation(task)}.jsonl")
            assert kept.relative_to(home).parts[0] == f".claude-{account}"
        assert sum(r.cost_usd for each in results.values() for r in each) > 0
        shown = [file for file in site.run_folder().path.rglob("*") if file.is_file()]
        assert [file for file in shown if b"token-of-" in file.read_bytes()] == []
        site.start("sweep", "r1", **given).succeeds()
        assert [*home.glob(".claude*/projects/*/*.jsonl")] == []


def test_each_login_is_asked_for(tmp_path: Path, prefect_server: RealServer) -> None:
    """A machine one of whose accounts has no usable token takes no part, and that account is named."""
    with make_site(tmp_path, prefect_server) as site:
        given = accounts(site)
        site.write_config()
        (site.fleet[0].home / "token two").chmod(0o644)
        command = site.orchestrate([{"id": "a", "prompt": "[[scenario:write]]"}], **given)
        assert command.wait() == 2
        assert "account two: " in command.output
        assert "can be read by others; its mode must be 0600" in command.output
        assert site.api.requests == ()
