"""The faults: what each is, what a run promises all the same, and how it is made at a moment that a seed draws."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.ground import RUN, SLOTS, Ground, Trial, mounted
from tests.chaos.promises import Expected
from tests.support.cli.milestone_site import publish_site
from tests.support.machines.processes import eventually
from tests.support.prefect.server_line import ServerLine

LONG_SECONDS = 1.5
"""How long an outage lasts at most."""


_GOODBYE_SECONDS = 30.0


class Missed(Exception):  # noqa: N818 - no error: it says what came of the trial
    """The run was over before the fault."""


@dataclass(frozen=True, kw_only=True)
class Moment:
    """When the fault is to be: so many seconds after the run has begun."""

    trial: Trial
    seconds: float

    def wait(self) -> None:
        """Waits for it; Missed where the run ends before."""
        command = self.trial.commands[0]
        eventually(
            lambda: self.trial.run_folder(RUN).info_file.exists() or not command.runs, why=lambda: command.output
        )
        until = time.monotonic() + self.seconds
        while time.monotonic() < until and command.runs:
            time.sleep(0.01)
        self.require_running()

    def require_running(self) -> None:
        """Missed where the run is over."""
        if not self.trial.commands[0].runs:
            raise Missed


Made = Callable[[Ground, Trial, Moment], tuple[int, Expected]]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A row of the table: name, what holds all the same, how it is made. `make` says how its last command ended."""

    name: str
    promise: str
    how: str
    make: Made
    is_server_mortal: bool = False


def _outage(begin: Callable[[Trial, int], object], end: Callable[[Trial, int], object], **expected: object) -> Made:
    """A machine, drawn by the seed, has the fault for up to `LONG_SECONDS`."""

    def make(_: Ground, trial: Trial, moment: Moment) -> tuple[int, Expected]:
        index, seconds = trial.dice.randrange(len(SLOTS)), trial.dice.uniform(0.1, LONG_SECONDS)
        command = trial.press()
        moment.wait()
        begin(trial, index)
        time.sleep(seconds)
        end(trial, index)
        return command.wait(), Expected(**expected)

    return make


def _end_sshd(trial: Trial, index: int) -> None:
    trial.fleet[index].stop_sshd()
    trial.fleet[index].kill_connections()


def _goes_on(trial: Trial, *words: str, **environment: str) -> int:
    return trial.start("orchestrate", "--run", RUN, *words, **environment).wait()


def _orchestrator_killed(_: Ground, trial: Trial, moment: Moment) -> tuple[int, Expected]:
    command = trial.press()
    moment.wait()
    command.kill()
    time.sleep(trial.dice.uniform(0, LONG_SECONDS))
    return _goes_on(trial), Expected()


def _interrupted(_: Ground, trial: Trial, moment: Moment) -> tuple[int, Expected]:
    command = trial.press()
    moment.wait()
    command.interrupt()
    status = command.wait()
    wrong = [] if status in {0, 130} else [f"ends: Ctrl-C ends with {status}: {command.output}"]
    return _goes_on(trial), Expected(attempts=2, more=tuple(wrong))


def _two_orchestrators(_: Ground, trial: Trial, moment: Moment) -> tuple[int, Expected]:
    first = trial.press()
    moment.wait()
    second = trial.start("orchestrate", "--run", RUN)
    status = second.wait()
    refused = status == 2 and "is being worked on by pid" in second.output
    came_late = status == 0 and ": running on" not in second.output
    wrong = [] if refused or came_late else [f"starts: the second one is not refused, {status}: {second.output}"]
    return first.wait(), Expected(more=tuple(wrong))


def _server_killed(_: Ground, trial: Trial, moment: Moment) -> tuple[int, Expected]:
    command = trial.press()
    moment.wait()
    trial.server.process.kill()
    time.sleep(trial.dice.uniform(0, LONG_SECONDS))
    trial.server.restart()
    return command.wait(), Expected()


