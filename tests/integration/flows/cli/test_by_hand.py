"""The commands for one run, `attach`, `stop`, `retry` and `open`: what they refuse, and what they say of a run."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from miyabi.dag import Dag
from miyabi.machines import Machine
from miyabi.machines.machine import SshConfig
from miyabi.runs import AttemptRecord, RunFolder, create_run
from miyabi.sessions import Outcome, SessionResult, resolving
from miyabi.settings import Settings
from tests.support.cli.small_repository import ROOT, CliRepository, cli_repository, fleet_of  # noqa: F401 - a fixture
from tests.support.cli.terminal import Terminal
from tests.support.git.repositories import git
from tests.support.machines.tcp_faults import closed_port
from tests.support.values.results import result

START = datetime(2026, 1, 1, tzinfo=UTC)
NODES = ({"id": "a", "prompt": "x"}, {"id": "b", "prompt": "x", "dependencies": ["a"]}, {"id": "c", "prompt": "x"})


def begun(cli_repository: CliRepository, *results: SessionResult, rehearse: bool = False) -> RunFolder:
    """A run of these tasks, of which some have results."""
    folder = RunFolder(cli_repository.repository, "r1").create()
    base, dag = git(cli_repository.repository, "rev-parse", "HEAD"), Dag.load(Path(cli_repository.dag(*NODES)))
    create_run(folder, dag=dag, settings=Settings(), base=base, base_branch="main", rehearse=rehearse)
    for each in results:
        folder.write_result(each)
        record = AttemptRecord(machine="m1", host=None, workspace="~/.miyabi", start=START, base=base)
        (folder.attempt(each.task, each.attempt) / "attempt.json").write_text(record.model_dump_json())
    return folder


def failed(task: str, *, turns: int = 4) -> SessionResult:
    """A result with a red check, of a conversation."""
    return result(task, Outcome.CHECK_FAILED, run="r1", machine="m1", session_id=f"of-{task}", turns=turns, head=None)


@contextmanager
def attaching(cli_repository: CliRepository, task: str, *machines: Machine) -> Iterator[Terminal]:
    """`miyabi attach` in a terminal, with that fleet."""
    usual = {"HOME": str(cli_repository.folder / "home"), "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-m", "flows", "attach", "r1", task]
    environment = usual | fleet_of(*machines)
    terminal = Terminal(words, columns=400, environment=environment, folder=cli_repository.repository)
    try:
        yield terminal
    finally:
        terminal.close()


@pytest.mark.parametrize("command", ["attach", "stop", "retry", "open"])
def test_a_run_or_task_that_is_not_there(cli_repository: CliRepository, command: str) -> None:
    """Those that there are stand in the line."""
    begun(cli_repository, failed("a"))
    cli_repository.refuses(command, "r2", "a", saying=["run r2: not found below", "The latest runs: r1."])
    cli_repository.refuses(command, "r1", "x", saying=["run r1: there is no task 'x'. Its tasks: a, b, c."])


def test_attach_without_a_terminal(cli_repository: CliRepository) -> None:
    """Nothing is prepared for a person who is not there."""
    begun(cli_repository, failed("a"))
    cli_repository.refuses("attach", "r1", "a", saying=["attach needs a terminal"])


def test_attach_where_there_is_nothing_to_go_on_with(cli_repository: CliRepository) -> None:
    """A task without a session, one whose session said nothing: exit code 2, and nothing is begun."""
    folder = begun(cli_repository, failed("a", turns=0))
    for task in ("a", "b"):
        with attaching(cli_repository, task, Machine(name="m1")) as terminal:
            assert terminal.wait() == 2
            assert f"miyabi: run r1: task {task} has no conversation to go on with" in terminal.output
    assert [path.name for path in folder.path.glob("sessions/*/*")] == ["attempt-1"]


def test_attach_to_a_rehearsal(cli_repository: CliRepository) -> None:
    """No claude has run in it."""
    begun(cli_repository, failed("a"), rehearse=True)
    with attaching(cli_repository, "a", Machine(name="m1")) as terminal:
        assert (terminal.wait(), "run r1 is a rehearsal" in terminal.output) == (2, True)


def test_attach_to_a_machine_that_is_not_there(cli_repository: CliRepository) -> None:
    """One that does not answer, is not in the configuration or is another one now is said in a line: exit code 1."""
    folder = begun(cli_repository, failed("a"))
    off = Machine(name="m1", host="127.0.0.1", ssh=SshConfig(port=closed_port()))
    for machine, said in (
        (
            Machine(name="m2"),
            "a: its conversation is on m1 (workspace ~/.miyabi on this machine), which the configuration",
        ),
        (off, "Put that back there, or begin anew: miyabi retry r1 a"),
    ):
        with attaching(cli_repository, "a", machine) as terminal:
            assert (terminal.wait(), said in terminal.output, terminal.output.count("\n")) == (1, True, 1)
    file = folder.attempt("a") / "attempt.json"
    file.write_text(file.read_text().replace('"host":null', f'"host":"{off.host}"'))
    with attaching(cli_repository, "a", off) as terminal:
        assert (terminal.wait(), "m1 (" in terminal.output, terminal.output.count("\n")) == (1, True, 1)
    assert not folder.attempt("a", 2).exists()


def test_retry_of_what_cannot_be_tried_again(cli_repository: CliRepository) -> None:
    """A task that succeeded, and one that builds on another that did not, are refused; where all did, that is all."""
    folder = begun(cli_repository, failed("a"), result("c", run="r1"))
    cli_repository.refuses("retry", "r1", "c", saying=["run r1: task c succeeded: there is nothing to try again."])
    said = "task b builds on a, which did not succeed. Try that again too: miyabi retry r1 a b"
    cli_repository.refuses("retry", "r1", "b", saying=[said])
    for task in ("a", "b"):
        folder.write_result(result(task, run="r1"))
    done = cli_repository.miyabi("retry", "r1")
    assert (done.returncode, done.stdout) == (0, "run r1: every task succeeded, there is nothing to try again\n")


def test_a_run_that_is_over(cli_repository: CliRepository) -> None:
    """There is nothing to stop; where to look is said without a server, too."""
    folder = begun(cli_repository, failed("a"))
    folder.report_file.write_text("the report")
    done = cli_repository.miyabi("stop", "r1", **fleet_of(Machine(name="m1")))
    assert (done.returncode, done.stdout) == (0, "run r1: nothing of it runs\n")
    opened = cli_repository.miyabi("open", "r1", "a")
    assert opened.stdout.splitlines() == [
        "branch        miyabi/r1/a",
        f"session       {folder.attempt('a')}",
        "checkout      ~/.miyabi/checkouts/r1/a/a",
        f"report        {folder.report_file}",
    ]


def test_a_resolution_that_is_over(cli_repository: CliRepository) -> None:
    """While its run goes on: no other attempt of it is begun, and nobody waits for the end of the run to know that."""
    name = resolving("a", start="0" * 40)
    folder = begun(cli_repository, result(name, run="r1", machine="m1", head="0" * 40))
    with folder.lock():
        done = cli_repository.miyabi("stop", "r1", name)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, f"{name}: no other attempt is begun"), done
    assert f"{name}: succeeded" in done.stdout


def test_a_configuration_that_cannot_be_used(cli_repository: CliRepository) -> None:
    """It is a warning where no machine is asked; where a session is left on one, it is the reason why that is left."""
    folder = begun(cli_repository, failed("a"))
    cli_repository.configure("[sessions]\nturns = 3\n")
    for words, said in ((["stop", "r1"], "run r1: nothing of it runs\n"), (["open", "r1", "a"], "miyabi/r1/a\n")):
        done = cli_repository.miyabi(*words)
        assert (done.returncode, said in done.stdout) == (0, True), done
        (warning,) = done.stderr.splitlines()
        assert warning.startswith(f"warning: {cli_repository.repository}/.miyabi/config.toml: sessions.turns: unknown")
    (folder.attempt("a") / "result.json").unlink()
    left = cli_repository.miyabi("stop", "r1")
    assert left.returncode == 2
    assert left.stderr.splitlines()[-1].startswith("miyabi: ")
