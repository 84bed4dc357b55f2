"""Runs that are begun or gone on with under a name, a configuration or a base that is not what it was."""

from __future__ import annotations

import asyncio
import shutil
import threading
from typing import Any

import pytest

from miyabi.dag import Dag
from miyabi.errors import BadInput
from miyabi.github import token_of_environment
from miyabi.machines import Load, choose
from miyabi.runs import Run, RunFolder, start_run
from miyabi.sessions import Outcome
from miyabi.settings import GitHubSettings
from tests.support.git.repositories import commit
from tests.support.values.runs import Workshop, workshop  # noqa: F401 - a fixture


async def test_a_machine_that_takes_no_part_any_more(workshop: Workshop) -> None:
    """A session on a machine that is gone from the configuration is told, kept in mind, and joined when it is back."""
    await workshop.left(await workshop.attempt(await workshop.run()))
    without = await workshop.run(workshop.machine("m2"))
    assert [*without.startable()] == []
    result = without.results["a"]
    assert (result.outcome, result.machine) == (Outcome.NOT_COLLECTED, "m1")
    assert "m1, which takes no part now, and may still run there" in str(result.error_text)
    again = await workshop.run(workshop.machine("m2"), workshop.machine("m1"))
    assert [*again.startable()] == ["a"]
    async with workshop.running(await workshop.attempt(again)) as task:
        workshop.open_gate()
        assert (await task).outcome is Outcome.SUCCEEDED
    assert workshop.calls() == ["r1.a.1"]


async def test_a_task_for_one_machine_by_its_name(workshop: Workshop) -> None:
    """`machine:NAME` opens a run and goes to that machine; where the run has lost it, that is said at the start."""
    live = await workshop.run(workshop.machine("m1"), workshop.machine("m2"), requires=["machine:m2"])
    assert [*live.startable()] == ["a"]
    placement = choose([Load(machine=machine, used=0) for machine in live.fleet()], requires=live.resume.requires("a"))
    assert placement
    assert placement.machine.name == "m2"
    del live.machines["m2"]
    assert [*live.startable()] == []
    assert live.unplaced == {"a": "there is no machine 'm2'; known are m1"}
    assert live.results["a"].outcome is Outcome.NOT_STARTED


async def test_a_machine_that_is_somewhere_else_now(workshop: Workshop) -> None:
    """With another workspace in the configuration a session is not started again: it may run in the first."""
    await workshop.left(await workshop.attempt(await workshop.run()))
    moved = await workshop.run(workshop.machine(workspace=str(workshop.folder / "other")))
    result = await (await workshop.attempt(moved)).run()
    assert result.outcome is Outcome.NOT_COLLECTED
    assert f"begun in workspace {workshop.folder}/m1 on this machine" in str(result.error_text)
    assert str(result.error_text).endswith("Set that back, then: miyabi orchestrate --run r1")
    assert workshop.calls() == ["r1.a.1"]
    assert (await (await workshop.attempt(await workshop.run())).recover()) is not None


async def test_runs_that_are_not_the_one_that_was_meant(workshop: Workshop) -> None:
    """Who asks for a rehearsal gets no real session, a rehearsal stays one; names differ by more than case."""
    await workshop.run()
    with pytest.raises(BadInput, match="run r1 is no rehearsal: going on with it would start real sessions"):
        await workshop.run(rehearse=True)
    assert (await workshop.run(run="r2", rehearse=True)).rehearse
    assert (await workshop.run(run="r2")).rehearse
    with pytest.raises(BadInput, match="run 'R1': there is a run 'r1', which some file systems take for the same"):
        await workshop.run(run="R1")


async def test_a_run_of_the_same_name_from_another_base(workshop: Workshop) -> None:
    """Where a run's folder was removed and its name is used again, old sessions are not taken for new ones."""
    workshop.open_gate()
    first = await workshop.run()
    assert (await (await workshop.attempt(first)).run()).outcome is Outcome.SUCCEEDED
    shutil.rmtree(first.folder.path)
    commit(workshop.folder / "repository", {"new.txt": "new\n"})
    result = await (await workshop.attempt(await workshop.run())).run()
    assert (result.outcome, result.error_kind) == (Outcome.NOT_STARTED, "SessionConflict")
    assert "Remove it there first (miyabi sweep RUN), or start under another name" in str(result.error_text)


async def test_a_run_whose_run_json_is_gone(workshop: Workshop) -> None:
    """Its results are not taken for those of another DAG, or of another base, under the same name."""
    workshop.open_gate()
    first = await workshop.run()
    assert (await (await workshop.attempt(first)).run()).outcome is Outcome.SUCCEEDED
    first.folder.info_file.unlink()
    commit(workshop.folder / "repository", {"new.txt": "new\n"})
    for rehearse in (False, True):
        with pytest.raises(BadInput, match=r"r1/run\.json: no such file, but the folder holds more of a run"):
            await workshop.run(check="false", prompt="something else", rehearse=rehearse)
    shutil.rmtree(first.folder.path)
    assert (await workshop.run(check="false", prompt="something else")).startable() == ("a",)


async def test_two_that_begin_a_run_of_one_name(workshop: Workshop) -> None:
    """One of them begins it; the other is told so, and its DAG does not replace the first one's."""
    came = await asyncio.gather(workshop.run(tasks=["a"]), workshop.run(tasks=["b"]), return_exceptions=True)
    (refused,) = [each for each in came if isinstance(each, BadInput)]
    assert "run r1 " in str(refused)
    (live,) = [each for each in came if isinstance(each, Run)]
    assert Dag.load(live.folder.dag_file) == live.dag


async def test_a_run_that_is_begun_while_its_request_is_read(workshop: Workshop) -> None:
    """Who comes a moment later is told so, and does not go on with the other's run by a DAG of its own."""
    first = workshop.request(tasks=["a"])

    def begin_first(_: GitHubSettings) -> None:
        thread = threading.Thread(target=lambda: asyncio.run(start_run(first, token=token_of_environment)))
        thread.start()
        thread.join()

    with pytest.raises(BadInput, match="run r1 was begun by another orchestrator this moment"):
        await start_run(workshop.request(tasks=["b"]), token=begin_first)
    assert Dag.load(RunFolder(workshop.folder / "repository", "r1").dag_file).order == ("a",)


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ({"mcp_config": "gone.json"}, "node 'a': 'mcp_config': .*/repository/gone.json is not there; name a JSON file"),
        ({"settings": "gone.json"}, "node 'a': 'settings': .*/repository/gone.json is not there; name a JSON file"),
        ({"requires_mcp": ["x"]}, "node 'a': 'requires_mcp' names 'x', and no mcp_config has such a server"),
    ],
)
async def test_what_a_node_cannot_tell_claude(workshop: Workshop, node: dict[str, Any], said: str) -> None:
    """A file that is not there and a server that nobody has are told before there is a run."""
    with pytest.raises(BadInput, match=f"^{workshop.folder}/a.json: {said}"):
        await workshop.run(**node)
    assert not (workshop.folder / "repository/.miyabi").exists()


async def test_what_a_node_could_tell_claude_before(workshop: Workshop) -> None:
    """A run whose file went away meanwhile is not gone on with until it is back."""
    file = workshop.folder / "repository/s.json"
    file.write_text("{}")
    await workshop.run(settings="s.json")
    file.rename(file.with_suffix(".away"))
    with pytest.raises(BadInput, match=r"'settings': .*/s.json is not there"):
        await workshop.run(settings="s.json")
    file.with_suffix(".away").rename(file)
    assert [*(await workshop.run(settings="s.json")).startable()] == ["a"]
