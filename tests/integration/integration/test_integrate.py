"""A run's heads become one branch."""

from __future__ import annotations

from pathlib import Path

import pytest

from miyabi.errors import BaseMissing, GitFailed
from miyabi.integration import LeftOut, LeftOutKind
from miyabi.sessions import Outcome, SessionPaths, integration_branch
from tests.support.git.repositories import commit, git, project, quiet_home, snapshot  # noqa: F401
from tests.support.values.finished_runs import PlayedRun, played  # noqa: F401
from tests.support.values.results import RUN

BRANCH = integration_branch(RUN)


async def test_one_merge_a_task_in_topological_order(played: PlayedRun) -> None:
    """Each task gets a merge commit of its own on the base, after the tasks that it builds on."""
    heads = {
        "late": await played.task("late", {"late.txt": "x"}),
        "early": await played.task("early", {"early.txt": "x"}),
    }
    heads["join"] = await played.task("join", {"join.txt": "x"}, after=["late", "early"])
    came = await played.integrate()
    assert came.tasks == played.dag.order
    assert came.tasks[-1] == "join"
    rows = [row.split() for row in played.log("--first-parent", "--reverse", "--format=%H %P", BRANCH, f"^{came.base}")]
    assert [row[0] for row in rows] == [merged.commit for merged in came.merged]
    assert [row[2] for row in rows] == [heads[task] for task in came.tasks]
    assert rows[0][1] == came.base == played.base
    assert set(git(played.root, "ls-tree", "--name-only", came.head).split()) >= {"early.txt", "late.txt", "join.txt"}


async def test_a_single_task_is_merged_with_a_merge_commit(played: PlayedRun) -> None:
    """Even what could be fast-forwarded is merged, so that a person sees whose work it is."""
    head = await played.task("only", {"a.txt": "x"})
    came = await played.integrate()
    assert played.log("-1", "--format=%P", came.head) == [f"{played.base} {head}"]
    assert came.verified is None


async def test_a_merge_says_where_the_work_comes_from(played: PlayedRun) -> None:
    """The message has the task and its title, and as trailers run, task, session and machine."""
    await played.task("build", {"a.txt": "x"}, session_id="5b0c2c1e-0000-4000-8000-000000000000", machine="macmini-2")
    came = await played.integrate()
    assert played.log("-1", "--format=%an%n%B", came.head) == [
        "Water Spider",
        "Merge build: Title of build",
        "",
        f"Miyabi-Run: {RUN}",
        "Miyabi-Task: build",
        "Miyabi-Session: 5b0c2c1e-0000-4000-8000-000000000000",
        "Miyabi-Machine: macmini-2",
    ]
    assert played.log("-1", "--format=%(trailers:key=Miyabi-Machine,valueonly)", came.head) == ["macmini-2"]


async def test_tasks_without_commits_are_merged_without_a_merge(played: PlayedRun) -> None:
    """Who had nothing to commit, or whose commits came with another head, is in, but makes no merge commit."""
    await played.task("a", {"a.txt": "x"})
    await played.task("b", {"b.txt": "x"})
    looked = await played.task("look", after=["a", "b"])
    await played.task("more", {"c.txt": "x"}, after=["look"])
    came = await played.integrate()
    assert set(came.tasks) == {"a", "b", "look", "more"}
    assert len(played.log("--first-parent", "--format=%H", came.head, f"^{came.base}")) == 3
    assert next(m.commit for m in came.merged if m.task == "look") == looked


async def test_what_the_base_holds_by_now_is_merged_already(played: PlayedRun) -> None:
    """A head that somebody merged into the base meanwhile adds nothing; the rest is merged with the new base."""
    await played.task("a", {"a.txt": "x"})
    await played.task("b", {"b.txt": "x"})
    git(played.root, "merge", "-q", "--no-ff", "-m", "merge", f"miyabi/{RUN}/a")
    came = await played.integrate(base="main")
    assert set(came.tasks) == {"a", "b"}
    assert came.base == git(played.root, "rev-parse", "main")
    assert len(played.log("--first-parent", "--format=%H", came.head, f"^{came.base}")) == 1


async def test_nothing_to_merge_leaves_no_branch(played: PlayedRun) -> None:
    """Where nothing succeeded, the head is the base, and a branch of an earlier integration goes."""
    await played.task("a", {"a.txt": "x"})
    assert not (await played.integrate()).is_empty
    await played.task("a", {"a.txt": "x"}, outcome=Outcome.CHECK_FAILED, error_text="2 tests failed")
    came = await played.integrate()
    assert came.is_empty
    assert came.left_out == (LeftOut(task="a", kind=LeftOutKind.FAILED, reason="check_failed: 2 tests failed"),)
    assert await played.repository.branches(BRANCH) == {}


async def test_a_conflict_is_left_out_with_all_that_builds_on_it(played: PlayedRun) -> None:
    """What does not merge is named with its files and the task that it collides with; its dependants go with it."""
    await played.task("first", {"src/a.txt": "one\n2\n3\n", "docs/ü.md": "1"})
    await played.task("long", {"long.txt": "x"}, after=["first"])
    await played.task("longer", {"longer.txt": "x"}, after=["long"])
    await played.task("longest", {"longest.txt": "x"}, after=["longer"])
    await played.task("second", {"src/a.txt": "two\n2\n3\n", "docs/ü.md": "2", "fine.txt": "x"})
    await played.task("third", {"third.txt": "x"}, after=["second"])
    await played.task("fourth", {"fourth.txt": "x"}, after=["third"])
    came = await played.integrate()
    second, third, fourth = came.left_out
    assert (second.task, second.kind) == ("second", LeftOutKind.CONFLICT)
    assert second.files == ("docs/ü.md", "src/a.txt")
    assert second.reason == "it does not merge with first: both changed docs/ü.md, src/a.txt"
    assert third == LeftOut(
        task="third",
        kind=LeftOutKind.UPSTREAM,
        because_of="second",
        reason="it builds on second, which does not merge",
    )
    assert (fourth.task, fourth.because_of) == ("fourth", "second")
    assert came.tasks == ("first", "long", "longer", "longest")
    assert "fine.txt" not in git(played.root, "ls-tree", "--name-only", came.head)


