"""What a task run costs: FleetTaskRunner beside Prefect's ThreadPoolTaskRunner, on async tasks that do nothing.

    python -m bench.runner [--tasks 200] [--rounds 2]

Starts a Prefect server of its own (SQLite, on loopback), runs both in turn in one process, and prints for each runner
CPU and wall milliseconds a task from the first `submit` to the last result, and CPU until the server has every event.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.cli.local_server import local_server, stop_server


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Milliseconds a task."""

    cpu: float
    cpu_with_events: float
    wall: float

    def __str__(self) -> str:
        return f"{self.cpu:7.1f} {self.cpu_with_events:14.1f} {self.wall:8.1f}"


def main() -> None:
    """Runs the comparison and prints it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=2, help="the best round of each runner counts")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        server = local_server(home)
        os.environ |= {"PREFECT_API_URL": server.url, "PREFECT_HOME": str(home / "client")}
        os.environ["PREFECT_LOGGING_LEVEL"] = "ERROR"  # a terminal's speed is not the runner's
        try:
            compare(tasks=arguments.tasks, rounds=arguments.rounds)
        finally:
            stop_server(home)


def compare(*, tasks: int, rounds: int) -> None:
    """Prints a line for each runner and how many times less ours takes."""
    from prefect.task_runners import ThreadPoolTaskRunner  # noqa: PLC0415 - its settings stand only now

    from tasks.runner import FleetTaskRunner  # noqa: PLC0415 - same

    runners = {"ThreadPoolTaskRunner": ThreadPoolTaskRunner(), "FleetTaskRunner": FleetTaskRunner()}
    for runner in runners.values():
        measure(runner, tasks=5)
    best = {
        name: min((measure(r, tasks=tasks) for _ in range(rounds)), key=lambda c: c.cpu) for name, r in runners.items()
    }
    print(f"{tasks} async tasks that do nothing, milliseconds a task (best of {rounds})")
    print(f"{'':22}{'CPU':>7} {'CPU with events':>14} {'wall':>8}")
    for name, cost in best.items():
        print(f"{name:22}{cost}")
    theirs, ours = best.values()
    cpu, with_events = theirs.cpu / ours.cpu, theirs.cpu_with_events / ours.cpu_with_events
    print(f"{'times less':22}{cpu:7.1f} {with_events:14.1f} {theirs.wall / ours.wall:8.1f}")


def measure(runner: Any, *, tasks: int) -> Cost:
    """What one flow run with that many tasks costs."""
    from prefect import flow, task  # noqa: PLC0415 - see compare
    from prefect.events.worker import EventsWorker  # noqa: PLC0415 - same

    @task(name="nothing")
    async def nothing(number: int) -> int:
        return number

    @flow(name="bench", task_runner=runner)
    def bench() -> tuple[float, float]:
        cpu, wall = _cpu(), time.perf_counter()
        futures = [nothing.submit(number) for number in range(tasks)]
        assert [future.result() for future in futures] == list(range(tasks))
        return _cpu() - cpu, time.perf_counter() - wall

    before = _cpu()
    cpu, wall = bench()
    EventsWorker.instance().wait_until_empty()
    per_task = 1000 / tasks
    return Cost(cpu=cpu * per_task, cpu_with_events=(_cpu() - before) * per_task, wall=wall * per_task)


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
