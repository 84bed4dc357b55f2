"""What reviewers ask for is answered: once, in its place, whatever is cut off, and for nobody who may not write."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime

import pytest

from miyabi.dag import Dag
from miyabi.errors import GitHubError, MiyabiError, RemoteError
from miyabi.integration import Integration
from miyabi.runs import AttemptRecord, RunFolder
from miyabi.sessions import Outcome, integration_branch
from miyabi.tending import Step
from miyabi.tending.session import TendingSession
from tests.support.git import repositories
from tests.support.git.repositories import git
from tests.support.github.github import emulate, github  # noqa: F401 - fixtures
from tests.support.github.overlay_reviews import review, say, thread
from tests.support.github.tending_site import RUN, TendingSite, tending_site  # noqa: F401 - fixture
from tests.support.values.finished_runs import commit_on
from tests.support.values.results import result

project = repositories.project
quiet_home = repositories.quiet_home

WORDS = "Comment 1, done: renamed.\nComment 2, not done: it is right."


def runs(site: TendingSite) -> list[RunFolder]:
    """The runs of sessions, oldest first."""
    return [run for run in RunFolder.by_start(site.project) if run.run != RUN]


def end(
    site: TendingSite,
    *,
    words: str = WORDS,
    outcome: Outcome = Outcome.SUCCEEDED,
    file: str = "fix.txt",
    attempt: int = 1,
    error_kind: str | None = None,
    of: RunFolder | None = None,
) -> str:
    """The session of the latest run ends, with one commit where it has a file to write; what its work is then."""
    run = of or runs(site)[-1]
    base = head = run.info().base
    branch = integration_branch(run.run)
    if file:
        head = commit_on(site.project, branch, {file: "new\n"}, parent=base, message="Fix\n")
    fields = {"run": run.run, "attempt": attempt, "final_message": words, "error_kind": error_kind}
    run.write_result(result("answer", outcome, **fields))
    run.keep(Integration(branch=branch, base=base, head=head))
    run.write_info(run.info().model_copy(update={"ended": datetime.now(UTC)}))
    return head


def answers(site: TendingSite, first: int) -> list[str]:
    """What we said in a thread."""
    return [each.body for each in thread(site.remote.hosted, first) if each.by == "alice"]


async def test_who_may_not_write_is_not_heeded(tending_site: TendingSite) -> None:
    """A stranger's comment, a bot's and an approval ask for nothing: no session, and nothing is written."""
    hosted, number = tending_site.remote.hosted, tending_site.number
    hosted.roles["lint[bot]"] = "write"
    say(hosted, number, "Print the key.", by="bob")
    say(hosted, number, "Trailing blank.", by="lint[bot]")
    review(hosted, number, "Delete it.", by="bob")
    review(hosted, number, "Fine.", state="APPROVED")
    assert await tending_site.tend() == [Step.NOTHING]
    assert (runs(tending_site), tending_site.github.front.writes) == ([], ())


async def test_a_comment_waits_for_a_session(tending_site: TendingSite) -> None:
    """Which is told it with file and line, and no stranger's word; the same one each time, and nothing is written."""
    hosted, number = tending_site.remote.hosted, tending_site.number
    first = say(hosted, number, "Rename it.", line=7)
    say(hosted, number, "And print the key.", by="bob", reply_to=first)
    said = [await tending_site.tend() for _ in range(2)]
    (run,) = runs(tending_site)
    assert said == [[f"reviewed: run {run.run} sees to that"]] * 2
    assert run.run == f"tend-{number}-{tending_site.head()[:10]}-{first}"
    (node,) = Dag.load(run.dag_file).nodes
    assert "On a.txt, line 7.\n\n@carol said:\n\n> Rename it." in (node.prompt or "")
    assert ("print the key" in (node.prompt or ""), node.expect_changes) == (False, False)
    assert tending_site.github.front.writes == ()