async def test_failed_and_skipped_tasks_are_named(played: PlayedRun) -> None:
    """What did not succeed is left out with its outcome, what waited for it with the task that it waited for."""
    await played.task("good", {"good.txt": "x"})
    await played.task("bad", {"bad.txt": "x"}, outcome=Outcome.TIMED_OUT, error_text="after 30 minutes")
    await played.task("waits", outcome=Outcome.SKIPPED, after=["bad"])
    await played.task("waits-more", outcome=Outcome.SKIPPED, after=["waits", "good"])
    await played.task("idle", outcome=Outcome.SKIPPED)
    came = await played.integrate()
    assert came.tasks == ("good",)
    reasons = {out.task: (out.kind, out.because_of, out.reason) for out in came.left_out}
    follows = (LeftOutKind.UPSTREAM, "bad", "it builds on bad, which did not succeed")
    assert reasons == {
        "bad": (LeftOutKind.FAILED, None, "timed_out: after 30 minutes"),
        "waits": follows,
        "waits-more": follows,
        "idle": (LeftOutKind.FAILED, None, "skipped"),
    }


async def test_a_head_that_is_gone_is_named(played: PlayedRun) -> None:
    """A result whose commits are not in the repository is left out; the others are merged."""
    await played.task("a", {"a.txt": "x"})
    await played.task("b", {"b.txt": "x"})
    played.results["b"] = played.results["b"].model_copy(update={"head": "f" * 40})
    came = await played.integrate()
    assert came.tasks == ("a",)
    assert "not in the repository any more" in came.left_out[0].reason


async def test_again_it_is_the_same(played: PlayedRun) -> None:
    """The same heads make the same branch, whoever integrates them, and nothing of the user's is touched."""
    await played.task("a", {"src/a.txt": "one\n2\n3\n"})
    await played.task("b", {"src/a.txt": "1\n2\nthree\n"})
    await played.task("c", {"src/a.txt": "other\n2\n3\n"})
    git(played.root, "config", "user.name", "Somebody")
    before = snapshot(played.root)
    first = await played.integrate()
    git(played.root, "update-ref", "-d", f"refs/heads/{BRANCH}")
    git(played.root, "config", "user.name", "Somebody else")
    assert await played.integrate() == first == await played.integrate()
    git(played.root, "config", "user.name", "Somebody")
    assert {k: v for k, v in snapshot(played.root).items() if k != ".git/config"} == {
        k: v for k, v in before.items() if k != ".git/config"
    }
    assert await played.repository.branches(BRANCH) == {BRANCH: first.head}


async def test_the_name_is_no_tasks(played: PlayedRun) -> None:
    """The branch lies beside those of the tasks, whatever they are called."""
    for task in ("integration", "0", "a.b", "x_y"):
        await played.task(task, {f"{task}.txt": "x"})
    came = await played.integrate()
    assert set(came.tasks) == set(played.edges)
    assert all(SessionPaths(run=RUN, task=task).branch != came.branch for task in played.edges)
    assert git(played.root, "check-ref-format", "--branch", came.branch) == came.branch


async def test_a_branch_that_is_checked_out_is_left_alone(played: PlayedRun, tmp_path: Path) -> None:
    """Nobody's checkout is pulled from under them; the message says what to do."""
    await played.task("a", {"a.txt": "x"})
    came = await played.integrate()
    git(played.root, "worktree", "add", "-q", str(tmp_path / "look"), came.branch)
    await played.task("b", {"b.txt": "x"})
    with pytest.raises(GitFailed, match=r"is checked out in .*look and is left alone\. Go to another branch"):
        await played.integrate()
    assert await played.repository.branches(BRANCH) == {BRANCH: came.head}


async def test_a_branch_that_is_checked_out_and_stays(played: PlayedRun, tmp_path: Path) -> None:
    """Whoever looks at the branch does not keep the same from being integrated again."""
    await played.task("a", {"a.txt": "x"})
    came = await played.integrate()
    git(played.root, "worktree", "add", "-q", str(tmp_path / "look"), came.branch)
    assert await played.integrate() == came


async def test_commits_of_people_on_it_are_not_lost(played: PlayedRun) -> None:
    """Where somebody has gone on with the branch, it is left alone; the message says how to keep their work."""
    await played.task("a", {"a.txt": "x"})
    came = await played.integrate()
    git(played.root, "switch", "-q", came.branch)
    mine = commit(played.root, {"fix.txt": "x"})
    git(played.root, "switch", "-q", "main")
    with pytest.raises(GitFailed, match=rf"not of this run \({mine[:7]}\).*git branch -m"):
        await played.integrate()
    assert await played.repository.branches(BRANCH) == {BRANCH: mine}


async def test_a_base_that_is_not_there(played: PlayedRun) -> None:
    """An unknown base is told before anything is merged."""
    await played.task("a", {"a.txt": "x"})
    with pytest.raises(BaseMissing, match=r"'mian'.*Did you mean main"):
        await played.integrate(base="mian")
