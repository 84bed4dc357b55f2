"""The `miyabi` command around a run: its table in a terminal, logs, sessions, schedule, sweep."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from flows.cli.demo import TWO_MACHINES
from tests.support.cli.process import TRUST, Command
from tests.support.cli.terminal import Terminal
from tests.support.git.repositories import git, make_repository
from tests.support.machines.processes import eventually
from tests.support.prefect.server import RealServer, prefect_database, prefect_server  # noqa: F401 - fixtures

MIYABI = Path(sys.executable).parent / "miyabi"
LONG = "a-task-whose-name-is-rather-long-for-a-narrow-terminal"
RUNS = """
[sessions.environment]
MIYABI_REHEARSAL_FAIL = "bad"
PATH = "{folder}/bin:/usr/local/bin:/usr/bin:/bin"
[runs]
rehearsal_seconds_per_minute = 1
"""
SLEEP = """#!/bin/sh
[ "$MIYABI_TASK" != first ] || [ "$MIYABI_RUN" != r1 ] || until [ -e "${0%/*}/gate" ]; do /bin/sleep 0.1; done
exec /bin/sleep "$@"
"""
COUNTED = """
import atexit, sys
from miyabi.dag.validate import parsed
from flows.__main__ import main
atexit.register(lambda: print(parsed.cache_info(), file=sys.stderr))
main()
"""
NODES = [
    {"id": "first", "title": "The first one", "estimated_duration": 7},
    {"id": "second", "title": "日本語のメッセージ 🎉", "estimated_duration": 2, "dependencies": ["first"]},
    {"id": "bad", "title": "What fails", "estimated_duration": 1, "dependencies": ["first"]},
    {"id": LONG, "title": "Never begun", "estimated_duration": 2, "dependencies": ["bad"]},
]


@dataclass(frozen=True, kw_only=True)
class Project:
    """A repository on two machines made of this one, and the command in a folder below its root."""

    folder: Path
    url: str

    @property
    def repository(self) -> Path:
        """Its root."""
        return self.folder / "repository"

    @property
    def environment(self) -> dict[str, str]:
        """All that the command gets."""
        home = {"HOME": str(self.folder / "home"), "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
        return TRUST | home | {"PREFECT_API_URL": self.url}

    def miyabi(self, *words: str | Path, **variables: str) -> str:
        """What the command prints, below the root of the repository; it ends well."""
        done = self.run(*words, **variables)
        assert done.returncode == 0, done
        return done.stdout

    def run(self, *words: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """The command's end."""
        line = [str(word) for word in (MIYABI, *words)]
        where, environment = self.repository / "src", self.environment | variables
        return subprocess.run(
            line, cwd=where, env=environment, capture_output=True, text=True, check=False, timeout=240
        )

    def open_gate(self) -> None:
        """Lets the first task of the run `r1` go on, which waits for it as long as the test wants."""
        (self.folder / "bin" / "gate").touch()

    def terminal(self, *words: str | Path, columns: int) -> Terminal:
        """The command in a terminal."""
        return Terminal([MIYABI, *words], columns=columns, environment=self.environment, folder=self.repository / "src")


@pytest.fixture(scope="module")
def cli_project(tmp_path_factory: pytest.TempPathFactory, prefect_server: RealServer) -> Project:
    """A project with a DAG of four tasks, one of which fails."""
    folder = tmp_path_factory.mktemp("project")
    cli_project = Project(folder=folder, url=prefect_server.url)
    make_repository(cli_project.repository)
    for path in (cli_project.repository / ".miyabi", cli_project.repository / "src", folder / "home", folder / "bin"):
        path.mkdir(exist_ok=True)
    (folder / "bin" / "sleep").write_text(SLEEP)
    (folder / "bin" / "sleep").chmod(0o755)
    (cli_project.repository / ".miyabi" / "config.toml").write_text((TWO_MACHINES + RUNS).format(folder=folder))
    (folder / "tasks.json").write_text(json.dumps({"nodes": NODES}))
    return cli_project


@pytest.fixture(scope="module")
def rehearsal(cli_project: Project) -> Iterator[Terminal]:
    """`miyabi orchestrate` in a terminal of 80 columns, under way."""
    words = ("orchestrate", cli_project.folder / "tasks.json", "--rehearse", "--run", "r1")
    terminal = cli_project.terminal(*words, columns=80)
    yield terminal
    terminal.close()


