"""The `miyabi` command: what it refuses, in one line and with the right exit code, and how fast it answers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

from flows.__main__ import SUMMARIES, main
from miyabi.dag import Dag
from miyabi.machines import Machine
from miyabi.runs import RunFolder, create_run
from miyabi.settings import Settings
from tests.support.cli.small_repository import ROOT, CliRepository, cli_repository, fleet_of  # noqa: F401 - a fixture
from tests.support.git.repositories import git
from tests.support.values.damage import damage_file
from tests.support.values.results import result

BAD = ROOT / "tests" / "cases" / "dags" / "bad"


def test_help_needs_no_prefect() -> None:
    """--help answers without the imports that cost seconds."""
    code = "import sys, runpy; sys.argv = ['miyabi', '--help']\n"
    code += "try: runpy.run_module('flows', run_name='__main__')\nexcept SystemExit: pass\n"
    code += "print(sorted({m.split('.')[0] for m in sys.modules} & {'prefect', 'asyncssh', 'pydantic', 'rich'}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "orchestrate" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_list_of_commands_says_what_each_says_first() -> None:
    """What stands beside each name in `miyabi --help` is the first sentence of its own help."""
    context = click.Context(main)
    for name, sentence in SUMMARIES.items():
        command = main.get_command(context, name)
        assert command
        assert command.get_short_help_str(limit=200) == sentence


@pytest.mark.parametrize("command", ["check", "orchestrate", "sessions", "sweep"])
def test_ssh_is_imported_where_a_machine_is_reached_by_it(command: str) -> None:
    """A fleet that is this computer alone waits for no SSH library."""
    code = "import sys; from miyabi.machines.connect import open_host; from miyabi.machines.machine import Machine\n"
    code += f"import flows.cli.{command}; open_host(Machine(name='here'))\n"
    code += "before = 'asyncssh' in sys.modules; open_host(Machine(name='there', host='there'))\n"
    code += "print(before, 'asyncssh' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False True\n"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("task.json", None, ["no such file; did you mean 'tasks.json'?"]),
        (".", None, ["is a directory; give the DAG file in it"]),
        ("tasks.json", b"{", ["line 1, column 2: not JSON"]),
        (
            "tasks.json",
            b'{"nodes": [{"id": "\xff"}]}',
            ["byte 19 (line 1) is 0xff, which is not UTF-8"],
        ),
        ("tasks.json", b"", ["the file must hold an object", "found nothing"]),
        ("tasks.json", b'{"nodes": []}', ["'nodes' is empty"]),
        ("tasks.json", b'{"nodes": [{"id": "../x"}]}', ["node number 1", "'id'", "'../x'"]),
        ("tasks.json", b'{"nodes": [{"id": "a", "priorty": 1}]}', ["node 'a'", "did you mean 'priority'?"]),
        ("tasks.json", b'{"nodes": [{"id": "a", "priority": 0}]}', ["node 'a'", "'priority'", "found the number 0"]),
        ("tasks.json", b'{"nodes": [{"id": "a"}, {"id": "a"}]}', ["'a'"]),
        ("tasks.yaml", b"nodes: [{id: a, dependencies: [b]}]", ["node 'a'", "'b'"]),
        ("tasks.yaml", b"nodes:\n\t- id: a", ["line 2"]),
    ],
)
def test_a_dag_file_that_cannot_be_used(
    cli_repository: CliRepository, name: str, content: bytes | None, words: list[str]
) -> None:
    """The file, the node and the field are named with what was found, and what to do."""
    cli_repository.dag()
    if content is not None:
        (cli_repository.folder / name).write_bytes(content)
    cli_repository.refuses(
        "orchestrate", str(cli_repository.folder / name), saying=[str(cli_repository.folder / name), *words]
    )


def test_every_problem_of_a_dag_file_is_shown(cli_repository: CliRepository) -> None:
    """Below the first problem each of the others has its line, for `schedule` as for `orchestrate`; of many, twenty."""
    file = cli_repository.dag({"id": "a", "colour": 1, "priority": 0}, {"id": "b", "requires": 7})
    for command in ("schedule", "orchestrate"):
        said = cli_repository.refuses(command, file).splitlines()
        assert len(said) == 3
        assert said[0].endswith(" (and 2 more problems)")
        assert said[1].startswith("  node 'a': 'priority' must be")
        assert said[2].startswith("  node 'b': 'requires' must be")
    many = cli_repository.refuses(
        "schedule", cli_repository.dag({"id": "a"} | {f"field{number}": 1 for number in range(30)})
    ).splitlines()
    assert (len(many), many[-1]) == (22, "  … and 9 more")


def test_every_problem_of_a_configuration_is_shown(cli_repository: CliRepository) -> None:
    """A configuration's problems have a line each, too."""
    cli_repository.configure("[runs]\npatience = 1\nmax_attempts = 0\n")
    done = cli_repository.miyabi("check")
    assert done.returncode == 2
    first, second = done.stderr.splitlines()
    assert "runs.max_attempts: " in first
    assert first.endswith(" (and 1 more)")
    assert "runs.patience: unknown field" in second


