"""What is done about open pull requests: once, whatever is cut off, and nothing where nothing has changed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from miyabi.dag import Dag
from miyabi.errors import GitHubUnreachable, RateLimited, RemoteError
from miyabi.integration import Integration
from miyabi.integration.values import MergedTask
from miyabi.pull_requests import Tended
from miyabi.runs import RunFolder
from miyabi.sessions import integration_branch
from miyabi.tending import Step
from tests.support.git import repositories
from tests.support.git.repositories import git
from tests.support.github.github import FAST, emulate, github  # noqa: F401 - fixtures
from tests.support.github.tending_site import HEAD, RUN, TendingSite, tending_site  # noqa: F401 - fixture
from tests.support.values.finished_runs import commit_on

project = repositories.project
quiet_home = repositories.quiet_home


async def test_one_that_stands_well_is_left(tending_site: TendingSite) -> None:
    """Nothing is written; asked again, GitHub answers nothing in full, for nothing is new."""
    assert await tending_site.tend() == [Step.NOTHING]
    assert tending_site.github.front.fresh
    tending_site.github.front.forget()
    assert await tending_site.tend() == [Step.NOTHING]
    assert (tending_site.github.front.fresh, tending_site.github.front.writes) == ((), ())
    assert (
        len(tending_site.github.front.sent) == 6
    )  # all, the one, its check runs, statuses, comments on lines, reviews


async def test_somebody_elses_branch_is_left_to_them(tending_site: TendingSite) -> None:
    """After a person's push it is said once that the branch is theirs; its base may move, nothing is pushed."""
    theirs = tending_site.somebody_pushes(HEAD, "theirs.txt")
    tending_site.stands("dirty")
    assert [await tending_site.tend() for _ in range(2)] == [[Step.HANDS_OFF]] * 2
    (comment,) = tending_site.remote.comments(tending_site.number)
    assert f"Somebody else has pushed to `{HEAD}`" in comment["body"]
    assert (tending_site.head(), len(tending_site.github.front.writes)) == (theirs, 1)


async def test_a_pull_request_of_a_person_is_not_looked_at(tending_site: TendingSite) -> None:
    """One that no run here has opened is left alone, be its branch called as ours are."""
    tending_site.remote.ask("PATCH", f"pulls/{tending_site.number}", {"state": "closed"})
    tending_site.remote.branch("miyabi/other")
    tending_site.remote.ask("POST", "pulls", {"title": "T", "head": "miyabi/other", "base": "main"}, by="carol")
    assert await tending_site.tend() == []
    assert tending_site.github.front.writes == ()


@pytest.mark.parametrize("state", ["dirty", "behind"])
async def test_a_base_that_moved_is_merged(tending_site: TendingSite, state: str) -> None:
    """One merge commit of ours on top, holding both; pressed again nothing is pushed, and the run knows its head."""
    ours, theirs = tending_site.head(), tending_site.somebody_pushes("main", "b.txt")
    before = tending_site.hub.writes
    tending_site.stands(state)
    assert (await tending_site.tend())[0].startswith("main is merged into it")
    head = tending_site.head()
    said = git(tending_site.bare, "show", "--no-patch", "--format=%P %ce", head)
    assert said == f"{ours} {theirs} water-spider@localhost"
    assert tending_site.files() == ["README.md", "a.txt", "b.txt"]
    kept = tending_site.folder.load(Tended)
    assert kept is not None
    assert kept.heads_for({HEAD: ours}) == {HEAD: head}
    assert await tending_site.tend() == ["nothing of main is missing in it"]
    assert tending_site.hub.writes == before + 1


async def test_a_base_that_conflicts_waits_for_a_session(tending_site: TendingSite) -> None:
    """Both changed a file: nothing is written at GitHub before a session has ended, the same one each time."""
    tending_site.somebody_pushes("main", "a.txt")
    tending_site.stands("dirty")
    ours, writes = tending_site.head(), tending_site.hub.writes
    said = [await tending_site.tend() for _ in range(2)]
    assert said[0] == said[1]
    (run,) = [run for run in RunFolder.all(tending_site.project) if run.run != RUN]
    assert said[0] == [f"it conflicts with main: run {run.run} resolves that"]
    (node,) = Dag.load(run.dag_file).nodes
    assert ("a.txt" in (node.prompt or ""), node.id) == (True, "resolve")
    assert git(tending_site.project, "show", f"{run.info().base}:a.txt").startswith("<<<<<<<")
    assert (tending_site.head(), tending_site.hub.writes, tending_site.github.front.writes) == (ours, writes, ())
    run.write_info(run.info().model_copy(update={"ended": datetime.now(UTC)}))  # and killed before it was integrated
    assert await tending_site.tend() == said[0]


