"""The flows deployed to a site's Prefect server, and a process worker with the site's environment that runs them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.cli.process import Command
from tests.support.cli.site import BIN, CommandSite
from tests.support.prefect.api import ask

ROOT = Path(__file__).parents[3]
POOL = "water-spider"
ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployments:
    """All deployments of prefect.yaml at a site's server; `prefect` and `miyabi` as an operator calls them."""

    site: CommandSite

    def run(self, program: str, *words: str | Path, **environment: str) -> Command:
        """A command of the operator, called in the clone of this project."""
        own = {"PREFECT_HOME": str(self.site.folder / "operator"), "DO_NOT_TRACK": "1"}
        log = self.site.folder / f"{len(self.site.commands)}-{program}.log"
        line = [BIN / program, *words]
        settings = self.site.environment | own | environment
        self.site.commands.append(Command(line, environment=settings, folder=ROOT, log=log))
        return self.site.commands[-1]

    def deploy(self) -> None:
        """`prefect deploy --all`, in a pool that is there."""
        if not self.ask("/work_pools/filter", {"work_pools": {"name": {"any_": [POOL]}}}):
            self.run("prefect", "work-pool", "create", POOL, "--type", "process").succeeds()
        self.run("prefect", "--no-prompt", "deploy", "--all").succeeds()

    def worker(self, **environment: str) -> Command:
        """A worker that runs from now on."""
        words = ("worker", "start", "--pool", POOL, "--type", "process")
        return self.run("prefect", *words, PREFECT_WORKER_QUERY_SECONDS="1", **environment)

    def ask(self, path: str, body: dict[str, Any] | None = None, *, method: str | None = None) -> Any:
        """What Prefect's API answers."""
        return ask(f"{self.site.server.url}{path}", body, method=method)

    def read(self, name: str) -> dict[str, Any]:
        """A deployment by flow/name."""
        found: dict[str, Any] = self.ask(f"/deployments/name/{name}")
        return found

    def set(self, name: str, **fields: Any) -> None:
        """What a person sets of a deployment in the UI."""
        self.ask(f"/deployments/{self.read(name)['id']}", fields, method="PATCH")

    def switch(self, name: str, *, active: bool, cron: str = "* * * * *") -> None:
        """Switches the schedule of a deployment on or off, as a person does in the UI."""
        found = self.read(name)
        (schedule,) = found["schedules"]
        fields = {"active": active, "schedule": {"cron": cron, "timezone": "UTC"}}
        self.ask(f"/deployments/{found['id']}/schedules/{schedule['id']}", fields, method="PATCH")

    def runs(self, name: str) -> list[dict[str, Any]]:
        """The flow runs of a deployment, the first one first."""
        wanted = {"deployments": {"id": {"any_": [self.read(name)["id"]]}}, "sort": "EXPECTED_START_TIME_ASC"}
        found: list[dict[str, Any]] = self.ask("/flow_runs/filter", wanted)
        return found

    def ended(self, name: str) -> list[dict[str, Any]]:
        """Those that have ended."""
        return [run for run in self.runs(name) if run["state_type"] in ENDED]