@pytest.mark.parametrize("words", [["--run", "nightly-1"], ["--run", "nightly-1", "--rehearse"]])
def test_a_run_that_is_not_there(cli_repository: CliRepository, words: list[str]) -> None:
    """Who wants to go on with a run and mistypes its name is told so, with those that there are."""
    for run in ("nightly-2", "nightly-3"):
        folder = cli_repository.repository / ".miyabi" / "runs" / run
        folder.mkdir(parents=True)
        (folder / "run.json").write_text("{}")
    said = ["run nightly-1: not found below", "The latest runs: nightly-2, nightly-3."]
    cli_repository.refuses("orchestrate", *words, saying=said)
    cli_repository.refuses("sweep", "nightly-1", saying=said)


def begun(cli_repository: CliRepository) -> RunFolder:
    """A run of one task whose session is over; its work was collected."""
    folder = RunFolder(cli_repository.repository, "r1").create()
    base, dag = git(cli_repository.repository, "rev-parse", "HEAD"), Dag.load(Path(cli_repository.dag(prompt="x")))
    create_run(folder, dag=dag, settings=Settings(), base=base, base_branch="main", rehearse=True)
    folder.write_result(result("a", run="r1"))
    return folder


@pytest.mark.parametrize(
    "name",
    ["run.json", "integration.json", "home.json", "milestone.json", "not_integrated.json", "hand_over.json"],
)
def test_a_run_whose_folder_is_damaged(cli_repository: CliRepository, name: str) -> None:
    """What it keeps is read before anything is started, whichever part of it needs it: exit code 2 is true."""
    file = begun(cli_repository).path / name
    damage_file(file)
    cli_repository.refuses("orchestrate", "--run", "r1", saying=[f"{file}: the file: Invalid JSON"])
    damage_file(file, is_folder=True)
    cli_repository.refuses("orchestrate", "--run", "r1", saying=[f"{file}: cannot be read: Is a directory"])


@pytest.mark.parametrize("name", ["lock", "status.json", "sessions/a/attempt-1/result.json"])
def test_a_folder_where_a_file_of_the_run_belongs(cli_repository: CliRepository, name: str) -> None:
    """It is named in one line, before anything is started."""
    file = begun(cli_repository).path / name
    damage_file(file, is_folder=True)
    cli_repository.refuses("orchestrate", "--run", "r1", saying=[f"{file}: "])


def test_a_file_that_cannot_be_opened(cli_repository: CliRepository) -> None:
    """Whichever file it is: its name and the reason are one line."""
    damage_file(file := begun(cli_repository).lock_file, is_folder=True)
    done = cli_repository.miyabi("sweep", "r1")
    assert (done.returncode, done.stderr) == (1, f"miyabi: {file}: Is a directory\n")


def test_a_run_whose_run_json_was_removed(cli_repository: CliRepository) -> None:
    """No other DAG gets its results, and who goes on with it is not told that there is no such run."""
    folder = begun(cli_repository)
    folder.info_file.unlink()
    other = cli_repository.dag({"id": "a", "prompt": "something else", "check": "false"})
    said = [f"{folder.info_file}: no such file, but the folder holds more of a run"]
    cli_repository.refuses("orchestrate", other, "--run", "r1", "--rehearse", saying=said)
    cli_repository.refuses("orchestrate", "--run", "r1", saying=said)
    cli_repository.refuses("logs", "r1", "a", saying=said)


