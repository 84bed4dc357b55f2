"""Attempts that do not come to their end as planned: what is told of them, and that none is doubled or lost."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import UTC, datetime

import pytest

from miyabi.attempts import recover_abandoned
from miyabi.errors import MachineUnreachable, SessionError
from miyabi.sessions import Outcome, State, reviewing
from miyabi.sessions.follow import Copy
from tests.support.git.repositories import git
from tests.support.values.runs import Workshop, workshop  # noqa: F401 - a fixture

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
    assert (result.outcome, result.is_collected, live.resume.attempts("a")) == (Outcome.MACHINE_LOST, False, 1)
    again = await workshop.run()
    assert again.resume.requires("a") == ("machine:m1",)
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
    (workshop.folder / "m1/checkouts/r1/a/a/half.txt").write_text("half\n")
    workshop.switch(live, away=False)
    async with workshop.running(await workshop.attempt(live)) as task:
        assert (await workshop.status("r1.a.1")).ended_by == "stop"
        workshop.open_gate()
        result = await task
    assert (result.outcome, result.attempt) == (Outcome.SUCCEEDED, 2)
    assert result.changes.files == ("a.txt", "half.txt")


async def test_what_a_lost_machine_has_is_collected_beside_the_rest(workshop: Workshop) -> None:
    """A machine that comes back after its task went elsewhere: its session is ended, its work is on the strays."""
    live = await workshop.run(workshop.machine("m1"), workshop.machine("m2"), patience=1)
    async with workshop.running(await workshop.attempt(live)) as task:
        workshop.switch(live, away=True)
        await task
    (workshop.folder / "m1/checkouts/r1/a/a/half.txt").write_text("half\n")
    workshop.open_gate()
    async with workshop.running(await workshop.attempt(live, machine="m2")) as task:
        second = await task
    await recover_abandoned(live)
    assert live.warnings == ["a: what attempt 1 did on m1 is still there: m1: switched off"]
    workshop.switch(live, away=False)
    await recover_abandoned(live)
    # it was ended at any point
    came = r"was collected later, to miyabi/r1/a\+strays: \d commits? \(\d files?, \+\d -0\)"
    assert re.fullmatch(f"a: what attempt 1 did on m1 {came}", live.warnings[1])
    first = live.folder.results()[0]
    assert (first.outcome, first.is_collected, live.results["a"]) == (Outcome.MACHINE_LOST, True, second)
    root = workshop.folder / "repository"
    assert git(root, "rev-parse", "miyabi/r1/a") == second.head
    assert git(root, "show", f"{first.head}:half.txt") == "half"
    assert git(root, "merge-base", "--is-ancestor", str(first.head), "miyabi/r1/a+strays") == ""
    assert (await workshop.status()).state is State.EXITED


async def test_what_a_lost_machine_has_of_a_review_is_ended_alone(workshop: Workshop) -> None:
    """A session in the place of a task has no work to collect: it ends, and so does the run."""
    live = await workshop.run(workshop.machine("m1"), workshop.machine("m2"), patience=1)
    name = reviewing("a", head=live.base)
    node = live.dag.by_id["a"].model_copy(update={"id": name})
    beside = live.beside(node, settings=live.settings, base=live.base)
    async with workshop.running(await workshop.attempt(beside, name)) as task:
        workshop.switch(live, away=True)
        await task
    workshop.open_gate()
    async with workshop.running(await workshop.attempt(beside, name, machine="m2")) as task:
        await task
    await recover_abandoned(live)
    assert live.warnings == [f"{name}: what attempt 1 did on m1 is still there: m1: switched off"]
    workshop.switch(live, away=False)
    await recover_abandoned(live)
    assert (await workshop.status(f"r1.{name}.1")).state is State.EXITED


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
    assert (result.outcome, again.resume.attempts("a"), again.resume.pending("a")) == (Outcome.MACHINE_LOST, 1, None)
    assert "knows nothing of session r1.a.1 any more" in str(result.error_text)
    assert (await workshop.run()).resume.attempts("a") == 1


async def test_output_that_is_damaged_there(workshop: Workshop) -> None:
    """A log that is shorter than our copy, as after a power cut, costs no commit once the session is over."""
    live = await workshop.run()
    attempt = await workshop.attempt(live)
    await workshop.left(attempt)
    workshop.open_gate()
    async with asyncio.timeout(120):
        while (await workshop.status()).state is not State.EXITED:
            await asyncio.sleep(0.05)
    said = {"type": "result", "subtype": "success", "is_error": False, "num_turns": 2, "result": "done"}
    (attempt.live.folder.attempt("a") / "stdout.jsonl").write_text(f"{json.dumps(said)}\n" * 9)
    result = await (await workshop.attempt(await workshop.run())).run()
    assert (result.outcome, result.changes.files) == (Outcome.SUCCEEDED, ("a.txt",))


async def test_a_session_that_ended_while_nobody_was_there(workshop: Workshop) -> None:
    """It took as long as its machine says, to a second, not until somebody came to collect it."""
    await workshop.left(await workshop.attempt(await workshop.run()))
    await asyncio.sleep(1.1)  # the machine counts in whole seconds
    workshop.open_gate()
    async with asyncio.timeout(120):
        while ((await workshop.status()).over_seconds or 0) < 3:
            await asyncio.sleep(0.1)
    result = await (await workshop.attempt(await workshop.run())).run()
    assert result.end
    assert (datetime.now(UTC) - result.end).total_seconds() >= 3
    assert 0 < result.seconds < 20


async def test_a_machine_that_is_away_before_anything_is_started(workshop: Workshop) -> None:
    """It is waited for as long as patience lasts, without a result; then it counts as lost, and nothing is left."""
    live = await workshop.run(patience=0.5)
    workshop.switch(live, away=True)
    attempt = await workshop.attempt(live)
    with pytest.raises(MachineUnreachable, match="switched off"):
        await attempt.run()
    assert live.results == {}
    await asyncio.sleep(0.6)
    assert (await attempt.run()).outcome is Outcome.MACHINE_LOST
    assert (live.resume.attempts("a"), live.resume.pending("a")) == (1, None)


async def test_a_result_file_that_is_none(workshop: Workshop) -> None:
    """What an agent has made in place of its result file, such as a pipe, holds nothing up."""
    workshop.open_gate()
    live = await workshop.run(check="mkdir -p .miyabi && mkfifo .miyabi/result.json")
    async with asyncio.timeout(120):
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


@pytest.mark.parametrize("node", [{}, {"expect_changes": False}, {"check": "test -f README.md"}])
async def test_a_checkout_that_its_session_removed(workshop: Workshop, node: dict[str, object]) -> None:
    """That nothing is there any more is told as that, whatever claude says; the next attempt gets a new checkout."""
    claude = workshop.folder / "removes"
    claude.write_text(f"#!/bin/sh\nrm -rf \"$PWD\"\necho '{json.dumps(SAYS)}'\n")
    claude.chmod(0o755)
    live = await workshop.run(workshop.machine(claude=str(claude)), **node)
    result = await (await workshop.attempt(live)).run()
    assert (result.outcome, result.error_kind) == (Outcome.AGENT_ERROR, "checkout_removed")
    assert result.head == live.base
    checkout = await live.worktrees.checkout(live.machines["m1"], live.dag.by_id["a"])
    assert git(workshop.folder / checkout, "status", "--porcelain") == ""


async def test_what_was_prepared_in_vain_is_removed(workshop: Workshop) -> None:
    """A worktree that was made ahead of time goes where its task ran elsewhere, unless it has been worked in before."""
    live = await workshop.run(patience=1)
    machine, node, worktree = live.machines["m1"], live.dag.by_id["a"], workshop.folder / "m1/checkouts/r1/a/a"
    await live.worktrees.prepare(machine, node)
    await live.worktrees.abandon(machine, node)
    assert not worktree.exists()
    async with workshop.running(await workshop.attempt(live)) as task:
        workshop.switch(live, away=True)
        await task
    workshop.switch(live, away=False)
    await live.worktrees.prepare(machine, node)
    await live.worktrees.abandon(machine, node)
    assert worktree.exists()
