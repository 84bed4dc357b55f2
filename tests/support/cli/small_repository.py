"""The `miyabi` command, called in a small repository with a home folder of its own: `cli_repository`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from miyabi.machines import Machine
from tests.support.cli.process import TRUST
from tests.support.git.repositories import git, make_repository, snapshot

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True, kw_only=True)
class CliRepository:
    """A repository of one commit, and the command in it."""

    folder: Path

    @property
    def repository(self) -> Path:
        """Where the command is called."""
        return self.folder / "repository"

    @property
    def tasks(self) -> Path:
        """The DAG file that `dag` writes, outside of the repository."""
        return self.folder / "tasks.json"

    def dag(self, *nodes: object, **fields: object) -> str:
        """A DAG file of these nodes, or of one with these fields."""
        self.tasks.write_text(json.dumps({"nodes": nodes or [{"id": "a", **fields}]}), encoding="utf-8")
        return str(self.tasks)

    def configure(self, text: str | bytes) -> None:
        """Writes the repository's configuration."""
        file = self.repository / ".miyabi" / "config.toml"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())

    def miyabi(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """The command and how it ended."""
        usual = {"HOME": str(self.folder / "home"), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        return subprocess.run(
            [sys.executable, "-m", "flows", *words],
            cwd=self.repository,
            env=TRUST | usual | {"PYTHONPATH": str(ROOT)} | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    def refuses(self, *words: str, saying: Iterable[str] = (), **variables: str) -> str:
        """What is said of bad input: a line a problem, exit code 2, no traceback, nothing changed in the repository."""
        before = self._all()
        done = self.miyabi(*words, **variables)
        assert done.returncode == 2, done
        first, *others = done.stderr.splitlines()
        assert first.startswith("miyabi: "), done
        assert bool(others) == (" more problem" in first), done
        assert all(line.startswith("  ") and line.isprintable() for line in others), done
        assert first.isprintable(), done
        assert [word for word in saying if word not in done.stderr] == [], done.stderr
        assert self._all() == before
        return done.stderr

    def _all(self) -> dict[str, str]:
        """Every file and folder of the repository, and every branch."""
        folders = {str(path): "" for path in self.repository.rglob("*") if path.is_dir() and ".git" not in path.parts}
        return snapshot(self.repository) | folders | {"branches": git(self.repository, "branch", "--list")}


def fleet_of(*machines: Machine) -> dict[str, str]:
    """The variable that makes these machines the fleet, so that no configuration file is needed."""
    values = [machine.model_dump(mode="json", exclude_defaults=True) for machine in machines]
    return {"MIYABI_MACHINES": json.dumps(values)}


@pytest.fixture
def cli_repository(tmp_path: Path) -> CliRepository:
    """A repository for this test, and an empty home."""
    (tmp_path / "home").mkdir()
    made = CliRepository(folder=tmp_path)
    make_repository(made.repository)
    return made