def test_logs_beside_a_folder_that_is_no_attempt(cli_repository: CliRepository) -> None:
    """What somebody has put there is passed over."""
    folder = begun(cli_repository)
    (folder.attempt("a") / "stdout.jsonl").write_text('{"type": "of no version"}\n')
    (folder.path / "sessions/a/attempt-x").mkdir()
    done = cli_repository.miyabi("logs", "r1", "a", "--raw")
    assert (done.returncode, done.stdout, done.stderr) == (0, '{"type": "of no version"}\n', "")


def test_the_command_says_what_the_reader_says(cli_repository: CliRepository) -> None:
    """A sample of the cases that tests/unit/dag/test_validate.py holds against the reader, in the same words."""
    expected = json.loads((BAD.parent / "bad.json").read_text(encoding="utf-8"))
    for name in sorted(expected)[::24]:
        cli_repository.refuses("orchestrate", str(BAD / name), saying=[f"{BAD / name}: {expected[name]}"])


def test_a_file_over_64_megabytes(cli_repository: CliRepository) -> None:
    """A file that no DAG needs is refused before it is read to its end."""
    cli_repository.dag()
    with cli_repository.tasks.open("r+b") as file:
        file.truncate((64 << 20) + 1)
    cli_repository.refuses("orchestrate", str(cli_repository.tasks), saying=["tasks.json", "larger than 64 MB"])


def test_no_repository(cli_repository: CliRepository, tmp_path: Path) -> None:
    """A folder without a repository is named, with what to do."""
    words = [str(tmp_path), "no git repository", "git init"]
    cli_repository.refuses("orchestrate", cli_repository.dag(), "-C", str(tmp_path), saying=words)
    assert not (tmp_path / ".miyabi").exists()


def test_no_such_folder(cli_repository: CliRepository) -> None:
    """A repository that is not there is named."""
    cli_repository.refuses(
        "orchestrate", cli_repository.dag(), "-C", "/no/such", saying=["/no/such: there is no such folder"]
    )


def test_a_folder_that_cannot_be_looked_at(cli_repository: CliRepository) -> None:
    """What the system says of it is told."""
    cli_repository.refuses(
        "orchestrate", cli_repository.dag(), "-C", "x" * 300, saying=["File name too long. Give the folder of a git"]
    )


def test_no_such_base(cli_repository: CliRepository) -> None:
    """A base that does not exist is named, with those that do."""
    cli_repository.refuses("orchestrate", cli_repository.dag(), "--base", "nope", saying=["'nope'", "There are: main"])
    cli_repository.refuses(
        "orchestrate", cli_repository.dag(), MIYABI_RUNS__BASE="mian", saying=["'mian'", "Did you mean main?"]
    )


def test_a_repository_without_a_commit(cli_repository: CliRepository) -> None:
    """There is nothing to start from, and the way to it is told."""
    empty = cli_repository.folder / "empty"
    git(cli_repository.folder, "init", "-q", str(empty))
    cli_repository.refuses(
        "orchestrate", cli_repository.dag(), "-C", str(empty), saying=["has no commit yet", "git commit"]
    )
    assert not (empty / ".miyabi").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[sessions", ["not valid TOML", "Expected ']'"]),
        (b"[sessions]\ncheck = '\xff'", ["line 2 is not UTF-8"]),
        ("[sessions]\nmodle = 'x'", ["sessions.modle: unknown field; did you mean 'model'?"]),
        ("[[machines]]\nname = 'a'\nslots = 'many'", ["machines.0.slots", "found 'many'"]),
    ],
)
def test_a_configuration_that_cannot_be_used(
    cli_repository: CliRepository, text: str | bytes, words: list[str]
) -> None:
    """The file and the field are named with what was found."""
    cli_repository.configure(text)
    cli_repository.refuses(
        "orchestrate", cli_repository.dag(), saying=[str(cli_repository.repository / ".miyabi" / "config.toml"), *words]
    )