def _server_gone(ground: Ground, trial: Trial, moment: Moment) -> tuple[int, Expected]:
    with ServerLine(ground.server.url) as line:
        trial.options["server_url"] = line.url
        command = trial.press(MIYABI_RUNS__SERVER_PATIENCE_MINUTES="0.02")
        moment.wait()
        line.end()
        time.sleep(trial.dice.uniform(0, 3 * LONG_SECONDS))
        for _ in range(2):  # the first one waits for the server to hear of it, the second one leaves
            if command.runs:
                command.interrupt()
            command.runs_for(_GOODBYE_SECONDS)
        status = command.wait(seconds=_GOODBYE_SECONDS)
    del trial.options["server_url"]
    wrong = [] if status in {0, 1, 130} else [f"ends: without a server with {status}: {command.output}"]
    return _goes_on(trial), Expected(attempts=2, more=tuple(wrong))


def _rebooted(_: Ground, trial: Trial, moment: Moment) -> tuple[int, Expected]:
    index = trial.dice.randrange(len(SLOTS))
    command = trial.press()
    moment.wait()
    host = trial.fleet[index]
    host.stop_sshd()
    host.kill_connections()
    for pid in trial.processes(index) | set(trial.supervisors(index).values()):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    time.sleep(trial.dice.uniform(0.1, LONG_SECONDS))
    host.start_sshd()
    return command.wait(), Expected(attempts=2)


def _killed(pids: Callable[[Trial], list[int]]) -> Made:
    """SIGKILL to one of these processes, as soon as there is one."""

    def make(_: Ground, trial: Trial, moment: Moment) -> tuple[int, Expected]:
        command = trial.press()
        moment.wait()
        found: list[int] = []
        while not found:
            moment.require_running()
            found = pids(trial)
            time.sleep(0.01)
        with contextlib.suppress(ProcessLookupError):
            os.kill(trial.dice.choice(sorted(found)), signal.SIGKILL)
        return command.wait(), Expected(attempts=2)

    return make


def _supervisors(trial: Trial) -> list[int]:
    return [pid for index in range(len(SLOTS)) for pid in trial.supervisors(index).values()]


def _agents(trial: Trial) -> list[int]:
    return [int(pid) for kind, _, pid in trial.notes if kind == "began" and Path(f"/proc/{pid}/cwd").exists()]


def _machine_disk_full(ground: Ground, trial: Trial, moment: Moment) -> tuple[int, Expected]:
    place = ground.disk / trial.folder.name
    trial.options["workspaces"] = {0: place}
    command = trial.press()
    moment.wait()
    with _filled(ground.disk):
        time.sleep(trial.dice.uniform(0.1, LONG_SECONDS))
    return command.wait(), Expected(attempts=2)


def _own_disk_full(_: Ground, trial: Trial, moment: Moment) -> tuple[int, Expected]:
    disk = trial.repository / ".miyabi" / "runs"
    trial.until_over.enter_context(mounted(disk))
    command = trial.press()
    moment.wait()
    with _filled(disk):
        time.sleep(trial.dice.uniform(0.1, LONG_SECONDS))
    return command.wait(), Expected()


@contextlib.contextmanager
def _filled(disk: Path) -> Iterator[None]:
    filler = disk / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    try:
        yield
    finally:
        filler.unlink()


def _children_left(_: Ground, trial: Trial, moment: Moment) -> tuple[int, Expected]:
    trial.options["environment"] = {"CHAOS_LEAVES": "1", "CHAOS_SECONDS": f"{trial.dice.uniform(0.05, 0.4):.2f}"}
    command = trial.press()
    status = command.wait()
    wrong = [f"left: {sorted(trial.processes())} before any sweep"] if trial.processes() else []
    return status, Expected(more=tuple(wrong))


def _github_away(ground: Ground, trial: Trial, moment: Moment) -> tuple[int, Expected]:
    with publish_site(trial, ground.github(), trial.folder) as published:
        token, front = published.remote.token(), published.github.front
        trial.options["tables"] = {"github": {"base_url": published.hub.url, "write_interval_seconds": 0}}
        command = trial.press("--pull-request", GITHUB_TOKEN=token)
        eventually(lambda: trial.run_folder(RUN).report_values_file.exists() or not command.runs)
        before, turned_away = len(front.sent) + int(moment.seconds), front.turned_away
        eventually(lambda: len(front.sent) >= before or not command.runs)
        front.is_away = True
        eventually(lambda: front.turned_away > turned_away or not command.runs)
        time.sleep(trial.dice.uniform(0.1, LONG_SECONDS))
        front.is_away = False
        status = command.wait()
        if front.turned_away == turned_away:
            raise Missed
        if status:
            status = _goes_on(trial, "--pull-request", GITHUB_TOKEN=token)
        pulls = [pull["head"]["ref"] for pull in published.remote.pulls(state="all")]
    wrong = [] if len(pulls) == 1 else [f"ends: pull requests of {pulls} in place of one"]
    return status, Expected(more=tuple(wrong))


