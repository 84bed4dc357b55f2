"""The flow that integrates a run, run in a test, and what it left: state, logs, report."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from prefect.client.schemas.objects import State

from flows.aggregate_results import aggregate_results
from miyabi.reports import Report
from miyabi.runs import RunFolder
from miyabi.sessions import integration_branch
from tests.support.machines.processes import eventually
from tests.support.prefect.api import ask
from tests.support.prefect.server import RealServer
from tests.support.values.finished_runs import PlayedRun
from tests.support.values.results import RUN

BRANCH = integration_branch(RUN)
VERIFY = "if [ -e broken.txt ]; then echo 'FAILED broken.txt is there'; exit 3; fi; echo all is well"


def configure(played: PlayedRun, *, verify: str | None = VERIFY, **settings: Any) -> None:
    """The repository's configuration."""
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    lines += [f"verify = {json.dumps([verify])}"] if verify else []
    (played.root / ".miyabi").mkdir(exist_ok=True)
    (played.root / ".miyabi" / "config.toml").write_text("\n".join(["[integration]", *lines, ""]))


def aggregate(played: PlayedRun, *, run: str = RUN) -> State[Any]:
    """How the flow ends."""
    state: State[Any] = aggregate_results(repository=played.root, run=run, return_state=True)  # type: ignore[assignment] # Prefect's overload
    return state


def flow_run_of(state: State[Any]) -> UUID:
    """The flow run that ended in it."""
    assert state.state_details.flow_run_id
    return state.state_details.flow_run_id


def logs(server: RealServer, flow_run: UUID, *, until: str) -> str:
    """All that the UI shows of the flow run, once the line that matters is there."""
    wanted = {"logs": {"flow_run_id": {"any_": [str(flow_run)]}}, "limit": 200, "sort": "TIMESTAMP_ASC"}
    lines: list[str] = []

    def is_logged() -> bool:
        lines[:] = [log["message"] for log in ask(f"{server.url}/logs/filter", wanted)]
        return any(until in line for line in lines)

    eventually(is_logged, why=lambda: "\n".join(lines))
    return "\n".join(lines)


def report(folder: RunFolder) -> str:
    """What report.md says."""
    return folder.report_file.read_text(encoding="utf-8")


def values(folder: RunFolder) -> Report:
    """What report.json says."""
    return Report.model_validate_json(folder.report_values_file.read_bytes())
