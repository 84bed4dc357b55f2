"""To whom a merge is given that conflicts or breaks the whole, and what is left to them."""

from __future__ import annotations

from typing import Any

import pytest

from miyabi.errors import MergeConflict
from miyabi.integration import Breakage, Conflict, resolution_run
from miyabi.runs import Continuation, Run
from miyabi.sessions import Outcome, resolving
from miyabi.settings import IntegrationSettings, SessionDefaults, Settings
from miyabi.settings.tables import RunDefaults
from tests.support.git.repositories import project, quiet_home  # noqa: F401
from tests.support.values.finished_runs import PlayedRun, played  # noqa: F401
from tests.support.values.results import result

START = "5" * 40
NAME = resolving("a", start=START)
BREAKAGE = Breakage(
    run="r", task="a", title="A", ours="1" * 40, theirs="2" * 40, start=START, command="make", exit_status=2, output="x"
)
CONFLICT = Conflict(
    run="r", task="a", title="A", ours="1" * 40, theirs="2" * 40, start=START, files=("a.txt",), messages=()
)


async def given(
    played: PlayedRun,
    what: Conflict | Breakage = BREAKAGE,
    *before: tuple[str, Outcome, int],
    conversation: str | None = "c",
    fix_attempts: int = 2,
    resolve_conflicts: bool = False,
    budget: float | None = None,
) -> Run | None:
    """The run of a session for a merge of task a, which was given back so often before."""
    fields: dict[str, Any] = {"machine": "m1", "session_id": conversation}
    await played.task("a", {"a.txt": "x"}, cost_usd=1.0, **fields)
    folder = played.keep()
    for name, outcome, fix_ups in before:
        folder.write_result(result(name, outcome, run=played.run, fix_ups=fix_ups, cost_usd=0.5, **fields))
    settings = Settings(
        runs=RunDefaults(fix_attempts=fix_attempts),
        sessions=SessionDefaults(max_budget_usd=budget),
        integration=IntegrationSettings(resolve_conflicts=resolve_conflicts),
    )
    return await resolution_run(what, dag=played.dag, folder=folder, settings=settings, repository=played.repository)


@pytest.mark.parametrize("what", [BREAKAGE, CONFLICT])
async def test_it_goes_back_to_its_conversation(played: PlayedRun, what: Conflict | Breakage) -> None:
    """On its machine, with the rounds and the budget that are left."""
    other = resolving("a", start="7" * 40)
    live = await given(played, what, (other, Outcome.SUCCEEDED, 0), fix_attempts=4, budget=5.0)
    assert live
    (node,) = live.dag.nodes
    assert live.origins == {NAME: Continuation(machine="m1", conversation="c")}
    assert (node.id, node.fix_attempts, node.max_budget_usd) == (NAME, 2, 3.5)
    assert live.base == START


async def test_to_whom_it_is_given_otherwise(played: PlayedRun) -> None:
    """A conflict to a session of its own where that is asked for, what breaks the whole to nobody."""
    for options in ({"conversation": None}, {"fix_attempts": 0}):
        assert await given(played, CONFLICT, **options) is None
        own = await given(played, CONFLICT, resolve_conflicts=True, **options)
        assert own
        assert own.origins == {}
        assert await given(played, BREAKAGE, resolve_conflicts=True, **options) is None


async def test_it_comes_to_an_end(played: PlayedRun) -> None:
    """Fix-ups in a session are rounds too, sessions that came to nothing are none; a session that was begun goes on."""
    first, second = resolving("a", start="7" * 40), resolving("a", start="8" * 40)
    stopped = (first, Outcome.STOPPED, 0)
    assert await given(played, BREAKAGE, stopped, (second, Outcome.SUCCEEDED, 0))
    with pytest.raises(MergeConflict, match="it has gone back to its conversation 2 times"):
        await given(played, BREAKAGE, stopped, (second, Outcome.SUCCEEDED, 1))
    assert await given(played, BREAKAGE, (second, Outcome.SUCCEEDED, 1), (NAME, Outcome.STOPPED, 0))


async def test_a_budget_that_is_spent(played: PlayedRun) -> None:
    """Nothing is begun where the conversation has spent it."""
    with pytest.raises(MergeConflict, match=r"spent 1\.00 USD of 1\.00"):
        await given(played, BREAKAGE, budget=1.0)
