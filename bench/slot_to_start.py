"""How long a free slot stays empty: from a session's end to the start of the next one, over SSH, worktree included.

    python -m bench.slot_to_start [--jobs 15]

One real sshd machine on loopback with one slot, and the same short agent three times: run by `miyabi orchestrate`, by
GNU parallel with --sshlogin, and by `ssh` a command, each making a worktree a job. The agent itself writes down when
it starts and ends; our sessions also salvage, which is counted. Prints medians in milliseconds, and their ratios.
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
from collections.abc import Callable
from pathlib import Path

from flows.cli.local_server import client_settings, local_server, stop_server
from tests.support.git.repositories import git, make_repository
from tests.support.machines.sshd import SshdFleet, start_fleet

AGENT = Path(__file__).with_name("stub_agent.sh")
JOB = "cd {home}/plain.git && git worktree add -q -b {name} {home}/trees/{name} && cd {home}/trees/{name} && {agent}"


def main() -> None:
    """Runs the comparison and prints it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=15)
    jobs = parser.parse_args().jobs
    with tempfile.TemporaryDirectory() as folder, start_fleet(hosts=1) as fleet:
        repository = make_repository(Path(folder) / "repository", files={f"f{n}": "x" * 1000 for n in range(200)})
        git(repository, "clone", "-q", "--bare", str(repository), str(fleet[0].home / "plain.git"))
        ways = {"miyabi": with_miyabi, "GNU parallel": with_parallel, "ssh": with_ssh}
        gaps = {name: measured(way, name, fleet, repository, jobs) for name, way in ways.items()}
    print(f"{jobs} jobs, one slot: from a job's end to the next one's start, milliseconds")
    for name, found in gaps.items():
        median, worst, ratio = (
            statistics.median(found),
            max(found),
            statistics.median(found) / statistics.median(gaps["miyabi"]),
        )
        print(f"{name:14} median {median:7.1f}   worst {worst:7.1f}   {ratio:5.1f} x miyabi")


def measured(way: Callable[..., None], name: str, fleet: SshdFleet, repository: Path, jobs: int) -> list[float]:
    """The gaps in milliseconds, the first left out: it pays for connecting."""
    stamps = fleet[0].home / f"stamps-{name.rsplit(maxsplit=1)[-1]}"
    way(fleet, repository, jobs, stamps)
    lines = sorted((float(at), what) for what, _, at in map(str.split, stamps.read_text().splitlines()))
    starts, ends = ([at for at, what in lines if what == kind] for kind in ("start", "end"))
    return [1000 * (start - end) for start, end in zip(starts[1:], ends, strict=False)][1:]


def with_miyabi(fleet: SshdFleet, repository: Path, jobs: int, stamps: Path) -> None:
    """Independent tasks on one slot."""
    machine = fleet[0].machine(slots=1, claude=str(AGENT), environment={"STAMPS": str(stamps)})
    home = repository.parent / "home"
    config = {"machines": json.dumps([machine.model_dump()]), "sessions": "{}"}
    nodes = [{"id": f"t{n}", "title": f"Job {n}", "expect_changes": False} for n in range(jobs)]
    tasks = repository.parent / "tasks.json"
    tasks.write_text(json.dumps({"nodes": nodes}), encoding="utf-8")
    server = local_server(home)
    variables = client_settings(server.url) | {"HOME": str(home), "PATH": os.environ["PATH"], "MIYABI_HOME": str(home)}
    variables |= {"MIYABI_MACHINES": config["machines"]}
    try:
        command = [sys.executable, "-m", "flows", "orchestrate", str(tasks), "-C", str(repository)]
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"miyabi: {done.stdout}\n{done.stderr}")
    finally:
        stop_server(home)


def with_parallel(fleet: SshdFleet, repository: Path, jobs: int, stamps: Path) -> None:
    """GNU parallel, one job at a time on one login."""
    login = f"1/ssh -F {fleet.config} {fleet[0].name}"
    names = [f"p{n}" for n in range(jobs)]
    command = ["parallel", "--will-cite", "-j1", "--sshlogin", login, job("{}", fleet, stamps), ":::", *names]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd=repository)


def with_ssh(fleet: SshdFleet, repository: Path, jobs: int, stamps: Path) -> None:
    """A loop of `ssh`."""
    for n in range(jobs):
        command = ["ssh", "-F", str(fleet.config), fleet[0].name, job(f"s{n}", fleet, stamps)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd=repository)


def job(name: str, fleet: SshdFleet, stamps: Path) -> str:
    """The command line of one job."""
    agent = f"STAMPS={shlex.quote(str(stamps))} {AGENT} {name} </dev/null"
    return JOB.format(home=fleet[0].home, name=name, agent=agent)


if __name__ == "__main__":
    main()
