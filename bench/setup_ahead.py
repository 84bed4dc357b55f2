"""How long a free slot waits for a set-up: from the end of a check to the agent that begins next in its slot, over SSH.

    python -m bench.setup_ahead [--jobs 14] [--setup-seconds 3] [--check-seconds 4]

One real sshd machine on loopback with two slots, and `miyabi orchestrate` twice: with a set-up that may begin ahead,
while the check before it still runs, and with one that may not, as it names MIYABI_SLOT. Agent and check write down
when they start and end. Prints medians in seconds, and their ratio.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from flows.cli.local_server import client_settings, local_server, stop_server
from tests.support.git.repositories import make_repository
from tests.support.machines.sshd import SshdFleet, start_fleet

AGENT = Path(__file__).with_name("stub_agent.sh")
SLOTS = 2
STAMP = 'perl -MTime::HiRes=time -e \'printf "checked %s %.6f\\n", $ENV{MIYABI_TASK}, time\' >>"$STAMPS"'


def main() -> None:
    """Runs the comparison and prints it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=14)
    parser.add_argument("--setup-seconds", type=float, default=3)
    parser.add_argument("--check-seconds", type=float, default=4)
    asked = parser.parse_args()
    sleep = f"sleep {asked.setup_seconds:g}"
    ways = {"set up ahead": sleep, "set up in its slot": f": $MIYABI_SLOT; {sleep}"}
    with tempfile.TemporaryDirectory() as folder, start_fleet(hosts=1) as fleet:
        repository = make_repository(Path(folder) / "repository", files={f"f{n}": "x" * 1000 for n in range(200)})
        gaps = {
            name: gaps_of(fleet, repository, fleet[0].home / f"stamps-{number}", setup=setup, asked=asked)
            for number, (name, setup) in enumerate(ways.items())
        }
    print(f"{asked.jobs} jobs, two slots, set-up {asked.setup_seconds:g} s, check {asked.check_seconds:g} s: seconds")
    first = statistics.median(gaps["set up ahead"])
    for name, found in gaps.items():
        median = statistics.median(found)
        print(f"{name:18} median {median:6.2f}   worst {max(found):6.2f}   {median / first:5.1f} x")


def gaps_of(fleet: SshdFleet, repository: Path, stamps: Path, *, setup: str, asked: argparse.Namespace) -> list[float]:
    """The seconds of each slot that was given on; the first check is longer, so that the slots do not end together."""
    checks = [asked.check_seconds * (1.5 if n == 0 else 1) for n in range(asked.jobs)]
    nodes = [
        {"id": f"{stamps.name}-t{n}", "expect_changes": False, "setup": setup, "check": f"sleep {seconds:g}; {STAMP}"}
        for n, seconds in enumerate(checks)
    ]
    orchestrate(fleet, repository, stamps, nodes)
    lines = sorted((float(at), what) for what, _, at in map(str.split, stamps.read_text().splitlines()))
    starts, ends = ([at for at, what in lines if what == kind] for kind in ("start", "checked"))
    return [start - end for start, end in zip(starts[SLOTS:], ends, strict=False)]


def orchestrate(fleet: SshdFleet, repository: Path, stamps: Path, nodes: list[dict[str, object]]) -> None:
    """Runs these tasks there."""
    machine = fleet[0].machine(slots=SLOTS, claude=str(AGENT), environment={"STAMPS": str(stamps)})
    home, tasks = repository.parent / "home", repository.parent / "tasks.json"
    tasks.write_text(json.dumps({"nodes": nodes}), encoding="utf-8")
    server = local_server(home)
    variables = client_settings(server.url) | {"HOME": str(home), "PATH": os.environ["PATH"], "MIYABI_HOME": str(home)}
    variables |= {"MIYABI_MACHINES": json.dumps([machine.model_dump()])}
    try:
        command = [sys.executable, "-m", "flows", "orchestrate", str(tasks), "-C", str(repository)]
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{shlex.join(command)}: {done.stdout}\n{done.stderr}")
    finally:
        stop_server(home)


if __name__ == "__main__":
    main()