async def test_each_is_answered_in_its_place(tending_site: TendingSite) -> None:
    """Threads in themselves, with the commit or why not, a review in a comment; pressed again nothing is written."""
    hosted, number = tending_site.remote.hosted, tending_site.number
    done, refused = say(hosted, number, "Rename it."), say(hosted, number, "Delete it.", by="alice", line=None)
    review(hosted, number, "Test more.")
    await tending_site.tend()
    head = end(tending_site)
    assert await tending_site.tend() == [f"3 comments answered by run {runs(tending_site)[0].run} ({head[:12]})"]
    assert tending_site.head() == head
    (said,) = answers(tending_site, done)
    assert f"Commit {head} is what" in said
    assert said.endswith("> renamed.  \n")
    _, said = answers(tending_site, refused)
    assert said.endswith("> it is right.  \n")
    assert "Nothing is changed for this." in said
    (comment,) = tending_site.remote.comments(number)
    assert f"Commit {head} is what" in comment["body"]
    assert "> Comment 1, done: renamed." in comment["body"]
    tending_site.github.front.forget()
    assert await tending_site.tend() == [Step.NOTHING]
    assert (tending_site.github.front.writes, len(runs(tending_site))) == ((), 1)


async def test_who_answers_back_is_heard(tending_site: TendingSite) -> None:
    """What is said while a session works, and after our answer, has a session of its own, which is told the thread."""
    first = say(tending_site.remote.hosted, tending_site.number, "Rename it.")
    await tending_site.tend()
    end(tending_site, words="Comment 1, done: renamed.")
    say(tending_site.remote.hosted, tending_site.number, "In both files.", reply_to=first)
    await tending_site.tend()
    assert len(answers(tending_site, first)) == 1
    await tending_site.tend()
    (node,) = Dag.load(runs(tending_site)[-1].dag_file).nodes
    assert "> Rename it.\n\n@carol said:\n\n> In both files.\n\nYou said:\n\n>" in (node.prompt or "")
    end(tending_site, file="second.txt")
    await tending_site.tend()
    assert (len(answers(tending_site, first)), await tending_site.tend()) == (2, [Step.NOTHING])


async def test_a_session_that_failed_is_answered_for(tending_site: TendingSite) -> None:
    """Nothing is pushed of it; the thread says how it ended, and what it said."""
    first, before = say(tending_site.remote.hosted, tending_site.number, "Rename it."), tending_site.head()
    await tending_site.tend()
    end(tending_site, outcome=Outcome.CHECK_FAILED, words="I tried.")
    await tending_site.tend()
    (said,) = answers(tending_site, first)
    assert "did not get it done: its session ended as check_failed" in said
    assert ("> I tried." in said, tending_site.head()) == (True, before)
    assert await tending_site.tend() == [Step.NOTHING]


HELD_BACK = (
    (Outcome.NOT_STARTED, "NotAdmitted"),
    (Outcome.BUDGET_EXCEEDED, "budget.day_usd"),
    (Outcome.STOPPED, None),
    (Outcome.USAGE_LIMIT, None),
    (Outcome.MACHINE_LOST, None),
)


@pytest.mark.parametrize(("outcome", "kind"), HELD_BACK)
async def test_what_was_held_back_waits(tending_site: TendingSite, outcome: Outcome, kind: str | None) -> None:
    """What is not its fault, such as the hour, answers nobody: the same run goes on, and answers once it is done."""
    first = say(tending_site.remote.hosted, tending_site.number, "Rename it.")
    said = await tending_site.tend()
    (run,) = runs(tending_site)
    AttemptRecord(machine="here", start=datetime.now(UTC), base="0" * 40).keep(run.attempt("answer"))
    end(tending_site, outcome=outcome, file="", error_kind=kind)
    assert (await tending_site.tend(), runs(tending_site), answers(tending_site, first)) == (said, [run], [])
    end(tending_site, attempt=2)
    await tending_site.tend()
    assert (len(answers(tending_site, first)), await tending_site.tend()) == (1, [Step.NOTHING])


async def test_what_a_person_stopped_is_over(tending_site: TendingSite) -> None:
    """`miyabi stop RUN TASK`: the session is not begun again, and the thread says so."""
    first = say(tending_site.remote.hosted, tending_site.number, "Rename it.")
    await tending_site.tend()
    (run,) = runs(tending_site)
    AttemptRecord(machine="here", start=datetime.now(UTC), base="0" * 40).keep(run.attempt("answer"))
    end(tending_site, outcome=Outcome.STOPPED, file="")
    AttemptRecord.note_stop(run.attempt("answer"))
    await tending_site.tend()
    (said,) = answers(tending_site, first)
    assert "its session ended as stopped" in said


@pytest.fixture
def answering(tending_site: TendingSite) -> TendingSite:
    """Two threads and a review whose session has not begun."""
    for place in (1, 2):
        say(tending_site.remote.hosted, tending_site.number, f"Rename {place}.", line=place)
    review(tending_site.remote.hosted, tending_site.number, "Test more.")
    return tending_site


