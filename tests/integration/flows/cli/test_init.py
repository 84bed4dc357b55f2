"""`miyabi init`: from an empty repository to a rehearsal."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from miyabi.dag import Dag
from miyabi.settings import Settings
from tests.support.cli.small_repository import CliRepository, cli_repository  # noqa: F401 - a fixture
from tests.support.cli.tmux import Tmux

README = Path(__file__).parents[4] / "README.md"
MIYABI = Path(sys.executable).parent / "miyabi"


def test_what_it_writes_can_be_used(cli_repository: CliRepository) -> None:
    """Without a question: the machine that was named is asked, and what is written passes `miyabi schedule`."""
    said = cli_repository.miyabi("init", "--machine", "local:3", "--rehearse")
    assert said.returncode == 0, said
    assert said.stdout.startswith("ok    local: 3 slots\nwrote       ")
    machines = Settings.load(cli_repository.repository).machines
    assert [(machine.name, machine.host, machine.slots) for machine in machines] == [("local", None, 3)]
    planned = cli_repository.miyabi("schedule", "tasks.json", "--json")
    assert {task["machine"] for task in json.loads(planned.stdout)["tasks"]} == {"local"}


@pytest.mark.parametrize("there", [".miyabi/config.toml", "tasks.json"])
def test_nothing_is_overwritten(cli_repository: CliRepository, there: str) -> None:
    """A file that is there stays as it is, and is named; what is missing is written."""
    file = cli_repository.repository / there
    file.parent.mkdir(exist_ok=True)
    file.write_text("# mine\n")
    said = cli_repository.miyabi("init", "--machine", "local:3", "--rehearse")
    assert (said.returncode, file.read_text()) == (0, "# mine\n"), said
    assert f"kept        {file} is there already" in said.stdout
    assert (cli_repository.repository / "tasks.json").exists()


def test_a_machine_that_does_not_answer(cli_repository: CliRepository) -> None:
    """Nothing is written, and why is said; with --yes it is written as it was named, and the exit code says so too."""
    words = ("init", "--machine", "runner@nowhere.invalid:4", "--machine", "local", "--rehearse")
    said = cli_repository.miyabi(*words)
    assert (said.returncode, "FAIL  nowhere" in said.stdout, "--yes" in said.stderr) == (1, True, True), said
    assert not (cli_repository.repository / ".miyabi").exists()
    assert cli_repository.miyabi(*words, "--yes").returncode == 1
    nowhere, local = Settings.load(cli_repository.repository).machines
    assert (nowhere.name, nowhere.host, nowhere.slots, nowhere.ssh.user) == ("nowhere", "nowhere.invalid", 4, "runner")
    assert (local.host, local.slots) == (None, 2)


@pytest.mark.parametrize(
    ("words", "saying"),
    [
        ((), ["call it in a terminal", "--machine HOST:SLOTS", "--yes"]),
        (("--machine", "mini1:0"), ["--machine mini1:0", "1 to 256 slots"]),
        (("--machine", "a b"), ["--machine a b", "HOST:SLOTS"]),
        (("--machine", "mini1.a", "--machine", "mini1.b"), ["mini1 is named twice"]),
    ],
    ids=["nobody to ask", "no slots", "no host", "twice"],
)
def test_what_is_refused(cli_repository: CliRepository, words: tuple[str, ...], saying: list[str]) -> None:
    """In a line, before anything is written."""
    cli_repository.refuses("init", *words, saying=saying)


def test_it_asks_in_a_terminal(cli_repository: CliRepository) -> None:
    """A number that is none is asked for again; then the chosen machine gets its slots."""
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(cli_repository.folder), "LANG": "C.UTF-8"}
    with Tmux([MIYABI, "init", "--rehearse"], environment=environment, folder=cli_repository.repository) as terminal:
        terminal.shows("  1  this computer")
        terminal.shows("Which ones?")
        terminal.type("999")
        terminal.shows("999: numbers from 1 to ")
        terminal.type("1")
        terminal.shows("How many sessions at once on local?")
        terminal.type("5")
        assert terminal.wait() == 0, terminal.screen
    assert [machine.slots for machine in Settings.load(cli_repository.repository).machines] == [5]


def test_the_example_of_the_readme_can_be_used(tmp_path: Path) -> None:
    """The first configuration and DAG that a reader sees are a pair: each task has a machine that may take it."""
    text = README.read_text().partition("## A first run")[2].partition("\n## ")[0]
    config, tasks = (re.search(rf"```{kind}\n(.*?)```", text, re.DOTALL) for kind in ("toml", "json"))
    assert config
    assert tasks
    (tmp_path / ".miyabi").mkdir()
    (tmp_path / ".miyabi" / "config.toml").write_text(config[1])
    offered = [machine.offers for machine in Settings.load(tmp_path).machines]
    nodes = Dag.from_text(tasks[1]).nodes
    assert len(offered) > 1
    assert all(any(labels.issuperset(node.requires) for labels in offered) for node in nodes)
    assert any(node.requires for node in nodes)
