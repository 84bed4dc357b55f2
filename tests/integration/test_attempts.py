"""Attempts that do not come to their end as planned: what is told of them, and that none is doubled or lost."""

from __future__ import annotations

import asyncio
import json
import shutil

import pytest

from miyabi.dag import Dag
from miyabi.errors import BadInput, MachineUnreachable, SessionError
from miyabi.following import Copy
from miyabi.leftovers import bring_home_leftovers
from miyabi.live_run import LiveRun
from miyabi.session import Outcome
from miyabi.session_status import State
from tests.support.live_runs import Workshop, workshop  # noqa: F401 - a fixture
from tests.support.repos import commit, git

SAYS = {"type": "result", "subtype": "success", "is_error": False, "result": "the password is correct horse"}


async def test_output_that_cannot_be_kept_here(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where our own disk is full the session goes on, is told as not collected, and is joined by the next run."""

    def full(copy: Copy, _: bytes) -> None:
        raise SessionError(f"{copy}: no room")

    live = await workshop.run()
    with monkeypatch.context() as patch:
        async with workshop.running(await workshop.attempt(live)) as task:
            patch.setattr(Copy, "append", full)
            with (workshop.folder / "m1/sessions/r1.a.1/out").open("a") as out:
                out.write("{}\n")
            result = await task
    assert result.outcome is Outcome.NOT_COLLECTED
    assert "session may still run" in str(result.error_text)
    assert (await workshop.status()).state is State.RUNNING
    again = await workshop.run()
    async with workshop.running(await workshop.attempt(again)) as task:
        workshop.open_gate()
        assert ((await task).outcome, (await task).attempt) == (Outcome.SUCCEEDED, 1)
    assert workshop.calls() == ["r1.a.1"]


async def test_a_lost_machine_that_is_back_in_the_next_run(workshop: Workshop) -> None:
    """What may still run on a lost machine is joined when the run goes on, not started a second time."""
    live = await workshop.run(patience=1)
    async with workshop.running(await workshop.attempt(live)) as task:
        workshop.switch(live, away=True)
        result = await task
    assert (result.outcome, result.is_home, live.attempts("a")) == (Outcome.MACHINE_LOST, False, 1)
    again = await workshop.run()
    assert again.requires("a") == ("machine:m1",)
    async with workshop.running(await workshop.attempt(again)) as task:
        workshop.open_gate()
        assert ((await task).outcome, (await task).attempt) == (Outcome.SUCCEEDED, 1)
    assert workshop.calls() == ["r1.a.1"]


async def test_two_attempts_never_share_a_worktree(workshop: Workshop) -> None:
    """Another attempt on a machine that was lost first ends the one that still lives there, and builds on its work."""
    live = await workshop.run(patience=1)
    async with workshop.running(await workshop.attempt(live)) as task:
        workshop.switch(live, away=True)
        await task
    (workshop.folder / "m1/worktrees/r1/a/half.txt").write_text("half\n")
    workshop.switch(live, away=False)
    async with workshop.running(await workshop.attempt(live)) as task:
        assert (await workshop.status("r1.a.1")).ended_by == "stop"
        workshop.open_gate()
        result = await task
    assert (result.outcome, result.attempt) == (Outcome.SUCCEEDED, 2)
    assert result.changes.files == ("a.txt", "half.txt")


async def test_what_a_lost_machine_has_comes_home_beside_the_rest(workshop: Workshop) -> None:
    """A machine that comes back after its task went elsewhere: its session is ended, its work is on the strays."""
    live = await workshop.run(workshop.machine("m1"), workshop.machine("m2"), patience=1)
    async with workshop.running(await workshop.attempt(live)) as task:
        workshop.switch(live, away=True)
        await task
    (workshop.folder / "m1/worktrees/r1/a/half.txt").write_text("half\n")
    workshop.open_gate()
    async with workshop.running(await workshop.attempt(live, machine="m2")) as task:
        second = await task
    await bring_home_leftovers(live)
    assert live.warnings == ["a: what attempt 1 did on m1 is still there: m1: switched off"]
    workshop.switch(live, away=False)
    await bring_home_leftovers(live)
    assert live.warnings[1] == "a: what attempt 1 did on m1 came home later, to miyabi/r1/a+strays"
    first = live.folder.results()[0]
    assert (first.outcome, first.is_home, live.results["a"]) == (Outcome.MACHINE_LOST, True, second)
    root = workshop.folder / "repository"
    assert git(root, "rev-parse", "miyabi/r1/a") == second.head
    assert git(root, "show", f"{first.head}:half.txt") == "half"
    assert git(root, "merge-base", "--is-ancestor", str(first.head), "miyabi/r1/a+strays") == ""
    assert (await workshop.status()).state is State.EXITED


async def test_a_machine_that_takes_no_part_any_more(workshop: Workshop) -> None:
    """A session on a machine that is gone from the configuration is told, kept in mind, and joined when it is back."""
    await workshop.left(await workshop.attempt(await workshop.run()))
    without = await workshop.run(workshop.machine("m2"))
    assert [*without.startable()] == []
    told = without.results["a"]
    assert (told.outcome, told.machine) == (Outcome.NOT_COLLECTED, "m1")
    assert "m1, which takes no part now, and may still run there" in str(told.error_text)
    again = await workshop.run(workshop.machine("m2"), workshop.machine("m1"))
    assert [*again.startable()] == ["a"]
    async with workshop.running(await workshop.attempt(again)) as task:
        workshop.open_gate()
        assert (await task).outcome is Outcome.SUCCEEDED
    assert workshop.calls() == ["r1.a.1"]


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


async def test_a_session_that_its_machine_has_forgotten(workshop: Workshop) -> None:
    """What ran and is gone, as from a workspace that was cleaned, is lost; the next attempt is another one."""
    live = await workshop.run()
    attempt = await workshop.attempt(live)
    await workshop.left(attempt)
    await attempt.recover()
    attempt.live.folder.attempt("a").joinpath("stdout.jsonl").write_text("{}\n")
    for path in (workshop.folder / "m1/sessions/r1.a.1").iterdir():
        path.unlink()
    (workshop.folder / "m1/sessions/r1.a.1").rmdir()
    again = await workshop.run()
    result = await (await workshop.attempt(again)).run()
    assert (result.outcome, again.attempts("a"), again.pending("a")) == (Outcome.MACHINE_LOST, 1, None)
    assert "knows nothing of session r1.a.1 any more" in str(result.error_text)
    assert (await workshop.run()).attempts("a") == 1


async def test_output_that_is_damaged_there(workshop: Workshop) -> None:
    """A log that is shorter than our copy, as after a power cut, costs no commit once the session is over."""
    live = await workshop.run()
    attempt = await workshop.attempt(live)
    await workshop.left(attempt)
    workshop.open_gate()
    async with asyncio.timeout(20):
        while (await workshop.status()).state is not State.EXITED:
            await asyncio.sleep(0.05)
    said = {"type": "result", "subtype": "success", "is_error": False, "num_turns": 2, "result": "done"}
    (attempt.live.folder.attempt("a") / "stdout.jsonl").write_text(f"{json.dumps(said)}\n" * 9)
    result = await (await workshop.attempt(await workshop.run())).run()
    assert (result.outcome, result.changes.files) == (Outcome.SUCCEEDED, ("a.txt",))


async def test_a_machine_that_is_away_before_anything_is_started(workshop: Workshop) -> None:
    """It is borne for as long as patience lasts, without a result; then it counts as lost, and nothing is left."""
    live = await workshop.run(patience=0.5)
    workshop.switch(live, away=True)
    attempt = await workshop.attempt(live)
    with pytest.raises(MachineUnreachable, match="switched off"):
        await attempt.run()
    assert live.results == {}
    await asyncio.sleep(0.6)
    assert ((await attempt.run()).outcome, live.attempts("a"), live.pending("a")) == (Outcome.MACHINE_LOST, 1, None)


async def test_a_result_file_that_is_none(workshop: Workshop) -> None:
    """What an agent has made in place of its result file, such as a pipe, holds nothing up."""
    workshop.open_gate()
    live = await workshop.run(check="mkdir -p .miyabi && mkfifo .miyabi/result.json")
    async with asyncio.timeout(30):
        assert (await (await workshop.attempt(live)).run()).outcome is Outcome.SUCCEEDED


async def test_a_check_finds_what_its_session_found(workshop: Workshop) -> None:
    """Its PATH and environment are the session's, so that what passed there passes here; claude's login is not."""
    workshop.open_gate()
    machine = workshop.machine(environment={"FLAVOUR": "it's $sweet", "ANTHROPIC_API_KEY": "canary", "HOME": "/"})
    live = await workshop.run(machine, check='echo "$FLAVOUR|$HOME|${ANTHROPIC_API_KEY-none}|$PATH"; test -s a.txt')
    assert (await (await workshop.attempt(live)).run()).outcome is Outcome.SUCCEEDED
    said = (live.folder.attempt("a") / "check.log").read_text()
    assert said.startswith("it's $sweet|/|none|")
    assert f"{workshop.folder}/home/.local/bin:/opt/homebrew/bin" in said


async def test_a_secret_of_the_configuration_is_told_by_no_session(workshop: Workshop) -> None:
    """An agent that prints what it was given as a secret does not bring it into its result, nor to later tasks."""
    workshop.claude.write_text(f"#!/bin/sh\ncat >/dev/null; echo '{json.dumps(SAYS)}'\n")
    live = await workshop.run(workshop.machine(environment={"DB_PASSWORD": "correct horse"}), expect_changes=False)
    result = await (await workshop.attempt(live)).run()
    assert (result.outcome, result.final_message) == (Outcome.SUCCEEDED, "the password is [redacted]")
    assert "correct horse" not in live.board.snapshot().model_dump_json()


async def test_what_was_prepared_in_vain_is_removed(workshop: Workshop) -> None:
    """A worktree that was made ahead of time goes where its task ran elsewhere, unless it has been worked in before."""
    live = await workshop.run(patience=1)
    machine, node, worktree = live.machines["m1"], live.dag.by_id["a"], workshop.folder / "m1/worktrees/r1/a"
    await live.prepare(machine, node)
    await live.abandon(machine, node)
    assert not worktree.exists()
    async with workshop.running(await workshop.attempt(live)) as task:
        workshop.switch(live, away=True)
        await task
    workshop.switch(live, away=False)
    await live.prepare(machine, node)
    await live.abandon(machine, node)
    assert worktree.exists()


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
    assert "Remove it there first, or start under another name" in str(result.error_text)


async def test_two_that_begin_a_run_of_one_name(workshop: Workshop) -> None:
    """One of them begins it; the other is told so, and its DAG does not replace the first one's."""
    came = await asyncio.gather(workshop.run(tasks=["a"]), workshop.run(tasks=["b"]), return_exceptions=True)
    (refused,) = [each for each in came if isinstance(each, BadInput)]
    assert "run r1 " in str(refused)
    (live,) = [each for each in came if isinstance(each, LiveRun)]
    assert Dag.load(live.folder.dag_file) == live.dag