@pytest.mark.parametrize("fault", ["403", "429", "502", "refused"])
async def test_a_merge_is_pushed_once_whatever_fails(tending_site: TendingSite, fault: str) -> None:
    """Limited for longer than we may wait, away, or refused: it ends there, and the same again is one commit."""
    ours, theirs = tending_site.head(), tending_site.somebody_pushes("main", "b.txt")
    tending_site.stands("behind")
    front, hub = tending_site.github.front, tending_site.hub
    match fault:
        case "403" | "429":
            front.refuse("GET", "/pulls$", status=int(fault), headers={"retry-after": "7200"})
        case "502":
            front.refuse("GET", "/pulls$", status=502, times=FAST.attempts)
        case "refused":
            hub.refuse(403, text="no")
    with pytest.raises((RateLimited, GitHubUnreachable, RemoteError)):
        await tending_site.tend()
    await tending_site.tend()
    head = tending_site.head()
    assert git(tending_site.bare, "rev-list", f"{ours}..{head}", "--not", theirs).splitlines() == [head]
    assert front.writes == ()


async def test_nothing_is_pushed_over_somebody(tending_site: TendingSite) -> None:
    """Who pushes while we merge keeps their commit: ours is refused, and next time the branch is theirs."""
    tending_site.somebody_pushes("main", "b.txt")
    tending_site.stands("behind")
    tending_site.hub.before(lambda: tending_site.somebody_pushes(HEAD, "theirs.txt"))
    with pytest.raises(RemoteError, match="somebody pushed to it"):
        await tending_site.tend()
    assert tending_site.files() == ["README.md", "a.txt", "theirs.txt"]
    assert await tending_site.tend() == [Step.HANDS_OFF]


async def test_github_is_asked_to_merge_it(tending_site: TendingSite) -> None:
    """By the method of the settings, once, where the repository allows it and the pull request waits for something."""
    site = replace(tending_site, auto_merge="squash")
    site.stands("blocked")
    assert await site.tend() == [Step.NOTHING]
    site.remote.hosted.allow_auto_merge = True
    assert await tending_site.tend() == [Step.NOTHING]
    assert await site.tend() == [Step.AUTO_MERGE]
    assert site.remote.hosted.pulls[site.number].auto_merge == "squash"
    site.remote.hosted.pulls[site.number].auto_merge = ""  # somebody switches it off
    assert await site.tend() == [Step.NOTHING]
    assert site.github.front.writes == ("POST /graphql",)


async def test_a_failure_of_github_is_no_answer_to_auto_merge(tending_site: TendingSite) -> None:
    """GraphQL answers with 200 to what it could not do: that is asked for again, and not taken for a refusal."""
    site = replace(tending_site, auto_merge="merge")
    site.stands("blocked")
    site.remote.hosted.allow_auto_merge = True
    wrong = {"message": "Something went wrong while executing your query."}
    site.github.front.answer("POST", "/graphql$", content=json.dumps({"errors": [wrong]}))
    assert await site.tend() == [Step.AUTO_MERGE]
    assert site.remote.hosted.pulls[site.number].auto_merge == "merge"


async def test_a_log_that_cannot_be_had_now_is_waited_for(tending_site: TendingSite) -> None:
    """While GitHub is away no session is begun, which would be told half of it; one whose log is gone is."""
    job = tending_site.check("test", "failure", log="expected 7")
    tending_site.github.front.refuse("GET", "/logs$", status=502, times=FAST.attempts)
    with pytest.raises(GitHubUnreachable):
        await tending_site.tend()
    assert [run.run for run in RunFolder.all(tending_site.project)] == [RUN]
    tending_site.github.front.refuse("GET", f"/jobs/{job}/logs$", status=410)
    (said,) = await tending_site.tend()
    assert "mends that" in said