def ended(cli_project: Project, rehearsal: Terminal) -> int:
    """The exit status of the rehearsal, once it is over."""
    cli_project.open_gate()
    return rehearsal.wait()


def test_sessions_that_live(cli_project: Project, rehearsal: Terminal) -> None:
    """`sessions` names run, task, attempt and state of what lives, from anywhere in the repository."""
    eventually(lambda: "first " in cli_project.miyabi("sessions") or not rehearsal.runs, why=lambda: rehearsal.output)
    lines = [line.split() for line in cli_project.miyabi("sessions").splitlines()]
    assert lines[0] == ["mini1:", "0", "of", "3", "slots", "taken"]
    assert lines[1] == ["mini2:", "1", "of", "2", "slots", "taken"]
    assert lines[2] == ["run", "task", "attempt", "state", "output"]
    assert lines[3][:4] == ["r1", "first", "1", "running"]


def test_how_a_run_stands_while_it_runs(cli_project: Project, rehearsal: Terminal) -> None:
    """`status` says what runs, what waits and why, and that the run goes on; `runs` has it among the others."""
    eventually(lambda: "first " in cli_project.miyabi("sessions") or not rehearsal.runs, why=lambda: rehearsal.output)
    eventually(lambda: "mini2" in cli_project.run("status", "r1").stdout)
    done = cli_project.run("status", "r1", COLUMNS="80")
    assert done.returncode == 8, done
    headline, _, table = done.stdout.partition("\ntask ")
    rows = table.splitlines()
    assert headline.startswith("rehearsal r1: running for "), done
    assert next(line for line in rows if line.startswith("second ")).rstrip().endswith("for first")
    assert re.search(r"; about [\d. mins]+ left$", headline.replace("\n", " "))
    assert all(len(line) <= 80 for line in (*headline.splitlines(), *rows))
    listed = cli_project.miyabi("runs", COLUMNS="80").splitlines()
    assert listed[1].split()[:2] == ["r1", "running"]
    assert "watch   miyabi status RUN" in listed


def test_logs_are_followed_from_before_the_start(cli_project: Project, rehearsal: Terminal) -> None:
    """`logs -f` of a task that still waits shows its session from the first to the last event, and ends with it."""
    assert not (cli_project.repository / ".miyabi/runs/r1/sessions/second").exists()
    line, log = [MIYABI, "logs", "r1", "second", "-f"], cli_project.folder / "followed"
    follower = Command(line, environment=cli_project.environment, folder=cli_project.repository, log=log)
    cli_project.open_gate()
    said = follower.succeeds().splitlines()
    assert said[0] == "- started, rehearsal"
    assert said[1].startswith("Rehearsal of second: ")
    assert said[2:5] == [
        "> Bash: ls rehearsal",
        "> Write: rehearsal/second.md",
        "> Bash: git commit -m '[rehearsal] second'",
    ]
    assert said[-1] == "= ended after 5 turns, $0.00"


def test_the_table_in_a_narrow_terminal(cli_project: Project, rehearsal: Terminal) -> None:
    """In 80 columns every figure is whole; then the summary says what went wrong, and the exit code is 1."""
    assert ended(cli_project, rehearsal) == 1
    whole, _, table_and_all = rehearsal.screen.partition("\ntask ")
    headings, *rows = f"task {table_and_all}".splitlines()
    title = whole.replace("\n", " ")
    assert title.startswith("rehearsal r1: 4 of 4 tasks done (2 succeeded, 1 failed, 1 skipped")
    assert headings.split() == ["task", "machine", "state", "elapsed", "turns", "cost", "last", "action"]
    table = {row.split()[0]: row.split()[1:] for row in rows[:4]}
    assert [*table["first"][:2], table["first"][3]] == ["mini2", "succeeded", "5"]
    assert re.fullmatch(r"\d+:\d\d", table["first"][2])
    assert table["bad"][1:3] == ["agent", "error"]
    assert [cells for name, cells in table.items() if name.startswith(LONG[:12])] == [["skipped"]]
    assert all(len(line) <= 80 for line in (*whole.splitlines(), headings, *rows[:4]))
    assert "2 of 4 tasks succeeded (50 %), 1 failed, 1 skipped" in rehearsal.output
    assert "MIYABI_REHEARSAL_FAIL" in rehearsal.output
    assert "Traceback" not in rehearsal.output


