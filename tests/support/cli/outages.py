"""Outages of a link, an sshd, Prefect's server, the API and disks, each begun at a step of a session's life.

    python -m tests.support.cli.outages [--kinds link sshd ...] [--steps running ...] [--seconds 0.2 1 4 15 60] ...

A trial is a whole run of two tasks, one after the other, with the real claude on a real sshd machine. Whatever fails
meanwhile, its outcome is to be that without an outage: both succeed, each commit is collected, no slot stays taken, and
each session was started once, but where its own API or disk failed. Prints a line a trial; the exit status is 1 where
one came out otherwise. It mounts small disks, which takes root.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from miyabi.sessions import Outcome
from tests.support.cli.process import Command
from tests.support.cli.sshd_site import Site, make_site
from tests.support.git.repositories import git
from tests.support.machines.processes import eventually
from tests.support.prefect.server import RealServer, start_server

SECONDS = (0.2, 1, 4, 15, 60)
_FIRST_PORT = 12000


def _is_preparing(site: Site, _: Command, task: str) -> bool:
    return (site.workspace(0) / "checkouts" / "r1" / task).exists()


def _is_running(site: Site, _: Command, task: str) -> bool:
    return f"r1.{task}.1" in site.watch.starts


def _is_ending(site: Site, command: Command, task: str) -> bool:
    return _is_running(site, command, task) and task not in site.live(0)


def _is_collected(site: Site, _: Command, task: str) -> bool:
    return any(each.task == task for each in site.run_folder().results())


def _is_said(_: Site, command: Command, words: str) -> bool:
    return words in command.output


STEPS: dict[str, tuple[Callable[[Site, Command, str], bool], str]] = {
    "preparing": (_is_preparing, "one"),
    "running": (_is_running, "one"),
    "ending": (_is_ending, "one"),
    "collected": (_is_collected, "one"),
    "last preparing": (_is_preparing, "two"),
    "last running": (_is_running, "two"),
    "last ending": (_is_ending, "two"),
    "last collected": (_is_collected, "two"),
    "verifying": (_is_said, "verifying"),
}
"""The step, how it is seen that it has begun, and of what."""
NODES = (
    {"id": "one", "prompt": "Do it. [[scenario:chatty:3]]", "requires": ["first"]},
    {"id": "two", "prompt": "Do it. [[scenario:chatty:3]]", "requires": ["first"], "dependencies": ["one"]},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """An outage of this kind that begins `after_seconds` after the step has begun, and lasts `seconds`."""

    kind: str
    step: str
    seconds: float
    after_seconds: float

    def __str__(self) -> str:
        return f"{self.kind:<16} {self.step:<15} after {self.after_seconds:.2f} s for {self.seconds:4g} s"

    def run(self, folder: Path, server: RealServer) -> str:
        """What came out otherwise than without an outage; "" where nothing did."""
        with ExitStack() as stack:
            if self.kind == "machine's disk":  # before there are sshd processes, which may have mounts of their own
                stack.enter_context(_mounted(folder / "machine"))
            site = stack.enter_context(make_site(folder, server))
            if self.kind == "own disk":
                stack.enter_context(_mounted(_runs(site)))
            _place_workspace(site, folder / "machine")
            site.write_config(integration={"verify": ["sleep 1 && test -s one.txt && test -s two.txt"]})
            begin, end = KINDS[self.kind](site)
            command = site.orchestrate(NODES)
            has_begun, of = STEPS[self.step]
            eventually(
                lambda: has_begun(site, command, of) or not command.runs, seconds=240, why=lambda: command.output
            )
            time.sleep(self.after_seconds)
            is_in_time = command.runs
            begin()
            try:
                time.sleep(self.seconds)
            finally:
                end()
            if not is_in_time:
                return "the run was over before the outage"
            return _otherwise(site, command, once=self.kind not in {"api", "machine's disk"})


def _otherwise(site: Site, command: Command, *, once: bool) -> str:
    try:
        status = command.wait(seconds=240)
    except AssertionError as error:
        return str(error)
    starts = {session: len(pids) for session, pids in site.watch.starts.items()}
    expected = {
        "exit status": (status, 0),
        "results": (
            {row.task: row.outcome for row in site.report().tasks},
            dict.fromkeys(("one", "two"), Outcome.SUCCEEDED),
        ),
        "starts": (starts if once else {}, {"r1.one.1": 1, "r1.two.1": 1} if once else {}),
        "commits": (_at_home(site), ("one.txt", "two.txt")),
        "slots": (sum(site.active_slots().values()), 0),
        "traceback": ("Traceback" in command.output, False),
    }
    wrong = [f"{what}: {found} instead of {right}" for what, (found, right) in expected.items() if found != right]
    failed = [each for each in site.run_folder().results() if each.outcome is not Outcome.SUCCEEDED]
    why = [f"{each.task}, attempt {each.attempt}: {each.outcome}: {each.error_text}" for each in failed]
    return "\n".join([*wrong, *why, command.output]) if wrong else ""


def _at_home(site: Site) -> tuple[str, ...]:
    """The files of the sessions on the branch that was made of theirs."""
    try:
        names = git(site.repository, "ls-tree", "--name-only", "miyabi/r1/_integration").split()
    except AssertionError:  # there is no such branch
        return ()
    return tuple(name for name in ("one.txt", "two.txt") if name in names)


def _place_workspace(site: Site, disk: Path) -> None:
    disk.mkdir(exist_ok=True)
    disk.chmod(0o777)
    (site.fleet[0].home / ".miyabi").symlink_to(disk)


# What begins and what ends an outage of each kind.
Switch = tuple[Callable[[], object], Callable[[], object]]


def _link(site: Site) -> Switch:
    return site.fleet[0].link_down, site.fleet[0].link_up


def _connections(site: Site) -> Switch:
    def end_all() -> None:
        site.fleet[0].stop_sshd()
        site.fleet[0].kill_connections()

    return end_all, site.fleet[0].start_sshd


def _server(site: Site) -> Switch:
    return site.server.process.kill, site.server.restart


def _api(site: Site) -> Switch:
    return lambda: setattr(site.api, "is_away", True), lambda: setattr(site.api, "is_away", False)


def _machine_disk(site: Site) -> Switch:
    return _filling(site.folder / "machine")


def _own_disk(site: Site) -> Switch:
    return _filling(_runs(site))


def _runs(site: Site) -> Path:
    return site.repository / ".miyabi" / "runs"


KINDS: dict[str, Callable[[Site], Switch]] = {
    "link": _link,
    "sshd": _connections,
    "server": _server,
    "api": _api,
    "machine's disk": _machine_disk,
    "own disk": _own_disk,
}


def _filling(disk: Path) -> Switch:
    filler = disk / "filler"

    def fill() -> None:
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    return fill, filler.unlink


@contextmanager
def _mounted(disk: Path) -> Iterator[None]:
    disk.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300m,mode=777", "tmpfs", str(disk)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


class Field:
    """Where trials are made, several at once; a Prefect server that no trial ends is shared.

    `database` is the file with Prefect's tables to begin with, which is made where it is not there.
    """

    def __init__(self, folder: Path, *, database: Path) -> None:
        self._folder, self._database, self._lock, self._numbers = folder, database, Lock(), itertools.count()
        self._shared = self._start("shared")

    def __call__(self, trial: Trial) -> str:
        """What `Trial.run` says."""
        number = next(self._numbers)
        place = self._folder / f"trial-{number}"
        place.mkdir()
        port = _FIRST_PORT + 2 * number
        own = self._start(f"{place.name}-server", first_port=port) if trial.kind == "server" else None
        try:
            return trial.run(place, own or self._shared)
        except AssertionError as error:
            return str(error)
        finally:
            if own:
                own.process.end(timeout_seconds=10)

    def close(self) -> None:
        """Ends the shared server."""
        self._shared.process.end(timeout_seconds=10)

    def _start(self, name: str, *, first_port: int = 0) -> RealServer:
        (home := self._folder / name).mkdir()
        with self._lock:
            return RealServer(home, start_server(home, database=self._database, first_port=first_port))


def trials(
    kinds: Sequence[str], steps: Sequence[str], seconds: Sequence[float], *, chance: random.Random
) -> list[Trial]:
    """One for each of them; when exactly it begins is left to chance."""
    return [
        Trial(kind=kind, step=step, seconds=each, after_seconds=chance.uniform(0, 0.5))
        for kind, step, each in itertools.product(kinds, steps, seconds)
    ]


def main() -> int:
    """Makes the trials that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=list(STEPS))
    parser.add_argument("--seconds", nargs="+", type=float, default=SECONDS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--at-once", type=int, default=max(2, os.cpu_count() or 2))
    given = parser.parse_args()
    planned = trials(given.kinds, given.steps, given.seconds, chance=random.Random(given.seed))  # noqa: S311 - no secret
    print(f"{len(planned)} trials, seed {given.seed}", flush=True)
    wrong = 0
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(given.at_once) as pool:
        field = Field(Path(folder), database=Path(folder) / "prefect.db")
        try:
            for trial, said in zip(planned, pool.map(field, planned), strict=True):
                print(f"{trial}: " + (f"OTHERWISE\n{said}" if said else "the same"), flush=True)
                wrong += bool(said)
        finally:
            field.close()
    print(f"{len(planned) - wrong} of {len(planned)} the same")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