def test_every_command_refuses_such_a_configuration(cli_repository: CliRepository) -> None:
    """What only looks is as strict as what runs."""
    cli_repository.configure("[runs]\nbse = 'main'")
    by_hand = (["attach", "r1", "a"], ["retry", "r1"])  # `stop` and `open` do without, where they can
    for command in (["schedule", cli_repository.dag()], ["check"], ["sessions"], ["sweep", "r1"], *by_hand):
        cli_repository.refuses(*command, saying=["runs.bse: unknown field; did you mean 'base'?"])


def test_a_variable_that_cannot_be_used(cli_repository: CliRepository) -> None:
    """The variable is named, and what was found in it."""
    words = ["MIYABI_SESSIONS__MAX_TURNS", "found 'many'"]
    cli_repository.refuses("orchestrate", cli_repository.dag(), MIYABI_SESSIONS__MAX_TURNS="many", saying=words)
    words = ["MIYABI_MACHINES: not valid JSON", "found '{'"]
    cli_repository.refuses("orchestrate", cli_repository.dag(), MIYABI_MACHINES="{", saying=words)


def test_a_home_of_nobody(cli_repository: CliRepository) -> None:
    """The folder for what belongs to no repository is named where there can be none."""
    cli_repository.refuses(
        "orchestrate", cli_repository.dag(title="t"), MIYABI_HOME="~nobody-here/x", saying=["MIYABI_HOME: '~nobody-h"]
    )
    done = cli_repository.miyabi("orchestrate", cli_repository.dag(title="t"), MIYABI_HOME=str(cli_repository.tasks))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done
    assert done.stderr.startswith(f"miyabi: {cli_repository.tasks} cannot hold the Prefect server's files: ")
    assert not (cli_repository.repository / ".miyabi").exists()


def test_a_label_that_no_machine_has(cli_repository: CliRepository) -> None:
    """A task that could never run is refused before anything starts."""
    cli_repository.refuses("orchestrate", cli_repository.dag(requires=["xcode"]), saying=["'a'", "'xcode'"])


@pytest.mark.parametrize("label", ["machine:second", "second"])
def test_a_machine_that_is_required_by_its_name(cli_repository: CliRepository, label: str) -> None:
    """`machine:NAME` places a task on that machine; one that is not there is refused with the nearest name."""
    fleet = fleet_of(Machine(name="first"), Machine(name="second"))
    done = cli_repository.miyabi("schedule", cli_repository.dag(requires=[label]), **fleet)
    assert done.returncode == 0
    assert "second" in done.stdout
    assert "no machine" not in done.stdout
    cli_repository.refuses(
        "orchestrate",
        cli_repository.dag(requires=["machine:secund"]),
        **fleet,
        saying=["'a'", "there is no machine 'secund'; did you mean 'second'?"],
    )


def test_a_run_name_that_cannot_be_a_branch(cli_repository: CliRepository) -> None:
    """A run's name is part of branches and folders, and is refused where it cannot be."""
    cli_repository.refuses(
        "orchestrate", cli_repository.dag(), "--run", "../x", saying=["'../x' is not a usable name", "nightly-1"]
    )


def test_nothing_to_run(cli_repository: CliRepository) -> None:
    """Without a file and without a run to go on with there is nothing to do."""
    cli_repository.refuses("orchestrate", saying=["no DAG file was given"])
    cli_repository.refuses(
        "orchestrate", "--run", "unknown", saying=["run unknown: not found", "The latest runs: none yet."]
    )


def test_a_run_that_does_not_exist(cli_repository: CliRepository) -> None:
    """Asking for an unknown run says which runs there are."""
    cli_repository.refuses("logs", "nope", "a", saying=["no .miyabi/runs here"])


@pytest.mark.parametrize(
    "command",
    [
        *("attach", "check", "logs", "milestone", "open", "orchestrate", "retry", "schedule", "sessions", "stop"),
        "sweep",
    ],
)
def test_a_folder_that_is_not_there(cli_repository: CliRepository, command: str) -> None:
    """A mistyped -C is refused alike by every command that has it, inside of a repository too, and nothing is asked."""
    dag = cli_repository.dag()
    words = {
        "attach": ["attach", "r1", "a"],
        "logs": ["logs", "r1", "a"],
        "milestone": ["orchestrate", "--milestone", "1"],
        "orchestrate": ["orchestrate", dag],
        "schedule": ["schedule", dag],
        **{name: [name, "r1"] for name in ("open", "retry", "stop", "sweep")},
    }.get(command, [command])
    said = "miyabi: {}: there is no such folder. Give the folder of a git repository.\n"
    for place in ("nope", str(cli_repository.folder / "nope"), dag):
        assert cli_repository.refuses(*words, "-C", place) == said.format(place)