def test_logs_of_what_is_not_there(cli_project: Project, rehearsal: Terminal) -> None:
    """An unknown task, a task without a session and an unknown attempt are refused with what there is."""
    ended(cli_project, rehearsal)
    for words, said in (
        (("nope",), f"there is no task 'nope'. Its tasks: {LONG}, bad, first, second."),
        ((LONG, "-f"), f"task {LONG} has no session. Tasks with sessions: bad, first, second."),
        (("first", "--attempt", "2"), "task first: there is no attempt 2. Attempts: 1."),
    ):
        done = cli_project.run("logs", "r1", *words)
        assert (done.returncode, done.stderr) == (2, f"miyabi: run r1: {said}\n")


def test_raw_logs(cli_project: Project, rehearsal: Terminal) -> None:
    """`logs --raw` is the stream as it came, byte by byte."""
    ended(cli_project, rehearsal)
    stream = cli_project.repository / ".miyabi/runs/r1/sessions/first/attempt-1/stdout.jsonl"
    assert cli_project.miyabi("logs", "r1", "first", "--raw") == stream.read_text()


def test_sweep_leaves_nothing(cli_project: Project, rehearsal: Terminal) -> None:
    """`sweep` removes sessions and checkouts from every machine, the branches when told to, and keeps the report."""
    ended(cli_project, rehearsal)
    assert "r1 " in cli_project.miyabi("sessions", "--all")
    said = cli_project.miyabi("sweep", "r1", "--branches", "--yes")
    assert said.splitlines()[:2] == ["mini1: swept, 0 sessions", "mini2: swept, 3 sessions"]
    assert "deleted the branches miyabi/r1/*" in said
    assert cli_project.miyabi("sessions", "--all") == "mini1: 0 of 3 slots taken\nmini2: 0 of 2 slots taken\n"
    assert git(cli_project.repository, "branch", "--list", "miyabi/*") == ""
    assert not [*cli_project.folder.glob("mini*/checkouts/*/*")]
    assert (cli_project.repository / ".miyabi/runs/r1/report.md").is_file()


def test_an_interrupted_run_says_how_to_go_on(cli_project: Project) -> None:
    """Ctrl-C is answered at once, ends the sessions, collects what they have, and names what goes on; exit code 130.

    At the start it was said what the sessions begin with, and what of the checkout they do not see.
    """
    (cli_project.repository / "notes.txt").write_text("not committed")
    terminal = cli_project.terminal(
        "orchestrate", cli_project.folder / "tasks.json", "--rehearse", "--run", "r2", columns=200
    )
    try:
        eventually(lambda: "Rehearsal of first" in terminal.screen or not terminal.runs, why=lambda: terminal.output)
        terminal.interrupt()
        eventually(lambda: "miyabi: interrupted: the sessions are stopped" in terminal.screen or not terminal.runs)
        assert terminal.wait() == 130
    finally:
        terminal.close()
        (cli_project.repository / "notes.txt").unlink()
    assert "miyabi: interrupted: the sessions are stopped" in terminal.screen
    assert "no session sees: notes.txt" in terminal.output
    head = git(cli_project.repository, "rev-parse", "HEAD")[:12]
    assert f"base        {head}\nmodel       none: it is a rehearsal\n" in terminal.output
    assert terminal.output.splitlines()[-1] == "to go on    miyabi orchestrate --run r2"
    assert "first: stopped: " in terminal.output
    assert "Traceback" not in terminal.output
    assert cli_project.miyabi("sessions") == "mini1: 0 of 3 slots taken\nmini2: 0 of 2 slots taken\n"