FAULTS: tuple[Fault, ...] = (
    Fault(
        name="orchestrator killed",
        promise="sessions go on; the next `miyabi orchestrate --run` joins them and starts none twice",
        how="SIGKILL to the command; up to 1.5 s later the next one",
        make=_orchestrator_killed,
    ),
    Fault(
        name="orchestrator interrupted",
        promise="sessions are told to end, their work is kept, and the next command goes on from it",
        how="SIGINT to its process group, then `miyabi orchestrate --run`",
        make=_interrupted,
    ),
    Fault(
        name="two orchestrators",
        promise="a second one on the same run is refused, and the first is not disturbed",
        how="`miyabi orchestrate --run` beside the command that works on it",
        make=_two_orchestrators,
    ),
    Fault(
        name="Prefect server killed",
        promise="the run goes on as if nothing had been",
        how="SIGKILL to a server of its own, which starts again up to 1.5 s later",
        make=_server_killed,
        is_server_mortal=True,
    ),
    Fault(
        name="Prefect server gone",
        promise="what runs is seen to its end; Ctrl-C, or a second one, ends the rest, which goes on where a server is",
        how="every connection to it is reset from then on; up to 4.5 s later SIGINT, then `miyabi orchestrate --run`",
        make=_server_gone,
    ),
    Fault(
        name="link silent",
        promise="no byte is lost or there twice, and nothing is started twice",
        how="SIGSTOP to all of a machine's sshd, SIGCONT up to 1.5 s later",
        make=_outage(
            lambda trial, index: trial.fleet[index].link_down(), lambda trial, index: trial.fleet[index].link_up()
        ),
    ),
    Fault(
        name="link cut",
        promise="as of a silent link",
        how="SIGKILL to the sshd processes of a machine's connections; it takes new ones at once",
        make=_outage(lambda trial, index: trial.fleet[index].kill_connections(), lambda _, __: None),
    ),
    Fault(
        name="sshd restarted",
        promise="as of a silent link",
        how="a machine's sshd ends with all its connections, and starts again up to 1.5 s later",
        make=_outage(_end_sshd, lambda trial, index: trial.fleet[index].start_sshd()),
    ),
    Fault(
        name="machine rebooted",
        promise="what its sessions had done is collected, and each lost one is tried once more",
        how="SIGKILL to all that runs on a machine, sshd too, which starts again up to 1.5 s later; its disk stays",
        make=_rebooted,
    ),
    Fault(
        name="machine's disk full",
        promise="room is waited for, and nothing is lost",
        how="a disk of 64 MB is filled to the last block for up to 1.5 s",
        make=_machine_disk_full,
    ),
    Fault(
        name="own disk full",
        promise="as of a machine's disk",
        how="the same below `.miyabi/runs` of the orchestrator's clone",
        make=_own_disk_full,
    ),
    Fault(
        name="agent killed",
        promise="its work is kept, and it is tried once more on the same machine",
        how="SIGKILL to the session's own process, as for want of memory",
        make=_killed(_agents),
    ),
    Fault(
        name="supervisor killed",
        promise="the session keeps its slot while it lives, and its work is kept",
        how="SIGKILL to the process on the machine that attends to a session",
        make=_killed(_supervisors),
    ),
    Fault(
        name="children left behind",
        promise="they end with their session",
        how="each session leaves a process that has left its group, session and parents, at a moment of its own",
        make=_children_left,
    ),
    Fault(
        name="GitHub away",
        promise="there is one pull request in the end, by this command or the next one",
        how="connections to its API are reset for up to 1.5 s from the first one on, while the pull request is opened",
        make=_github_away,
    ),
)
