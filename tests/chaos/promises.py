"""The promises that a run keeps whatever happens to it, looked at from outside of the program where that can be."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from miyabi.sessions import Outcome, SessionResult, integration_branch
from tests.chaos.ground import NODES, RUN, SLOTS, Trial
from tests.support.git.repositories import git
from tests.support.machines.processes import eventually

TASKS = frozenset(task for task, _ in NODES)
_LEASE_SECONDS = 90


@dataclass(frozen=True, kw_only=True)
class Expected:
    """How a trial is to end: the exit status of its last `orchestrate`, and how many attempts a task may take."""

    status: int = 0
    attempts: int = 1
    more: tuple[str, ...] = field(default=())
    """What the fault's own look has found wrong."""


def broken(trial: Trial, status: int, expected: Expected) -> list[str]:
    """What of the promises was not kept, a sentence each; sweeps the run in the end."""
    results = trial.run_folder(RUN).results()
    wrong = [f"ends: exit status {status} in place of {expected.status}"] * (status != expected.status)
    for look in (_ends, _work, _starts, _slots, _streams):
        wrong += look(trial, results)
    wrong += _attempts(results, most=expected.attempts)
    wrong += _left(trial)
    wrong += _secrets(trial)
    return [*wrong, *expected.more]


def _ends(trial: Trial, results: list[SessionResult]) -> Iterator[str]:
    """Every task has succeeded, and report and results say the same."""
    rows = {row.task: row.outcome for row in trial.report(RUN).tasks}
    if rows != dict.fromkeys(TASKS, Outcome.SUCCEEDED):
        why = [
            f"{each.task}.{each.attempt} {each.outcome}: {each.error_text}" for each in results if not each.succeeded
        ]
        yield f"ends: the report says {rows}; {why}"
    last = trial.run_folder(RUN).latest_results()
    if {task: last[task].outcome for task in rows if task in last} != rows:
        yield "ends: report and results differ"
    for command in trial.commands:
        if "Traceback" in command.output:
            yield f"ends: a traceback: {command.output}"


def _work(trial: Trial, _: list[SessionResult]) -> Iterator[str]:
    """Each commit that a session made, and each change that it left uncommitted, is there once."""
    branch = integration_branch(RUN)
    if not git(trial.repository, "branch", "--list", branch):
        yield f"work: there is no {branch}"
        return
    commits = git(trial.repository, "rev-list", branch).split()
    subjects = git(trial.repository, "log", "--format=%s", branch).splitlines()
    files = git(trial.repository, "ls-tree", "--name-only", branch).split()
    for kind, session, what in trial.notes:
        if kind == "committed" and (what not in commits or subjects.count(f"work of {session}") != 1):
            yield f"work: commit {what} of {session} is there {subjects.count(f'work of {session}')} times"
        if kind == "left" and (what not in files or git(trial.repository, "show", f"{branch}:{what}") != session):
            yield f"work: {what}, left uncommitted, is not there, or not once"
    done = {session.split(".")[1] for kind, session, _ in trial.notes if kind == "committed"}
    if done != TASKS:
        yield f"work: only {sorted(done)} have committed anything"
    if changed := git(trial.repository, "status", "--porcelain", "--", ":!.miyabi"):
        yield f"work: the user's checkout has changed: {changed}"


def _starts(trial: Trial, results: list[SessionResult]) -> Iterator[str]:
    """No session began twice, and each that began is an attempt."""
    twice = {session: times for session, times in trial.starts.items() if times > 1}
    if twice:
        yield f"starts: more than once: {twice}"
    attempts = {f"{RUN}.{each.task}.{each.attempt}" for each in results}
    if unknown := set(trial.starts) - attempts:
        yield f"starts: no attempt has {sorted(unknown)}"
    if never := {f"{RUN}.{r.task}.{r.attempt}" for r in results if r.succeeded} - set(trial.starts):
        yield f"starts: succeeded without a start: {sorted(never)}"


def _attempts(results: list[SessionResult], *, most: int) -> Iterator[str]:
    found = max((each.attempt for each in results), default=0)
    if found > most:
        yield f"starts: {found} attempts of a task in place of at most {most}"


def _slots(trial: Trial, _: list[SessionResult]) -> Iterator[str]:
    """No machine had more sessions at once than it has slots."""
    for index, slots in enumerate(SLOTS):
        if (peak := trial.watch.peak[trial.workspace(index)]) > slots:
            yield f"slots: {peak} sessions at once on {slots}"


def _streams(trial: Trial, results: list[SessionResult]) -> Iterator[str]:
    """What is here of a session's stream is what it was on its machine, byte for byte."""
    for each in results:
        session = f"{RUN}.{each.task}.{each.attempt}"
        there = [trial.workspace(index) / "sessions" / session / "out" for index in range(len(SLOTS))]
        here = trial.run_folder(RUN).attempt(each.task, each.attempt) / "stdout.jsonl"
        outs = [file.read_bytes() for file in there if file.exists()]
        if outs and (here.read_bytes() if here.exists() else b"") not in outs:
            yield f"work: the stream of {session} differs from that of its machine"


def _left(trial: Trial) -> Iterator[str]:
    """After `miyabi sweep` no process, session, checkout, worktree or lease of the run is left."""
    sweep = trial.start("sweep", RUN)
    if sweep.wait():
        yield f"left: the sweep says {sweep.output}"
    try:
        eventually(lambda: not trial.processes(), seconds=5)
    except AssertionError:
        yield f"left: processes {sorted(trial.processes())}"
    for index in range(len(SLOTS)):
        place = trial.workspace(index)
        if left := [*place.glob(f"sessions/{RUN}.*"), *place.glob(f"checkouts/{RUN}"), *place.glob("*/*/worktrees/*")]:
            yield f"left: {left}"
    if len(git(trial.repository, "worktree", "list").splitlines()) > 1:
        yield "left: a worktree of the user's repository"
    deadline = time.monotonic() + _LEASE_SECONDS
    while any(trial.active_slots().values()) and time.monotonic() < deadline:
        time.sleep(0.2)
    if any(taken := trial.active_slots().values()):
        yield f"left: slots are taken: {list(taken)}"


def _secrets(trial: Trial) -> Iterator[str]:
    """The secret that each check printed is in no log, report, branch or database, and on no command line."""
    logs = trial.folder.glob("*.log")
    held = [file for file in logs if trial.canary.is_in(file.read_bytes())]
    held += trial.canary.files(trial.run_folder(RUN).path, trial.server.home)
    if held or trial.canary.in_commands or trial.canary.commits(trial.repository):
        yield f"secrets: in {[str(file) for file in held]}, on the command lines of {trial.canary.in_commands}"
