"""Results and DAGs to make reports of."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from miyabi.dag import Dag
from miyabi.git import Changes
from miyabi.machines import Machine
from miyabi.reports import Report
from miyabi.runs import RunFolder, RunInfo
from miyabi.sessions import Outcome, SessionResult, Usage

RUN = "20261122-113501-k3f"
STARTED = datetime(2026, 11, 22, 11, 35, 1, tzinfo=UTC)
FLEET = (Machine(name="macmini-1", slots=3), Machine(name="macmini-2", slots=2))
CASES = Path(__file__).parents[2] / "cases" / "reports"


def small_dag(edges: Mapping[str, Sequence[str]], *, titles: Mapping[str, str] | None = None) -> Dag:
    """A DAG of ids and what each depends on."""
    nodes = [
        {"id": task, "title": (titles or {}).get(task, f"Title of {task}"), "dependencies": list(before)}
        for task, before in edges.items()
    ]
    return Dag.from_text(json.dumps({"nodes": nodes}))


def result(
    task: str,
    outcome: Outcome = Outcome.SUCCEEDED,
    *,
    machine: str | None = "macmini-1",
    after: float = 0,
    seconds: float = 60,
    files: Sequence[str] = (),
    **fields: Any,
) -> SessionResult:
    """A result that began `after` seconds into the run and took so many seconds."""
    start = STARTED + timedelta(seconds=after)
    never = outcome in {Outcome.SKIPPED, Outcome.MERGE_CONFLICT}
    values: dict[str, Any] = {
        "branch": f"miyabi/{RUN}/{task}",
        "head": (task.encode().hex() * 40)[:40],
        "placement_reason": f"{machine} is idle and has 3 of 3 slots free: fill-first",
        "turns": 4,
        "cost_usd": 0.25,
        "usage": Usage(input_tokens=1000, output_tokens=200),
        "changes": Changes(commits=bool(files), files=tuple(files), insertions=3 * len(files), deletions=len(files)),
        "start": start,
        "end": start + timedelta(seconds=seconds),
    }
    nothing = {"machine": None, "outcome": outcome, "run": RUN, "task": task}
    whole = {**nothing, **({} if never else {**values, "machine": machine}), **fields}
    return SessionResult.model_validate(whole)


def report(dag: Dag, results: Sequence[SessionResult], *, wall_seconds: float = 300, **fields: Any) -> Report:
    """A report on the test fleet."""
    ended = STARTED + timedelta(seconds=wall_seconds)
    return Report.build(dag, results, **{"run": RUN, "machines": FLEET, "started": STARTED, "ended": ended, **fields})


def red(text: str, *, tasks: int = 1) -> Report:
    """A run whose checks all printed that, and whose sessions all said it."""
    names = [f"t{number}" for number in range(tasks)]
    told = {"check_output": text, "final_message": text, "error_text": "it is red"}
    return report(
        small_dag({name: [] for name in names}), [result(name, Outcome.CHECK_FAILED, **told) for name in names]
    )


def matches_golden(text: str, *, name: str) -> bool:
    """Whether the text is that of the golden file; with UPDATE_GOLDEN=1 the file is written anew."""
    path = CASES / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    return path.read_text(encoding="utf-8") == text


def run_folder(root: Path, run: str, dag: Dag, *results: SessionResult, rehearse: bool = False) -> RunFolder:
    """A run that is over."""
    folder = RunFolder(root, run).create()
    known: Any = {"repository": str(root), "base": "b" * 40, "started": STARTED, "rehearse": rehearse}
    folder.dag_file.write_text(dag.to_json())
    folder.write_info(RunInfo(run=run, **known))
    for each in results:
        folder.write_result(each.model_copy(update={"run": run}))
    return folder
