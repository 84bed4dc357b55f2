"""The `miyabi` command as a user calls it: repository, configuration and Prefect server, which every site has."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from miyabi.machines import Machine
from miyabi.reports import Report
from miyabi.runs import RunFolder
from tests.support.claude.real import PATH
from tests.support.cli.process import Command
from tests.support.prefect.api import ask
from tests.support.prefect.server import RealServer

BIN = Path(sys.executable).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSite:
    """A repository, with a Prefect server; which machines there are is said by who derives from it."""

    folder: Path
    server: RealServer
    commands: list[Command] = field(default_factory=list)

    @property
    def machines(self) -> tuple[Machine, ...]:
        """Those of the configuration."""
        raise NotImplementedError

    @property
    def repository(self) -> Path:
        """The user's checkout."""
        return self.folder / "repository"

    @property
    def environment(self) -> dict[str, str]:
        """All that the command gets from us."""
        home = {"HOME": str(self.folder / "home"), "PATH": PATH, "LANG": "C.UTF-8"}
        return home | {"PREFECT_API_URL": self.server.url}

    def write_config(self, **tables: Mapping[str, Any]) -> None:
        """The repository's configuration: the machines, and these tables."""
        lines = [text for machine in self.machines for text in ("[[machines]]", *_toml(_values(machine)))]
        lines += [text for name, table in tables.items() for text in (f"[{name}]", *_toml(table))]
        (self.repository / ".miyabi").mkdir(exist_ok=True)
        (self.repository / ".miyabi" / "config.toml").write_text("\n".join([*lines, ""]))

    def write_tasks(self, nodes: Sequence[Mapping[str, Any]]) -> Path:
        """A DAG file with these nodes."""
        file = self.folder / "tasks.json"
        file.write_text(json.dumps({"nodes": nodes}))
        return file

    def start(self, *words: str | Path, program: str = "miyabi", **environment: str) -> Command:
        """A command that runs in the repository from now on."""
        log = self.folder / f"{len(self.commands)}-{program}.log"
        line = [BIN / program, *words]
        self.commands.append(Command(line, environment=self.environment | environment, folder=self.repository, log=log))
        return self.commands[-1]

    def orchestrate(
        self, nodes: Sequence[Mapping[str, Any]], *words: str, run: str = "r1", **environment: str
    ) -> Command:
        """`miyabi orchestrate` with these nodes."""
        return self.start("orchestrate", self.write_tasks(nodes), "--run", run, *words, **environment)

    def ask(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """What the API of its Prefect server answers."""
        return ask(f"{self.server.url}{path}", body)

    def run_folder(self, run: str = "r1") -> RunFolder:
        """The folder of a run."""
        return RunFolder(self.repository, run)

    def report(self, run: str = "r1") -> Report:
        """The report of a run, as its report.json has it."""
        return Report.model_validate_json(self.run_folder(run).report_values_file.read_bytes())


def _values(machine: Machine) -> dict[str, Any]:
    return machine.model_dump(mode="json", exclude_defaults=True)


def _toml(table: Mapping[str, Any]) -> Iterator[str]:
    for name, value in table.items():
        pairs = ", ".join(_toml(value)) if isinstance(value, Mapping) else ""
        yield f"{name} = {{ {pairs} }}" if isinstance(value, Mapping) else f"{name} = {json.dumps(value)}"
