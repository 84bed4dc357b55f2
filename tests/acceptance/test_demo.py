from __future__ import annotations

import re
import time
from pathlib import Path

from tests.support.git.repositories import git
from tests.support.machines.processes import at_most
from tests.support.prefect.api import ask
from tests.support.prefect.deployed import Demo

TASKS = {
    "skeleton",
    "model",
    "ci",
    "japanese",
    "storage",
    "csv-import",
    "monthly-report",
    "command",
    "end-to-end",
    "readme",
}


def announced(said: str) -> tuple[Path, set[str]]:
    """The report and the tasks' branches that a demo named."""
    (report,) = re.findall(r"^report +(/.+)$", said, re.MULTILINE)
    branches = re.findall(r"^ +(miyabi/\S+/)(\S+)$", said, re.MULTILINE)
    return Path(report), {task for _, task in branches if not task.startswith("_")}


def test_a_first_demo(demo: Demo) -> None:
    """In a clean home it ends with ten of ten tasks, their branches, the report and the UI, all of them there."""
    report, branches = announced(demo.said)
    assert "10 of 10 tasks succeeded (100 %)" in demo.said
    assert branches == TASKS
    run = report.parent.name
    for task in TASKS:
        assert f"rehearsal/{task}.md" in git(demo.repository, "ls-tree", "-r", "--name-only", f"miyabi/{run}/{task}")
    assert report.read_text(encoding="utf-8").startswith(f"# Rehearsal `{run}`\n")
    assert ask(f"{demo.api_url}/health") is True
    assert "Traceback" not in demo.said
    assert demo.said.rstrip().endswith("miyabi server stop")


def test_a_second_demo(demo: Demo) -> None:
    """It uses the server that runs, takes less than a minute, and leaves its own ten branches and no older ones."""
    begin = time.monotonic()
    said = demo.user.start("miyabi", "demo").succeeds()
    assert time.monotonic() - begin < at_most(60)
    report, branches = announced(said)
    assert branches == TASKS
    assert f"ui          {demo.ui_url}\n" in said
    assert report.parent.name not in demo.said
    names = git(demo.repository, "for-each-ref", "--format=%(refname:short)", "refs/heads/miyabi").splitlines()
    assert {name.rpartition("/")[0] for name in names} == {f"miyabi/{report.parent.name}"}


def test_the_server_of_the_demo(demo: Demo) -> None:
    """`miyabi server` finds it and does not start another one; in a home without one it says so."""
    for action in ("status", "start"):
        assert demo.user.start("miyabi", "server", action).succeeds() == f"running at {demo.ui_url}\n"
    for action, said in (("status", "not running\n"), ("stop", "not running\n")):
        assert (
            demo.user.start("miyabi", "server", action, MIYABI_HOME=str(demo.user.folder / "none")).succeeds() == said
        )


def test_a_folder_of_the_user_is_kept(tmp_path: Path, demo: Demo) -> None:
    """Where something else is in the demo's place, it is left alone and named."""
    mine = tmp_path / "demo" / "mine.txt"
    mine.parent.mkdir()
    mine.write_text("mine")
    refused = demo.user.start("miyabi", "demo", MIYABI_HOME=str(tmp_path))
    assert refused.wait() == 2
    assert f"{mine.parent}: exists and was not made by a demo" in refused.output
    assert mine.read_text() == "mine"
    assert not (tmp_path / "server.json").exists()