@pytest.mark.parametrize("columns", [80, 200])
def test_schedule_in_a_terminal(cli_project: Project, columns: int) -> None:
    """`schedule` has every column and whole figures in any width, and whole names in a wide one."""
    terminal = cli_project.terminal("schedule", cli_project.folder / "tasks.json", columns=columns)
    assert terminal.wait() == 0
    headings, *rows = terminal.output.splitlines()
    assert headings.split() == ["#", "task", "level", "machine", "start", "end", "waits", "for", "title"]
    assert rows[0].split() == ["1", "first", "0", "mini2", "0", "min", "7", "min", "The", "first", "one"]
    assert all(len(line) <= columns for line in (headings, *rows[:4]))
    assert (LONG in "\n".join(rows[:4])) == (columns == 200)
    assert f"critical path first -> bad -> {LONG} (10 min)" in " ".join(terminal.output.split())
    assert "expected       10 min, not below 10 min on these slots" in terminal.output


def test_a_schedule_in_a_file_is_whole(cli_project: Project) -> None:
    """What goes to a pipe is cut nowhere."""
    said = cli_project.miyabi("schedule", cli_project.folder / "tasks.json")
    assert LONG in said.splitlines()[4]
    assert "日本語のメッセージ 🎉" in said


def test_help_answers_at_once(cli_project: Project) -> None:
    """`--help` takes at most 0.4 s of work, whatever else the machine has to do: the best of five."""

    def seconds() -> float:
        before = os.times()
        assert "orchestrate" in cli_project.miyabi("--help")
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    assert min(seconds() for _ in range(5)) <= 0.4


def test_check_from_below_the_root(cli_project: Project) -> None:
    """`check` asks the machines of the repository's configuration wherever in the repository it is called."""
    assert [line.split()[:2] for line in cli_project.miyabi("check", "--rehearse").splitlines()] == [
        ["ok", "mini1:"],
        ["ok", "mini2:"],
    ]


def test_what_is_done_or_cancelled_is_not_scheduled(cli_project: Project) -> None:
    """`schedule` says it, a run does the rest and says it too, and a status that nobody knows is refused."""
    tasks = cli_project.folder / "status.yaml"
    tasks.write_text(
        "nodes:\n"
        "- {id: old, status: done}\n"
        "- {id: new, dependencies: [old], estimated_duration: 1}\n"
        "- {id: given-up, status: cancelled, requires: [no-machine-has-it]}\n"
        "- {id: below, dependencies: [given-up]}\n"
    )
    scheduled = cli_project.miyabi("schedule", tasks)
    assert "done           old\ncancelled      given-up\n" in scheduled
    assert scheduled.endswith("held           below waits for given-up, which is cancelled\n")
    assert "levels         new\n" in scheduled
    done = cli_project.run("orchestrate", tasks, "--rehearse", "--run", "r3")
    assert (done.returncode, "1 of 1 task succeeded" in done.stdout) == (0, True), done
    said = "not scheduled: below waits for given-up, which is cancelled"
    assert said in done.stderr
    assert said in (cli_project.repository / ".miyabi/runs/r3/report.md").read_text()
    again = cli_project.run("orchestrate", tasks, "--rehearse", "--run", "r3")
    assert (again.returncode, "1 of 1 task succeeded" in again.stdout) == (0, True), again
    assert git(cli_project.repository, "branch", "--list", "miyabi/r3/*", "--format=%(refname:short)").split() == [
        "miyabi/r3/_integration",
        "miyabi/r3/new",
    ]
    tasks.write_text("nodes:\n- {id: old, status: dnoe}\n")
    for command in ("schedule", "orchestrate"):
        refused = cli_project.run(command, tasks)
        assert refused.returncode == 2
        assert "node 'old': 'status' must be one such as" in refused.stderr
        assert "did you mean 'done'?" in refused.stderr


def test_a_dag_file_is_parsed_once_in_a_run(cli_project: Project) -> None:
    """A whole rehearsal in one process parses the given file once, however it is named, and its own copy once."""
    (cli_project.folder / "once.json").write_text('{"nodes": [{"id": "a", "estimated_duration": 1}]}')
    line = [sys.executable, "-c", COUNTED, "orchestrate", "../../once.json", "--rehearse", "--run", "once"]
    where, environment = cli_project.repository / "src", cli_project.environment
    done = subprocess.run(line, cwd=where, env=environment, capture_output=True, text=True, check=False, timeout=240)
    assert (done.returncode, "1 of 1 task succeeded" in done.stdout) == (0, True), done
    (hits, misses), *others = re.findall(r"CacheInfo\(hits=(\d+), misses=(\d+)", done.stderr)
    assert (int(misses), others) == (2, [])
    assert int(hits) >= 2
