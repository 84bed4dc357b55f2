"""What a new user has: `miyabi demo` in a clean home, then a clean clone deployed to the demo's Prefect server."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flows.cli.demo import TWO_MACHINES
from miyabi.reports import Report
from tests.support.cli.sshd_site import Command
from tests.support.git.repositories import git, make_repository
from tests.support.prefect.api import ask

ROOT = Path(__file__).parents[3]
BIN = Path(sys.executable).parent
POOL = "water-spider"


@dataclass(slots=True, kw_only=True)
class CleanHome:
    """A home in which nothing was set up, and commands that know nothing of ours but the PATH."""

    folder: Path
    commands: list[Command] = field(default_factory=list)

    @property
    def home(self) -> Path:
        """The home itself."""
        return self.folder / "home"

    def start(self, program: str, *words: str | Path, folder: Path | None = None, **environment: str) -> Command:
        """A command that runs from now on."""
        base = {"HOME": str(self.home), "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
        log = self.folder / f"{len(self.commands)}-{program}.log"
        line = [BIN / program, *words]
        command = Command(line, environment=base | environment, folder=folder or self.folder, log=log)
        self.commands.append(command)
        return command

    def end(self) -> None:
        """Nothing that it started runs afterwards."""
        for command in self.commands:
            command.kill()
        assert self.start("miyabi", "server", "stop").succeeds() == "stopped\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """A first `miyabi demo` that has ended, and its report, which the next demo removes. Its server runs on."""

    user: CleanHome
    said: str
    report: Report

    @property
    def ui_url(self) -> str:
        """Address of the UI, as the demo printed it last."""
        return [line.split()[1] for line in self.said.splitlines() if line.startswith("ui ")][-1]

    @property
    def api_url(self) -> str:
        """Address of the API."""
        return f"{self.ui_url}/api"

    @property
    def repository(self) -> Path:
        """The throw-away repository."""
        return self.user.home / ".miyabi" / "demo" / "repository"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """A clean clone whose flows are deployed, a worker that serves them, and a repository to work on."""

    demo: Demo
    clone: Path
    repository: Path

    def prefect(self, *words: str | Path) -> Command:
        """The `prefect` command, in the clone and with its code."""
        settings = {"PREFECT_API_URL": self.demo.api_url, "PYTHONPATH": str(self.clone)}
        settings |= {"PREFECT_WORKER_QUERY_SECONDS": "1", "DO_NOT_TRACK": "1"}
        return self.demo.user.start("prefect", *words, folder=self.clone, **settings)

    def run(self, deployment: str, **parameters: object) -> str:
        """What `prefect deployment run` said of a run that has ended well."""
        given = [word for name, value in parameters.items() for word in ("--param", f"{name}={value}")]
        return self.prefect("deployment", "run", deployment, *given, "--watch", "--watch-interval", "1").succeeds()

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """What Prefect's API answers."""
        return ask(f"{self.demo.api_url}{path}", body)

    def deployment(self, name: str) -> dict[str, Any]:
        """A deployment by flow/name."""
        found: dict[str, Any] = self.ask(f"/deployments/name/{name}")
        return found

    def flow_runs(self, name: str) -> list[dict[str, Any]]:
        """The flow runs of a deployment, the first one first."""
        wanted = {"deployments": {"id": {"any_": [self.deployment(name)["id"]]}}, "sort": "EXPECTED_START_TIME_ASC"}
        runs: list[dict[str, Any]] = self.ask("/flow_runs/filter", wanted)
        return runs


def report_of(run_folder: Path) -> Report:
    """The report of a run, as its report.json has it."""
    return Report.model_validate_json((run_folder / "report.json").read_bytes())


@contextlib.contextmanager
def first_demo(folder: Path) -> Iterator[Demo]:
    """The demo of a new user."""
    user = CleanHome(folder=folder)
    user.home.mkdir()
    try:
        said = user.start("miyabi", "demo").succeeds()
        yield Demo(user=user, said=said, report=report_of(*user.home.glob(".miyabi/demo/repository/.miyabi/runs/*/")))
    finally:
        user.end()


def deploy(demo: Demo) -> Deployed:
    """All flows deployed from a clean clone, non-interactively, and a process worker that waits for their runs."""
    folder = demo.user.folder
    clone = folder / "clone"
    git(folder, "clone", "--quiet", str(ROOT), str(clone))
    repository = make_repository(folder / "repository")
    (repository / ".miyabi").mkdir()
    (repository / ".miyabi" / "config.toml").write_text(TWO_MACHINES.format(folder=folder))
    deployed = Deployed(demo=demo, clone=clone, repository=repository)
    deployed.prefect("work-pool", "create", POOL, "--type", "process").succeeds()
    deployed.prefect("--no-prompt", "deploy", "--all").succeeds()
    deployed.prefect("worker", "start", "--pool", POOL, "--type", "process")
    return deployed