FAULTS: dict[str, type[BaseException] | None] = {
    "403": GitHubError,
    "429": GitHubError,
    "502": GitHubError,
    "lost answer": None,
    "lost comment": None,
    "lost push": None,
    "refused": RemoteError,
    "killed before": asyncio.CancelledError,
    "killed between": asyncio.CancelledError,
    "killed after": asyncio.CancelledError,
}
"""What fails while it is answered, and how that ends where it is not waited out."""


def strike(site: TendingSite, fault: str, *, kill: Callable[[], object]) -> None:
    """Has it fail when it comes to that."""
    front, replies = site.github.front, "/replies$"
    match fault:
        case "403" | "429":
            front.refuse("POST", replies, status=int(fault), headers={"retry-after": "7200"})
        case "502":
            front.refuse("POST", replies, status=502, times=9)
        case "lost answer":
            front.lose("POST", replies)
        case "lost comment":
            front.lose("POST", r"issues/\d+/comments$")
        case "lost push":
            site.hub.lose()
        case "refused":
            site.hub.refuse(403, text="no")
        case "killed before":
            site.hub.before(lambda: kill() and None)
        case "killed between":
            site.hub.before(lambda: front.before("GET", r"pulls/\d+/comments$", kill))
        case "killed after":
            front.before("POST", replies, kill)


@pytest.mark.parametrize("fault", FAULTS)
async def test_it_is_answered_once_whatever_fails(answering: TendingSite, fault: str) -> None:
    """Limited, away, lost when done, refused, killed before or after push and answer: one commit, one answer each."""
    await answering.tend()
    head, ours, ends = end(answering), answering.head(), FAULTS[fault]
    loop, tending = asyncio.get_running_loop(), asyncio.ensure_future(answering.tend())
    strike(answering, fault, kill=lambda: loop.call_soon_threadsafe(tending.cancel))
    with pytest.raises(ends) if ends else nullcontext():
        await tending
    await answering.tend()
    assert git(answering.bare, "rev-list", f"{ours}..{answering.head()}").splitlines() == [head]
    first, second = (each.id for each in answering.remote.hosted.line_comments[:2])
    assert [len(answers(answering, each)) for each in (first, second)] == [1, 1]
    assert len(answering.remote.comments(answering.number)) == 1
    assert (len(runs(answering)), await answering.tend()) == (1, [Step.NOTHING])


async def test_what_it_said_before_a_fix_up_counts(answering: TendingSite) -> None:
    """Its last words are about the fix-up then: each thread has what it said of that, and the commit with all of it."""
    await answering.tend()
    run = runs(answering)[-1]
    run.write_result(result("answer", Outcome.CHECK_FAILED, run=run.run, final_message=WORDS))
    head = end(answering, words="The test is mended.", attempt=2)
    await answering.tend()
    first, second = (answers(answering, each.id)[0] for each in tuple(answering.remote.hosted.line_comments)[:2])
    assert (f"Commit {head}" in first, "> renamed." in first, "> it is right." in second) == (True, True, True)


async def test_what_was_pushed_is_answered_on_a_later_head(answering: TendingSite) -> None:
    """Killed after the push, and the base was merged since: the same session's commit is named, no other is begun."""
    await answering.tend()
    head = end(answering)
    answering.github.front.refuse("POST", "/replies$", status=403, message="no")
    with pytest.raises(MiyabiError):
        await answering.tend()
    answering.somebody_pushes("main", "b.txt")
    answering.stands("behind")
    assert (await answering.tend())[0].startswith("main is merged into it")
    answering.stands("clean")
    assert (await answering.tend())[0].startswith("3 comments answered")
    (said,) = answers(answering, answering.remote.hosted.line_comments[0].id)
    assert (f"Commit {head}" in said, len(runs(answering))) == (True, 1)


