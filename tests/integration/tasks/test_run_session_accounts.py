"""A limit that one account of a machine meets is no limit of its others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from miyabi.sessions import Outcome
from tests.support.cli.local_site import make_local_site
from tests.support.prefect.server import RealServer, prefect_database, prefect_server  # noqa: F401 - fixtures


def test_others_of_the_machine_go_on(tmp_path: Path, prefect_server: RealServer) -> None:
    """What met it begins anew with the other account at once, no attempt is burnt, and all that follows is there."""
    first, second = (f"{tmp_path.parent.name[-20:]}-{name}" for name in ("first", "second"))
    with make_local_site(tmp_path, prefect_server) as site:
        known: Any = [{"name": name, "config_dir": str(tmp_path / name)} for name in (first, second)]
        own = {"account": None, "accounts": (first, second), "slots": 1}
        site.write_config(runs={"max_attempts": 1, "retry_delay_seconds": 0})
        nodes = [
            {"id": "limited", "priority": 1, "prompt": f"[[scenario:spent:{first}]]"},
            *({"id": name, "prompt": "[[scenario:write]]"} for name in ("next", "last")),
        ]
        machines = [site.machines[0].model_copy(update=own).model_dump(mode="json")]
        site.orchestrate(nodes, MIYABI_MACHINES=json.dumps(machines), MIYABI_ACCOUNTS=json.dumps(known)).succeeds()
        results = [(r.task, r.attempt, r.outcome, r.account) for r in site.run_folder().results()]
        placements = {each.placement.rpartition("; ")[2] for each in site.report().tasks}
        folders = [each["environment"]["CLAUDE_CONFIG_DIR"] for each in site.calls]
    assert sorted(results) == [
        ("last", 1, Outcome.SUCCEEDED, second),
        ("limited", 1, Outcome.USAGE_LIMIT, first),
        ("limited", 2, Outcome.SUCCEEDED, second),
        ("next", 1, Outcome.SUCCEEDED, second),
    ]
    assert placements == {f"it used account {second}"}
    assert folders == [str(tmp_path / first), *[str(tmp_path / second)] * 3]
