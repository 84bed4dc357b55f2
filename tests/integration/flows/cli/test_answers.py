"""Commands that only read, called by scripts: JSON by its own schema on stdout, or one line on stderr."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from miyabi.integration import Integration
from miyabi.reports import write_report
from miyabi.sessions import Outcome
from tests.support.cli.small_repository import CliRepository, cli_repository  # noqa: F401 - a fixture
from tests.support.values.results import result, run_folder, small_dag

DAG = small_dag({"a": [], "b": ["a"]})


@pytest.fixture
def after_a_run(cli_repository: CliRepository) -> CliRepository:
    """A repository with a run that came to its end, with a failure, and one whose orchestrator was killed."""
    ended = run_folder(cli_repository.repository, "r1", DAG, result("a"), result("b", Outcome.CHECK_FAILED))
    ended.write_info(ended.info().model_copy(update={"ended": ended.info().started}))
    write_report(ended)
    ended.keep(Integration(branch="miyabi/r1/_integration", base="b" * 40, head="c" * 40))
    run_folder(cli_repository.repository, "r2", DAG, result("a"))
    cli_repository.dag({"id": "x"}, {"id": "y", "dependencies": ["x"]})
    return cli_repository


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("runs",), 0),
        (("status", "r1"), 1),
        (("status", "r2"), 130),
        (("schedule", "../tasks.json"), 0),
        (("machines",), 0),
        (("sessions",), 0),
        (("open", "r1", "a"), 0),
    ],
    ids=lambda value: str(value[0]) if isinstance(value, tuple) else str(value),
)
def test_json_is_by_its_schema(after_a_run: CliRepository, words: tuple[str, ...], code: int) -> None:
    """What the command prints is one value, valid by the schema that the command prints."""
    schema = after_a_run.miyabi(words[0], "--json-schema")
    said = after_a_run.miyabi(*words, "--json")
    assert (schema.returncode, said.returncode, said.stderr) == (0, code, ""), said
    Draft202012Validator(json.loads(schema.stdout)).validate(json.loads(said.stdout))


def test_the_latest_run_is_shown_where_none_is_named(after_a_run: CliRepository) -> None:
    """In words as well: a table of its tasks, and how to go on."""
    run_folder(after_a_run.repository, "r3", DAG).info_file.unlink()
    said = after_a_run.miyabi("status")
    assert said.returncode == 130
    assert said.stdout.startswith("run r2: interrupted after ")
    assert "go on       miyabi orchestrate --run r2" in said.stdout.splitlines()


def test_runs_in_a_narrow_terminal(after_a_run: CliRepository) -> None:
    """In 80 columns no line is longer, and each run has its next step."""
    lines = after_a_run.miyabi("runs", COLUMNS="80").stdout.splitlines()
    assert max(map(len, lines)) <= 80
    table = {line.split()[0]: line.split() for line in lines[1:3]}
    assert (table["r1"][1], table["r1"][-1]) == ("ended", "retry")
    assert (table["r2"][1], table["r2"][-2:]) == ("interrupted", ["go", "on"])
    assert "retry   miyabi retry RUN" in lines


def test_an_error_is_a_line_on_stderr(after_a_run: CliRepository) -> None:
    """With --json too: stdout has nothing then."""
    said = after_a_run.miyabi("status", "r9", "--json")
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr.startswith("miyabi: run r9: not found")
    assert said.stderr.count("\n") == 1


def test_a_broken_configuration_hides_no_run(after_a_run: CliRepository) -> None:
    """It is a warning: how a run stands is in its folder."""
    after_a_run.configure("nonsense = 1\n")
    said = after_a_run.miyabi("status", "r1")
    assert (said.returncode, said.stdout.startswith("run r1: ended")) == (1, True), said
    assert said.stderr.startswith("warning: ")
