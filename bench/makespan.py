"""How close a run comes to the shortest time its DAG and slots allow.

    python -m bench.makespan [--seconds-per-minute 1.5]

Rehearses examples/tasks.json on two machines made of this one, 3 and 2 slots, and compares the time from the first
session's start to the last one's end with two figures of `miyabi schedule` for the same durations: the plan of an
ideal list scheduler, and the lower bound that no schedule can beat (critical path, work over slots).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from flows.cli.local_server import client_settings, local_server, stop_server
from miyabi.dag import Dag, simulate
from miyabi.machines import Machine
from miyabi.reports import Report
from tests.support.git.repositories import make_repository

EXAMPLE = Path(__file__).parents[1] / "examples" / "tasks.json"


def main() -> None:
    """Runs the comparison and prints it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds-per-minute", type=float, default=1.5)
    scale = parser.parse_args().seconds_per_minute
    with tempfile.TemporaryDirectory() as folder:
        machines = [Machine(name=f"m{s}", slots=s, workspace=f"{folder}/m{s}") for s in (3, 2)]
        report = rehearse(Path(folder), machines, scale)
    plan = simulate(Dag.load(EXAMPLE), machines)
    spent = (max(s.end for s in report.stretches) - min(s.start for s in report.stretches)).total_seconds()
    figures = {
        "miyabi": spent,
        "ideal list scheduler": plan.makespan_minutes * scale,
        "lower bound": plan.bound_minutes * scale,
    }
    print(f"{report.total} tasks on 3 + 2 slots, seconds from the first start to the last end")
    for name, seconds in figures.items():
        print(f"{name:22} {seconds:7.2f}   miyabi takes {spent / seconds:5.2f} times that")


def rehearse(folder: Path, machines: list[Machine], scale: float) -> Report:
    """The report of the run."""
    repository = make_repository(folder / "repository")
    server = local_server(folder)
    variables = client_settings(server.url) | {"HOME": str(folder), "PATH": os.environ["PATH"]}
    variables["MIYABI_MACHINES"] = json.dumps([machine.model_dump() for machine in machines])
    variables["MIYABI_RUNS__REHEARSAL_SECONDS_PER_MINUTE"] = str(scale)
    command = [sys.executable, "-m", "flows", "orchestrate", str(EXAMPLE), "-C", str(repository), "--rehearse"]
    try:
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"miyabi: {done.stdout}\n{done.stderr}")
    finally:
        stop_server(folder)
    (values,) = repository.glob(".miyabi/runs/*/report.json")
    return Report.model_validate_json(values.read_bytes())


if __name__ == "__main__":
    main()
