"""What a shell completes, and what a terminal is spared."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from miyabi.dag import Dag
from tests.support.cli.small_repository import CliRepository, cli_repository  # noqa: F401 - a fixture
from tests.support.cli.terminal import Terminal
from tests.support.values.results import run_folder

BIN = Path(sys.executable).parent
DAG = Dag.from_text('{"nodes": [{"id": "api"}, {"id": "app"}, {"id": "model"}]}')
IN_BASH = """
eval "$(miyabi completion bash)"
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_miyabi_completion miyabi
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["st"], {"status", "stop"}),
        (["--ver"], {"--version"}),
        (["logs", ""], {"r1", "r2"}),
        (["logs", "r1", "ap"], {"api", "app"}),
        (["retry", "r1", "api", "m"], {"model"}),
        (["logs", "nope", ""], {""}),
        (["runs", "--js"], {"--json", "--json-schema"}),
        (["completion", "z"], {"zsh"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bash_completes(cli_repository: CliRepository, words: list[str], offered: set[str]) -> None:
    """A real bash, with the script that the command prints, offers commands, options, runs and tasks from anywhere."""
    for run in ("r1", "r2"):
        run_folder(cli_repository.repository, run, DAG)
    below = cli_repository.repository / "src"
    below.mkdir(exist_ok=True)
    environment = {"PATH": f"{BIN}:/usr/local/bin:/usr/bin:/bin", "HOME": str(cli_repository.folder), "LANG": "C.UTF-8"}
    line = ["bash", "--noprofile", "--norc", "-c", IN_BASH, "bash", "miyabi", *words]
    done = subprocess.run(line, cwd=below, env=environment, capture_output=True, text=True, check=True, timeout=120)
    assert (set(done.stdout.splitlines()), done.stderr) == (offered, "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_there_is_a_script_for_each_shell(cli_repository: CliRepository, shell: str) -> None:
    """It calls this command, under the name that people call it by."""
    said = cli_repository.miyabi("completion", shell)
    assert said.returncode == 0
    assert "_MIYABI_COMPLETE" in said.stdout
    assert "python" not in said.stdout


@pytest.mark.parametrize(("variables", "has_colours"), [({}, True), ({"NO_COLOR": "1"}, False)], ids=["", "NO_COLOR"])
def test_colours(cli_repository: CliRepository, variables: dict[str, str], *, has_colours: bool) -> None:
    """A terminal gets them unless NO_COLOR is set."""
    run_folder(cli_repository.repository, "r1", DAG)
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(cli_repository.folder), "LANG": "C.UTF-8", **variables}
    terminal = Terminal([BIN / "miyabi", "runs"], columns=80, environment=environment, folder=cli_repository.repository)
    terminal.wait()
    written = terminal.raw
    terminal.close()
    assert ("\x1b[31m" in written) == has_colours
    assert "interrupted" in written


def test_no_colours_in_a_pipe(cli_repository: CliRepository) -> None:
    """What is read by a program has no escape sequences, and is as wide as it needs."""
    run_folder(cli_repository.repository, "r1", DAG)
    said = cli_repository.miyabi("status")
    assert "interrupted" in said.stdout
    assert "\x1b" not in said.stdout
