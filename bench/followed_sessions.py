"""Memory of an orchestrator that follows 200 sessions over SSH at once, beside `ssh ... tail -f` for each.

    python -m bench.followed_sessions [--sessions 200] [--peers 20]

Starts detached sessions on one real sshd machine on loopback; each prints some lines a second. Prints the peak memory
of a process that follows them all, what each session adds, and the memory of one `ssh` client that follows one.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from miyabi.machines import open_host
from miyabi.sessions import RemoteSession
from tests.support.machines.sshd import SshdFleet, start_fleet

AGENT = (
    b'i=0; while [ $i -lt 40 ]; do echo \'{"type":"assistant","message":{"content":[]}}\'; i=$((i+1)); sleep 1; done\n'
)


def main() -> None:
    """Runs the comparison and prints it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--peers", type=int, default=20)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, start_fleet(hosts=1) as fleet:
        before, peak = asyncio.run(follow_all(fleet, Path(folder), arguments.sessions))
        peer = ssh_clients(fleet, arguments.peers)
    own = (peak - before) / arguments.sessions
    print(f"{arguments.sessions} sessions followed over SSH, memory in MB")
    print(f"miyabi           peak {peak:7.1f}   before {before:6.1f}   a session {own:6.2f}   1.0 x miyabi")
    print(f"ssh ... tail -f  {'':43} a session {peer:6.2f} {peer / own:5.1f} x miyabi")


async def follow_all(fleet: SshdFleet, folder: Path, sessions: int) -> tuple[float, float]:
    """Resident memory before the first session and at the peak, in MB."""
    machine = fleet[0].machine(slots=sessions)
    host = open_host(machine)
    await host.run(["true"])
    before = resident("self")

    async def one(number: int) -> None:
        session = RemoteSession(host, f"s.{number}.1", workspace=machine.workspace)
        await session.start(
            script=AGENT,
            stdin=b"",
            after=b"",
            slots=sessions,
            timeout_seconds=600,
            after_timeout_seconds=10,
            linger_seconds=15,
        )
        await session.follow(folder / f"{number}.out", folder / f"{number}.err")

    try:
        await asyncio.gather(*(one(number) for number in range(sessions)))
    finally:
        await host.close()
    complete = sum((folder / f"{number}.out").read_bytes().count(b"\n") == 40 for number in range(sessions))
    if complete != sessions:
        sys.exit(f"only {complete} of {sessions} streams are complete")
    return before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def ssh_clients(fleet: SshdFleet, peers: int) -> float:
    """Resident memory of one of several ssh clients, in MB."""
    command = ["ssh", "-F", str(fleet.config), fleet[0].name, 'tail -f "$HOME"/.miyabi/sessions/s.0.1/out']
    clients = []
    try:
        for _ in range(peers):
            clients.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL))
            time.sleep(0.3)
        return sum(resident(str(client.pid)) for client in clients) / peers
    finally:
        for client in clients:
            client.kill()
            client.wait()


def resident(pid: str) -> float:
    """Resident memory of a process, in MB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


if __name__ == "__main__":
    main()