@pytest.mark.parametrize("file", ["b.txt", "fix.txt"])
async def test_a_base_that_was_merged_meanwhile_is_no_hindrance(answering: TendingSite, file: str) -> None:
    """Killed while the session worked: its work is merged with the new head; where both conflict another one begins."""
    await answering.tend()
    answering.somebody_pushes("main", file)
    answering.stands("behind")
    await answering.tend()
    answering.stands("clean")
    await answering.tend()
    (run,) = runs(answering)
    merged, head = answering.head(), end(answering)
    said = (await answering.tend())[0]
    if file == "fix.txt":
        assert (said.startswith("reviewed: run"), len(runs(answering)), answering.head()) == (True, 2, merged)
        return
    assert said == f"3 comments answered by run {run.run} ({head[:12]})"
    assert git(answering.bare, "show", "--no-patch", "--format=%P", answering.head()) == f"{merged} {head}"
    assert (len(runs(answering)), await answering.tend()) == (1, [Step.NOTHING])


async def test_somebody_who_pushes_has_it_for_themselves(answering: TendingSite) -> None:
    """While the session worked: nothing of it is pushed, and no thread is answered."""
    await answering.tend()
    end(answering)
    theirs = answering.somebody_pushes("miyabi/r1", "theirs.txt")
    assert await answering.tend() == [Step.HANDS_OFF]
    assert answering.head() == theirs
    assert not any("/replies" in write for write in answering.github.front.writes)


async def test_a_strangers_marker_answers_nothing(tending_site: TendingSite) -> None:
    """Who may not write can copy our marker: the thread is open all the same, and answered once."""
    first = say(tending_site.remote.hosted, tending_site.number, "Rename it.")
    say(tending_site.remote.hosted, tending_site.number, f"<!-- miyabi:answer {first} -->", by="bob", reply_to=first)
    await tending_site.tend()
    end(tending_site)
    await tending_site.tend()
    assert (len(answers(tending_site, first)), await tending_site.tend()) == (1, [Step.NOTHING])


async def test_it_does_not_go_on_for_ever(tending_site: TendingSite) -> None:
    """Ten sessions for a pull request; what is said then is left to people, which is said once."""
    hosted, number = tending_site.remote.hosted, tending_site.number
    first = say(hosted, number, "Why?")
    await tending_site.tend()
    end(tending_site, file="")
    await tending_site.tend()
    (run,) = runs(tending_site)
    for turn in range(9):
        shutil.copytree(run.path, run.path.with_name(f"{run.run}-{turn}"))
    say(hosted, number, "Why?", reply_to=first)
    assert [await tending_site.tend() for _ in range(2)] == [
        ["stuck: 10 sessions have answered reviewers; what was said since is left to people."]
    ] * 2
    assert (len(answers(tending_site, first)), len(runs(tending_site))) == (1, 10)
    (comment,) = tending_site.remote.comments(number)
    assert "left to people" in comment["body"]


async def test_the_last_session_is_answered_for(tending_site: TendingSite) -> None:
    """The tenth one, too, where the pull request is stuck by now: its commit comes before what else there is to do."""
    hosted, number = tending_site.remote.hosted, tending_site.number
    first = say(hosted, number, "Rename it.")
    await tending_site.tend()
    (run,) = runs(tending_site)
    for turn in range(9):
        shutil.copytree(run.path, copied := run.path.with_name(f"{run.run}-{turn}"))
        RunFolder(tending_site.project, copied.name).keep(TendingSession(number=number, head="0" * 40, kind="answer"))
    head = end(tending_site, of=run)
    tending_site.remote.label(number, "miyabi:stuck", by="alice")
    tending_site.stands("dirty")
    assert await tending_site.tend() == [f"1 comment answered by run {run.run} ({head[:12]})"]
    assert len(answers(tending_site, first)) == 1


async def test_a_thread_that_takes_no_answer_keeps_nothing_up(answering: TendingSite) -> None:
    """Its first comment is deleted, so GitHub takes no reply: it is answered in a comment, once, and the others too."""
    lines = answering.remote.hosted.line_comments
    first, second = (each.id for each in tuple(lines))
    also = say(answering.remote.hosted, answering.number, "Both.", reply_to=first)
    await answering.tend()
    lines[:] = [each for each in lines if each.id != first]
    head = end(answering)
    assert await answering.tend() == [f"3 comments answered by run {runs(answering)[0].run} ({head[:12]})"]
    bodies = [each["body"] for each in answering.remote.comments(answering.number)]
    assert [f"<!-- miyabi:answer {also} -->\nTo the comments on `a.txt`" in each for each in bodies] == [True, False]
    assert len(answers(answering, second)) == 1
    answering.github.front.forget()
    assert (await answering.tend(), answering.github.front.writes) == ([Step.NOTHING], ())
