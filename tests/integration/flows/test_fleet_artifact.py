"""The table of machines that runs keep in Prefect's page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.support.cli.local_site import LocalSite, make_local_site
from tests.support.machines.processes import eventually
from tests.support.prefect.server import RealServer, prefect_database, prefect_server  # noqa: F401 - fixtures


def shown(site: LocalSite) -> list[dict[str, Any]]:
    """Every artifact of that key."""
    return list(site.ask("/artifacts/filter", {"artifacts": {"key": {"any_": ["fleet"]}}}))


def test_one_table_for_all_runs(tmp_path: Path, prefect_server: RealServer) -> None:
    """A row for each machine, in place of the last one that a run had for it."""
    with make_local_site(tmp_path, prefect_server) as site:
        site.write_config()
        names = {machine.name for machine in site.machines}
        for run in ("r1", "r2"):
            command = site.orchestrate([{"id": "a", "prompt": f"[[scenario:gate:{run}]]"}], run=run)

            def rows() -> list[dict[str, Any]]:
                return [row for each in shown(site) for row in json.loads(each["data"]) if row["machine"] in names]

            eventually(lambda: {"in use", "idle"} == {row["state"] for row in rows()} or not command.runs)  # noqa: B023
            assert sorted(row["machine"] for row in rows()) == sorted(names), command.output
            site.open_gate(run)
            command.succeeds()
        assert len(shown(site)) == 1