@pytest.mark.parametrize("words", [["sessions"], ["schedule"]], ids=" ".join)
def test_what_needs_no_repository(cli_repository: CliRepository, words: list[str]) -> None:
    """The machines of a folder's configuration are looked at outside of a repository; a broken one is refused."""
    place = cli_repository.folder / "plain"
    (place / ".miyabi").mkdir(parents=True)
    (place / ".miyabi" / "config.toml").write_text("[runs]\nmax_attempts = 0\n")
    words = [*words, cli_repository.dag()] if words == ["schedule"] else words
    cli_repository.refuses(*words, "-C", str(place), saying=[f"{place}/.miyabi/config.toml: runs.max_attempts: "])
    (place / ".miyabi" / "config.toml").unlink()
    assert cli_repository.miyabi(*words, "-C", str(place)).returncode == 0
    (place / ".git").write_text("gitdir: nowhere\n")
    said = [cli_repository.refuses(*each, "-C", str(place)) for each in (words, ["check"])]
    assert said[0] == said[1]


def test_a_cycle_is_shown_by_schedule(cli_repository: CliRepository) -> None:
    """`schedule` refuses what `orchestrate` would."""
    file = cli_repository.dag({"id": "a", "dependencies": ["b"]}, {"id": "b", "dependencies": ["a"]})
    cli_repository.refuses("schedule", file, saying=["a → b → a"])


def test_schedule_shows_the_plan(cli_repository: CliRepository) -> None:
    """Order, level, machine, waits and length are there, and nothing was run."""
    done = cli_repository.miyabi("schedule", str(ROOT / "examples" / "tasks.json"), COLUMNS="200")
    assert done.returncode == 0, done.stderr
    assert all(word in done.stdout for word in ("critical path", "expected", "local", "skeleton"))
    assert git(cli_repository.repository, "branch", "--list", "miyabi/*") == ""
    assert not (cli_repository.repository / ".miyabi").exists()


def test_a_plan_goes_on_below_itself_where_the_terminal_ends(cli_repository: CliRepository) -> None:
    """No line is wider than the terminal, and no name is broken; a file or a pipe gets each line whole."""
    names = [f"task-with-a-long-name-{number}" for number in range(9)]
    before = [names[at - 1 : at] if at > 5 else [] for at in range(9)]
    nodes = [{"id": name, "title": "T", "dependencies": it} for name, it in zip(names, before, strict=True)]
    file = cli_repository.dag(*nodes)
    narrow, whole = (cli_repository.miyabi("schedule", file, **{"COLUMNS": "80"} if each else {}) for each in (1, 0))
    below = [each.stdout.partition("\n\n")[2].splitlines() for each in (narrow, whole)]
    assert max(map(len, narrow.stdout.splitlines())) <= 80
    assert [line.split()[0] for line in below[1]] == ["levels", "critical", "expected"]
    assert " ".join(below[0]).split() == " ".join(below[1]).split()
    assert all(line.startswith((" " * 15, "levels  ", "critical path  ", "expected  ")) for line in below[0])


def test_a_server_that_does_not_answer(cli_repository: CliRepository) -> None:
    """A PREFECT_API_URL without a server behind it is one line, and nothing is left in the repository."""
    done = cli_repository.miyabi(
        "orchestrate", cli_repository.dag(title="t"), "--rehearse", PREFECT_API_URL="http://127.0.0.1:9/api"
    )
    assert done.returncode == 1
    assert done.stderr.startswith("miyabi: PREFECT_API_URL is http://127.0.0.1:9/api, but no Prefect server answers")
    assert done.stderr.count("\n") == 1
    assert not (cli_repository.repository / ".miyabi").exists()
