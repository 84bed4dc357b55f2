"""`miyabi machines`: how it stands with each machine, those that do not answer too."""

from __future__ import annotations

import json
from pathlib import Path

from miyabi.machines import Machine
from miyabi.machines.machine import SshConfig
from tests.support.cli.small_repository import CliRepository, cli_repository, fleet_of  # noqa: F401 - a fixture


def test_one_answers_and_one_does_not(cli_repository: CliRepository, tmp_path: Path) -> None:
    """No line is wider than the terminal; one is away since the first look, and the exit code says that."""
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "cordon").write_text("0\ncordoned by kazu@studio\n")
    here = Machine(name="here", slots=3, workspace=str(workspace))
    away = Machine(name="away", host="127.0.0.1", ssh=SshConfig(port=9))
    fleet = {**fleet_of(here, away), "MIYABI_HOME": str(tmp_path / "home"), "COLUMNS": "80"}
    first, again = (cli_repository.miyabi("machines", *words, **fleet) for words in ([], ["--json"]))
    assert (first.returncode, again.returncode) == (1, 1), first.stderr
    lines = first.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("here  0 of 3 slots  cordoned by kazu@studio, as only the machine says: miyabi")
    assert any(line.startswith("away  ? of 1 slot  away since ") for line in lines)
    there, gone = json.loads(again.stdout)["machines"]
    assert there["git"]
    assert (there["used"], there["free_mib"] > 0, there["cordon"]) == (0, True, "cordoned by kazu@studio")
    assert (gone["system"], gone["last_seen"], gone["away_since"] < there["last_seen"]) == ("", None, True)
    assert "127.0.0.1" in gone["error"]
