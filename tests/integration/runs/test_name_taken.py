"""A run's name used again: once it is swept the run is a new one, until then what is in its way is named."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from miyabi.errors import BadInput, MachineFull
from miyabi.machines.local import LocalHost
from miyabi.runs import Run, preflight, sweep_machine
from miyabi.sessions import Outcome, RemoteSession
from tests.support.git.repositories import make_repository
from tests.support.values.runs import Workshop, workshop  # noqa: F401 - a fixture

LIMITS: Any = {"slots": 1, "timeout_seconds": 60, "after_timeout_seconds": 60, "linger_seconds": 15}


async def done(workshop: Workshop, *, run: str = "r1", task: str = "a") -> Run:
    """A run whose task has succeeded."""
    workshop.open_gate()
    live = await workshop.run(run=run, tasks=[task])
    assert (await (await workshop.attempt(live, task)).run()).outcome is Outcome.SUCCEEDED
    return live


async def swept(workshop: Workshop, live: Run) -> bool:
    """Whether the run was swept from its machine."""
    host = LocalHost("m1")
    machine = workshop.machine()
    return (await sweep_machine(machine, host, live.repository, run=live.run, settings=live.settings)).is_clean


async def test_a_folder_that_is_gone_while_its_sessions_are_there(workshop: Workshop) -> None:
    """Nothing is started, nothing is touched, and the sentence has the command after which it is a new run."""
    first = await done(workshop)
    shutil.rmtree(first.folder.path)
    again = await workshop.run()
    with pytest.raises(BadInput) as refused:
        await preflight(again)
    assert str(refused.value) == (
        "run r1: m1 has session r1.a.1, which is of a run whose folder is gone. "
        "Remove what that run made: miyabi sweep r1, or choose another run name."
    )
    assert (workshop.folder / "m1/checkouts/r1/a/a/a.txt").exists()
    assert again.folder.results() == ()
    assert await swept(workshop, first)
    assert await preflight(again) == ()
    assert (await (await workshop.attempt(again)).run()).outcome is Outcome.SUCCEEDED


async def test_one_that_still_lives(workshop: Workshop) -> None:
    """The same; it is not ended for it."""
    first = await workshop.run()
    await workshop.left(await workshop.attempt(first))
    shutil.rmtree(first.folder.path)
    with pytest.raises(BadInput, match=r"m1 has session r1\.a\.1.*miyabi sweep r1"):
        await preflight(await workshop.run())
    assert (await workshop.status()).live


async def test_another_repository_with_such_a_run(workshop: Workshop) -> None:
    """It is to be swept there; a task that it has not is in nobody's way."""
    await done(workshop)
    other, shared = Workshop(folder=workshop.folder / "other"), workshop.machine()
    make_repository(other.folder / "repository")
    with pytest.raises(BadInput, match=r"another repository's\. Remove what that run made there: miyabi sweep r1, or"):
        await preflight(await other.run(shared, tasks=["a", "b"]))
    for run, task in (("r2", "a"), ("r1", "b")):
        shutil.rmtree(other.folder / "repository/.miyabi")
        assert await preflight(await other.run(shared, run=run, tasks=[task])) == ()


@pytest.mark.parametrize("name", ["r10.a.1", "r.a.1", "r1.other.1", "r1.b.1"])
async def test_sessions_that_are_in_nobodys_way(workshop: Workshop, name: str) -> None:
    """Those of other runs, of tasks that this one has not, and those that never ran."""
    live = await workshop.run(tasks=["a", "b"])
    session = RemoteSession(LocalHost("m1"), name, workspace=str(workshop.folder / "m1"))
    parts: Any = {"script": b"exit 0", "stdin": b"", "after": b""}
    if name == "r1.b.1":
        holder = RemoteSession(LocalHost("m1"), "holder", workspace=str(workshop.folder / "m1"))
        await holder.start(**parts | {"script": b"sleep 600"}, **LIMITS)
        with pytest.raises(MachineFull):
            await session.start(**parts, **LIMITS)
        await holder.stop()
    else:
        await session.start(**parts, **LIMITS)
    assert await preflight(live) == ()


async def test_a_run_that_is_gone_on_with(workshop: Workshop) -> None:
    """Its own sessions are known to its folder, and its conversations stay what they were."""
    first = await done(workshop)
    again = await workshop.run()
    assert await preflight(again) == ()
    specs = [await live.spec(live.dag.by_id["a"], attempt=2) for live in (first, again)]
    assert len({spec.conversation for spec in specs}) == 1


async def test_a_run_of_an_earlier_build(workshop: Workshop) -> None:
    """Its folder tells nothing but the name, so its conversations are those that this name has always had."""
    live = await workshop.run()
    live.folder.write_info(live.folder.info().model_copy(update={"id": ""}))
    again = await workshop.run()
    made, new = [await each.spec(each.dag.by_id["a"], attempt=1) for each in (again, live)]
    assert made.conversation == made.paths.conversation(run_id="")
    assert made.conversation != new.conversation
