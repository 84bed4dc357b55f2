"""A machine whose disk is full when a session begins, or in its middle: it is waited for, and all ends as without."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from miyabi.sessions import Outcome
from tests.support.cli.local_site import LocalSite, make_local_site
from tests.support.cli.process import Command
from tests.support.machines.processes import eventually
from tests.support.machines.small_disk import small_disk
from tests.support.prefect.server import RealServer, prefect_database, prefect_server  # noqa: F401 - fixtures

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a small disk is mounted, which takes root")

CLAUDE = """#!/bin/sh
if [ "$1" = -p ] && mkdir {folder}/was-full 2>/dev/null; then
  cat >/dev/null
  {before}
  dd if=/dev/zero of={disk}/filler bs=4096 2>/dev/null
  {after}
  exit 1
fi
exec {claude} "$@"
"""
"""Dies the first time, on a disk that has become full; then it is the scripted one."""
FILLS = """#!/bin/sh
{claude} "$@" || exit
[ "$1" != -p ] || ! mkdir {folder}/was-full 2>/dev/null || dd if=/dev/zero of={disk}/filler bs=4096 2>/dev/null
exit 0
"""
"""Works, and the first time the disk becomes full when it has said so."""
INIT = json.dumps({"type": "system", "subtype": "init", "session_id": "s", "model": "m"})
LOST = (
    "Error: Claude Code could not save all of the output sent to a file because the disk is full (ENOSPC). Free up "
    "space on that disk before the next run."
)
DIES: dict[str, tuple[str, str, tuple[Outcome, str]]] = {
    "without a word": ("", "", (Outcome.LAUNCH_FAILED, "disk_full")),
    "with the reason": ("", "echo 'ENOSPC: no space left on device, write' >&2", (Outcome.LAUNCH_FAILED, "disk_full")),
    "with its output lost": ("", f'echo "{LOST}" >&2', (Outcome.KILLED, "crashed")),
    "in the middle": (f"echo '{INIT}'", "", (Outcome.KILLED, "crashed")),
}


@pytest.fixture
def small_disk_site(tmp_path: Path, prefect_server: RealServer) -> Iterator[LocalSite]:
    """A site whose first machine has a small disk."""
    with make_local_site(tmp_path, prefect_server) as site, small_disk(Path(site.machines[0].workspace), "200m"):
        yield site


@pytest.mark.parametrize("how", DIES)
def test_a_session_on_a_full_disk(small_disk_site: LocalSite, how: str) -> None:
    """Whatever it could say of it, and though there is room again when it is judged: it is made again, and succeeds."""
    before, after, met = DIES[how]
    attempts = 2 if met[0] is Outcome.KILLED else 1
    command = orchestrate(small_disk_site, CLAUDE, tasks=("one",), attempts=attempts, before=before, after=after)
    ends = disk_of(small_disk_site) / "sessions" / "r1.one.1"
    eventually(lambda: [*ends.glob("end.*")] or not command.runs, why=lambda: command.output)
    (disk_of(small_disk_site) / "filler").unlink()
    command.succeeds()
    first, *_, last = small_disk_site.run_folder().results()
    assert (first.outcome, first.error_kind) == met
    assert last.outcome is Outcome.SUCCEEDED


def test_a_checkout_on_a_full_disk(small_disk_site: LocalSite) -> None:
    """A task that is prepared when the disk is full waits until there is room, and burns no attempt."""
    command = orchestrate(small_disk_site, FILLS, tasks=("one", "two"), attempts=1)
    words = f"two: waits for room on the disk of {small_disk_site.machines[0].name} until "
    eventually(lambda: words in command.output or not command.runs, why=lambda: command.output)
    (disk_of(small_disk_site) / "filler").unlink()
    command.succeeds()
    results = small_disk_site.run_folder().results()
    assert {result.task for result in results if result.error_kind == "MachineDiskFull"} == {"two"}
    assert {result.task for result in results if result.outcome is Outcome.SUCCEEDED} == {"one", "two"}


def disk_of(small_disk_site: LocalSite) -> Path:
    """The small disk."""
    return Path(small_disk_site.machines[0].workspace)


def orchestrate(
    small_disk_site: LocalSite, text: str, *, tasks: Sequence[str], attempts: int, before: str = "", after: str = ""
) -> Command:
    """A run of these tasks on the machine with the small disk, one after the other, with that program as claude."""
    program = small_disk_site.folder / "claude-on-a-full-disk"
    program.write_text(
        text.format(
            folder=small_disk_site.folder,
            disk=disk_of(small_disk_site),
            claude=small_disk_site.claude,
            before=before,
            after=after,
        )
    )
    program.chmod(0o755)
    small_disk_site.write_config(runs={"max_attempts": attempts, "retry_delay_seconds": 0.2})
    machine = small_disk_site.machines[0].model_copy(update={"slots": 1, "claude": str(program)})
    file = small_disk_site.write_tasks([{"id": task, "prompt": "[[scenario:write]]"} for task in tasks])
    return small_disk_site.start("orchestrate", file, "--run", "r1", MIYABI_MACHINES=json.dumps([machine.model_dump()]))
