"""The flow gives a merge that conflicts to a session on a machine; here a few lines of shell stand in for claude."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from miyabi.integration import Integration
from miyabi.runs import RunFolder
from miyabi.sessions import SessionPaths, is_resolving
from tests.support.git.repositories import git, project, quiet_home  # noqa: F401
from tests.support.prefect.aggregated import BRANCH, aggregate
from tests.support.prefect.server import RealServer, prefect_database, prefect_server  # noqa: F401
from tests.support.values.finished_runs import PlayedRun, commit_on, played  # noqa: F401

AGENT = """#!/bin/sh
case "$*" in
*--version*) echo '2.1.332 (Claude Code)'; exit 0 ;;
'auth status') echo '{"loggedIn":true}'; exit 0 ;;
esac
cat >prompt-of-it
grep -v '^[<=>]' src/a.txt >clean; mv clean src/a.txt; rm prompt-of-it
git commit -qam 'both' || exit 1
echo '{"type":"result","subtype":"success","is_error":false,"result":"done","num_turns":1,"total_cost_usd":0.5}'
"""


@pytest.fixture
async def resolving_machine(played: PlayedRun, tmp_path: Path) -> Path:
    """The workspace of a machine of one slot whose claude takes the lines of both sides; two tasks that conflict."""
    claude, workspace = tmp_path / "claude", tmp_path / "workspace"
    claude.write_text(AGENT)
    claude.chmod(0o755)
    configure(played, claude=claude, workspace=workspace)
    await played.task("first", {"src/a.txt": "one\n2\n3\n"})
    await played.task("second", {"src/a.txt": "two\n2\n3\n"})
    return workspace


def configure(played: PlayedRun, *, claude: Path, workspace: Path) -> None:
    """Conflicts are to be resolved there."""
    resolving_machine = {
        "name": f"m-{workspace.parent.name}",
        "slots": 1,
        "claude": str(claude),
        "workspace": str(workspace),
    }
    lines = ["[integration]", "resolve_conflicts = true", "[[machines]]"]
    lines += [f"{name} = {json.dumps(value)}" for name, value in resolving_machine.items()]
    (played.root / ".miyabi").mkdir(exist_ok=True)
    (played.root / ".miyabi" / "config.toml").write_text("\n".join([*lines, ""]))


def sessions(workspace: Path) -> list[str]:
    """The tasks' ids of the sessions that the machine knows."""
    return sorted(SessionPaths.of(folder.name).task for folder in (workspace / "sessions").glob("*"))


def kept(folder: RunFolder) -> Integration:
    """What is on the run's branch."""
    found = folder.load(Integration)
    assert found
    return found


def require(folder: RunFolder, task: str, label: str) -> None:
    """The task has to run on a machine with that label."""
    dag: dict[str, Any] = json.loads(folder.dag_file.read_text())
    next(node for node in dag["nodes"] if node["id"] == task)["requires"] = [label]
    folder.dag_file.write_text(json.dumps(dag))


async def test_the_same_conflict_is_resolved_once(
    prefect_server: RealServer, played: PlayedRun, resolving_machine: Path
) -> None:
    """What a session has resolved is used again, on its own branch; a conflict that changed is another session's."""
    folder = played.keep()
    assert aggregate(played).is_completed()
    (name,) = sessions(resolving_machine)
    assert is_resolving(name)
    assert played.show(f"{BRANCH}:src/a.txt") == "one\ntwo\n2\n3"
    first = kept(folder)
    assert [merged.resolved for merged in first.merged] == [False, True]

    assert aggregate(played).is_completed()
    assert (sessions(resolving_machine), kept(folder)) == ([name], first)

    branch = SessionPaths(run=played.run, task="second").branch
    more = commit_on(played.root, branch, {"src/a.txt": "three\n2\n3\n"}, parent=branch, message="more")
    folder.write_result(played.results["second"].model_copy(update={"head": more}))
    assert aggregate(played).is_completed()
    assert len(sessions(resolving_machine)) == 2
    assert played.show(f"{BRANCH}:src/a.txt") == "one\nthree\n2\n3"
    resolution = git(played.root, "show", "-s", "--format=%(trailers:key=Miyabi-Resolution,valueonly)", BRANCH).strip()
    assert resolution in git(played.root, "for-each-ref", "--format=%(objectname)", "refs/heads/miyabi").splitlines()


async def test_what_its_task_requires_it_requires(
    prefect_server: RealServer, played: PlayedRun, resolving_machine: Path
) -> None:
    """Where no machine has the labels of the task, nothing is started, and the reason says so."""
    folder = played.keep()
    require(folder, "second", "xcode")
    assert aggregate(played).name == "Partial"
    assert "ended as not_started: no machine has the label 'xcode'" in kept(folder).left_out[0].reason
    assert sessions(resolving_machine) == []


async def test_no_machine_is_fit(
    prefect_server: RealServer, played: PlayedRun, resolving_machine: Path, tmp_path: Path
) -> None:
    """Every conflict is left out with the reason why no machine takes sessions; the rest is integrated."""
    await played.task("third", {"src/a.txt": "three\n2\n3\n"})
    configure(played, claude=tmp_path / "nowhere", workspace=resolving_machine)
    folder = played.keep()
    assert aggregate(played).name == "Partial"
    came = kept(folder)
    assert came.tasks == ("first",)
    assert [out.task for out in came.left_out] == ["second", "third"]
    for out in came.left_out:
        assert "no machine can take a session:" in out.reason
        assert "no claude at" in out.reason
