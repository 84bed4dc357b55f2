"""What a task costs in CPU: a rehearsal of many tasks on this machine, beside that of another commit's checkout.

    python -m bench.cpu_a_task [--tasks 400] [--slots 4] [--rounds 1] [--base DIR]

Rehearses tasks that need nothing of each other, and prints CPU milliseconds a task, user and system: the orchestrator's
own, its children's, and what ran detached from it, which is supervisors, rehearsal agents and their salvage. What a run
of one task takes is subtracted: start, imports and report are no task's. Give it a TMPDIR in memory, as /dev/shm: what
a disk takes to make a file differs from minute to minute.
With --base the builds take turns, in rounds; medians count.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import statistics
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import astuple, dataclass
from pathlib import Path

from flows.cli.local_server import client_settings, local_server, stop_server
from miyabi.machines import Machine
from tests.support.git.repositories import make_repository

HERE = Path(__file__).parents[1]
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER: what is detached below us becomes our child, so that its time is counted


@dataclass(frozen=True, slots=True)
class Cpu:
    """Seconds of user and system time."""

    own: float
    children: float
    detached: float

    def a_task(self, start: Cpu, tasks: int) -> tuple[float, ...]:
        """Milliseconds a task, without what a run of one task takes."""
        return tuple(1000 * (all_ - one) / (tasks - 1) for all_, one in zip(astuple(self), astuple(start), strict=True))


def main() -> None:
    """Runs the comparison and prints it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=400)
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--base", type=Path, help="a checkout of the commit to compare with")
    asked = parser.parse_args()
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    builds = {"this build": HERE} | ({"base": asked.base.resolve()} if asked.base else {})
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in builds}
    for _ in range(asked.rounds):
        for name, build in builds.items():
            one = rehearse(build, tasks=1, slots=asked.slots)
            found[name].append(rehearse(build, tasks=asked.tasks, slots=asked.slots).a_task(one, asked.tasks))
    print(f"{asked.tasks} tasks, {asked.slots} slots, median of {asked.rounds}: CPU milliseconds a task")
    print(f"{'':12} {'own':>8} {'children':>9} {'own + children':>15} {'detached':>9}")
    medians = {name: [statistics.median(part) for part in zip(*rounds, strict=True)] for name, rounds in found.items()}
    for name, (own, children, detached) in medians.items():
        print(f"{name:12} {own:8.1f} {children:9.1f} {own + children:15.1f} {detached:9.1f}")
    if asked.base:
        (own, children, detached), (own_0, children_0, detached_0) = medians.values()
        both = (own + children) / (own_0 + children_0)
        print(f"{'ratio':12} {own / own_0:8.2f} {children / children_0:9.2f} {both:15.2f} {detached / detached_0:9.2f}")


def rehearse(build: Path, *, tasks: int, slots: int) -> Cpu:
    """What such a run by that build takes, until nothing of it runs any more but the server."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        repository = make_repository(home / "repository", files={f"f{n}": "x" * 1000 for n in range(20)})
        file = home / "tasks.json"
        file.write_text(json.dumps({"nodes": [{"id": f"t{n}", "title": f"Job {n}"} for n in range(tasks)]}))
        machine = Machine(name="here", slots=slots, workspace=f"{folder}/workspace")
        server = local_server(home)
        variables = client_settings(server.url) | {"HOME": folder, "PATH": os.environ["PATH"], "PYTHONPATH": str(build)}
        variables |= {"MIYABI_MACHINES": json.dumps([machine.model_dump()]), "MIYABI_HOME": folder}
        variables["MIYABI_RUNS__REHEARSAL_SECONDS_PER_MINUTE"] = "0.02"
        command = [sys.executable, "-m", "flows", "orchestrate", str(file), "-C", str(repository), "--rehearse"]
        try:
            with (home / "said").open("wb") as said:
                process = subprocess.Popen(command, env=variables, cwd=build, stdout=said, stderr=said)
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
            own, children = _times(process.pid)
            if process.wait():
                sys.exit(f"{build}: {(home / 'said').read_text(errors='replace')}")
            return Cpu(own, children, _reaped(but=server.pid or 0))
        finally:
            stop_server(home)
            _reaped(but=0)


def _times(pid: int) -> tuple[float, float]:
    """Seconds of a process that has ended and was not waited for, and of all children that it waited for; proc(5)."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    user, system, user_below, system_below = (int(word) / os.sysconf("SC_CLK_TCK") for word in words[11:15])
    return user + system, user_below + system_below


def _reaped(*, but: int) -> float:
    """Seconds of all that came to us because its parents had ended; waits for those that run still, but one."""
    spent = 0.0
    while others := _children() - {but}:
        with suppress(ChildProcessError):
            _, _, usage = os.wait4(min(others), 0)
            spent += usage.ru_utime + usage.ru_stime
    return spent


def _children() -> set[int]:
    return {int(pid) for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()}


if __name__ == "__main__":
    main()
