"""The table of docs/faults.md: a row a fault, each with the count of its last full run."""

from __future__ import annotations

import fcntl
import importlib.metadata
import os
import platform
import re
import subprocess
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from tests.chaos.faults import FAULTS, Fault

DOCUMENT = Path(__file__).parents[2] / "docs" / "faults.md"
_HEAD = "| fault | promise | how it is made | survived |\n|---|---|---|---|\n"
_TABLE = re.compile(r"\| fault \|.*?\n\n", re.DOTALL)
_MADE = re.compile(r"^Made with .*?\n\n", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Count:
    """How often a run kept its promises, of how many trials."""

    fault: Fault
    survived: int = 0
    times: int = 0

    def with_one(self, *, survived: bool) -> Count:
        """The same after one more trial."""
        return replace(self, survived=self.survived + survived, times=self.times + 1)

    @property
    def row(self) -> str:
        """Its row of the table."""
        day = f"{datetime.now(UTC):%Y-%m-%d}"
        return (
            f"| {self.fault.name} | {self.fault.promise} | {self.fault.how} | {self.survived} of {self.times}, {day} |"
        )


def rows(text: str) -> dict[str, str]:
    """The rows of the document's table, by the name of their fault."""
    found = _TABLE.search(text)
    lines = found[0].strip().splitlines()[2:] if found else []
    return {line.split(" | ")[0].removeprefix("| "): line for line in lines}


def write(count: Count) -> None:
    """Puts a row into the document, in the place that its fault has."""
    with DOCUMENT.open("r+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        text = file.read()
        known = rows(text) | {count.fault.name: count.row}
        lines = [known[fault.name] for fault in FAULTS if fault.name in known]
        text = _TABLE.sub(lambda _: f"{_HEAD}{chr(10).join(lines)}\n\n", text)
        text = _MADE.sub(lambda _: f"{made_with()}\n\n", text)
        file.seek(0)
        file.truncate()
        file.write(text)


def made_with() -> str:
    """What the counts were made with."""
    git = subprocess.run(["git", "--version"], check=True, capture_output=True, text=True).stdout.split()[2]
    sshd = subprocess.run(["ssh", "-V"], check=True, capture_output=True, text=True).stderr.split(",")[0]
    gib = int(Path("/proc/meminfo").read_text(encoding="ascii").split()[1]) / 2**20
    words = f"Prefect {importlib.metadata.version('prefect')}, {sshd.replace('_', ' ')}, git {git}"
    python, cores = platform.python_version(), len(os.sched_getaffinity(0))
    return (
        f"Made with {words} and Python {python}\non {platform.system()} with {cores} cores and {gib:.0f} GiB of memory."
    )
