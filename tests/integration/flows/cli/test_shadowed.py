"""Folders of the user's that are called as our packages are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.cli.small_repository import CliRepository, cli_repository  # noqa: F401 - a fixture

MIYABI = Path(sys.executable).parent / "miyabi"


@pytest.mark.parametrize("words", [("runs",), ("schedule", "../tasks.json"), ("server", "status")], ids=" ".join)
def test_a_users_own_packages_are_not_taken_for_ours(cli_repository: CliRepository, words: tuple[str, ...]) -> None:
    """In a repository with `flows`, `tasks`, `blocks` and `miyabi` of its own the command runs its own code."""
    cli_repository.dag({"id": "a"})
    for name in ("flows", "tasks", "blocks", "miyabi", "prefect"):
        (cli_repository.repository / name).mkdir()
        (cli_repository.repository / name / "__init__.py").write_text(f"raise SystemExit('their {name}')\n")
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(cli_repository.folder), "LANG": "C.UTF-8"}
    where = cli_repository.repository
    done = subprocess.run([MIYABI, *words], cwd=where, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