async def test_a_merge_that_was_not_pushed_is_forgotten(tending_site: TendingSite) -> None:
    """Its base has moved again before the next press: the run's work is below what is pushed then, and stays there."""
    ours = tending_site.head()
    tending_site.somebody_pushes("main", "b.txt")
    tending_site.stands("behind")
    await tending_site.tend()
    once = tending_site.head()
    tending_site.somebody_pushes("main", "c.txt")
    tending_site.hub.refuse(403, text="no")
    with pytest.raises(RemoteError):
        await tending_site.tend()
    tending_site.somebody_pushes("main", "d.txt")
    await tending_site.tend()
    assert git(tending_site.bare, "rev-parse", f"{HEAD}^1") == once
    kept = tending_site.folder.load(Tended)
    assert kept is not None
    assert kept.heads_for({HEAD: ours}) == {HEAD: tending_site.head()}


async def test_a_token_that_may_not_set_statuses(tending_site: TendingSite) -> None:
    """What a session mended is pushed all the same; that its outcome is not shown is said once, and not tried again."""
    tending_site.check("test", "failure")
    ours = tending_site.head()
    await tending_site.tend()
    (run,) = [run for run in RunFolder.all(tending_site.project) if run.run != RUN]
    mended = commit_on(tending_site.project, "mended", {"fix.txt": "new\n"}, parent=ours, message="Mend it\n")
    merged = (MergedTask(task="fix", commit=mended, head=mended),)
    run.keep(Integration(branch=integration_branch(run.run), base=ours, head=mended, merged=merged))
    run.write_info(run.info().model_copy(update={"ended": datetime.now(UTC)}))
    tending_site.github.front.refuse("POST", "/statuses/", status=403, message="Resource not accessible")
    (said,) = await tending_site.tend()
    assert "mended by run" in said
    assert "The token may not change status of" in said
    assert tending_site.head() == mended
    assert await tending_site.tend() == [Step.NOTHING]
    assert [path.partition("/statuses")[1] for path in tending_site.github.front.writes] == ["/statuses"]


async def test_what_github_says_to_auto_merge_is_said(tending_site: TendingSite) -> None:
    """One that became mergeable meanwhile is refused by GitHub, which is no fault, and is not asked for again."""
    site = replace(tending_site, auto_merge="merge")
    site.stands("blocked")
    site.remote.hosted.allow_auto_merge = True
    site.github.front.before("POST", "/graphql$", lambda: site.stands("clean"))
    assert await site.tend() == [f"GitHub does not set auto-merge of #{site.number}: Pull request is in clean status."]
    site.stands("blocked")
    assert await site.tend() == [Step.NOTHING]


async def test_a_clean_one_goes_to_the_merge_queue(tending_site: TendingSite) -> None:
    """At the head that was seen, once, auto-merge allowed or not; who takes it out has it out."""
    site = replace(tending_site, auto_merge="squash")
    site.stands("clean")
    site.remote.hosted.has_merge_queue = True
    more = site.remote.hosted.pulls[site.number]
    site.github.front.before("POST", "/graphql$", lambda: None)  # whether there is a queue is asked first
    site.github.front.lose("POST", "/graphql$")
    assert await site.tend() == [Step.ENQUEUE]
    assert (more.queued_at, more.auto_merge, len(site.github.front.writes)) == (site.head(), "", 3)
    more.queued_at = ""
    assert await site.tend() == [Step.NOTHING]


async def test_one_that_became_clean_goes_to_the_queue(tending_site: TendingSite) -> None:
    """Auto-merge is refused as it waits for nothing any more: it is queued then, where there is a queue."""
    site = replace(tending_site, auto_merge="merge")
    site.stands("blocked")
    site.remote.hosted.allow_auto_merge = site.remote.hosted.has_merge_queue = True
    site.github.front.before("POST", "/graphql$", lambda: site.stands("clean"))
    assert await site.tend() == [Step.ENQUEUE]


async def test_without_a_queue_a_clean_one_is_left(tending_site: TendingSite) -> None:
    """Whether there is one is asked once a head; merging it is left to people."""
    site = replace(tending_site, auto_merge="merge")
    site.stands("clean")
    assert [await site.tend() for _ in range(2)] == [[Step.NOTHING]] * 2
    assert site.github.front.writes == ("POST /graphql",)
