"""What cannot be used is said in one line before anything is started; what goes wrong later keeps what was done."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from tests.support.cli.local_site import LocalSite
from tests.support.cli.milestone_site import MilestoneSite, emulate, github, quick  # noqa: F401 - fixtures
from tests.support.git.repositories import git
from tests.support.prefect.server import prefect_database, prefect_server  # noqa: F401 - fixtures

Quick = MilestoneSite[LocalSite]


class Bad(NamedTuple):
    """What is wrong, and what has to be said of it."""

    saying: tuple[str, ...]
    prepare: Callable[[Quick], object] = lambda _: None
    milestone: str = "1"
    words: tuple[str, ...] = ()
    token: Callable[[Quick], str] = lambda quick: quick.remote.token()


BAD = {
    "milestone": Bad(("milestone '99'", "1 “v1” (open)", "'next due'"), milestone="99"),
    "next due": Bad(("none is open with open issues",), lambda quick: quick.remote.close(1), milestone="next due"),
    "no credential": Bad(("GITHUB_TOKEN", "GitHub Repository block"), token=lambda _: " "),
    "a line break": Bad(("token", "line"), token=lambda quick: f"{quick.remote.token()}\nx"),
    "an old token": Bad(
        ("Bad credentials", "expired"), lambda quick: quick.github.overlay.expired.add(quick.remote.token())
    ),
    "a reader's token": Bad(("may read", "not write"), token=lambda quick: quick.remote.token("bob")),
    "an archive": Bad(("is archived",), lambda quick: quick.remote.archive()),
    "no repository": Bad(("alice/nothing",), lambda quick: quick.configure(github={"repository": "alice/nothing"})),
    "no remote": Bad(("no remote 'origin'",), lambda quick: git(quick.site.repository, "remote", "remove", "origin")),
    "no base": Bad(("no branch 'gone'", "base"), words=("--base", "gone")),
    "no block": Bad(("no Water Spider GitHub Repository block", "'nowhere'"), words=("--github", "nowhere")),
    "a bad name": Bad(("run '../x'", "not a usable name"), words=("--run", "../x")),
    "git's refusal": Bad(
        ("does not let us in", "token"), lambda quick: quick.hub.refuse(401, service="git-upload-pack", method="GET")
    ),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_bad_input(quick: Quick, bad: Bad) -> None:
    """One line, exit code 2, nothing run, nothing written."""
    quick.issue("Some", quick.remote.milestone("v1"))
    bad.prepare(quick)
    said = quick.press(bad.milestone, *bad.words, token=bad.token(quick))
    assert (said.status, said.stderr.count("\n")) == (2, 1), said
    assert said.stderr.startswith("miyabi: ")
    assert [word for word in bad.saying if word not in said.stderr] == [], said.stderr
    assert "Traceback" not in said.output
    assert (quick.github.front.writes, quick.hub.writes, quick.runs(), quick.site.calls) == ((), 0, [], [])


def test_a_limit(quick: Quick) -> None:
    """A rate limit that lasts longer than we may wait is no bad input: it says until when, and the same works later."""
    milestone = quick.remote.milestone("v1")
    quick.github.front.refuse("GET", r"/milestones$", status=403, headers={"retry_after": "9999"}, message="rate limit")
    said = quick.press(milestone)
    assert (said.status, said.stderr.count("\n"), "rate limit is used up until" in said.stderr) == (1, 1, True)
    assert quick.press(milestone).status == 0


def test_no_machine(quick: Quick) -> None:
    """Where no machine can take a session each is named with its reason, and no run, label or commit is left."""
    milestone = quick.remote.milestone("v1")
    issue = quick.issue("Some", milestone)
    quick.site.claude.unlink()
    said = quick.press(milestone)
    assert (said.status, said.stderr.count("\n"), said.stderr.count("no claude at")) == (2, 3, 2)
    assert said.stderr.startswith("miyabi: no machine can take a session:\n")
    assert (quick.runs(), quick.github.front.writes, quick.hub.writes) == ([], (), 0)
    assert quick.remote.labels(issue) == {"miyabi"}


def test_a_dag_file(quick: Quick) -> None:
    """A run whose pull request GitHub would refuse in the end is not started either."""
    tasks = quick.site.write_tasks([{"id": "some", "prompt": "[[scenario:write]]"}])
    words = ["orchestrate", str(tasks), "-C", str(quick.site.repository), "--pull-request"]
    for more, token in ([[], quick.remote.token("bob")], [["--github", "nowhere"], ""]):
        said = quick.miyabi(*words, *more, GITHUB_TOKEN=token)
        assert (said.status, said.stderr.count("\n"), said.stderr[:8]) == (2, 1, "miyabi: ")
    assert (quick.runs(), quick.site.calls) == ([], [])


def test_a_protected_branch(quick: Quick) -> None:
    """The run is kept and told with the reason; when the branch may be pushed, the next run publishes it."""
    milestone = quick.remote.milestone("v1")
    issue = quick.issue("Some", milestone)
    quick.hub.protect(quick.remote.name, "miyabi/r1")
    said = quick.press(milestone, "--run", "r1")
    assert (said.status, quick.remote.pulls()) == (1, [])
    assert "Run r1 is not at GitHub: " in said.output
    assert "protected" in said.output
    taken = quick.press(milestone, "--run", "r1")
    assert (taken.status, quick.runs(), len(quick.site.calls)) == (1, ["r1"], 1)
    git(quick.hub_folder, "config", "--unset-all", "receive.procReceiveRefs")
    said = quick.press(milestone)
    (pull,) = quick.remote.pulls()
    assert (said.status, f"Pull request #{pull['number']}" in said.output) == (0, True)
    assert f"#{pull['number']}" in quick.comment(issue)


def test_a_renamed_repository(quick: Quick) -> None:
    """It is followed by API and git, and what was tried under the old name is remembered."""
    quick.configure(milestone={"max_tries": 1})
    milestone = quick.remote.milestone("v1")
    bad = quick.issue("Bad", milestone, scenario="fail")
    assert quick.press(milestone).status == 1
    old = quick.remote.name
    quick.remote.rename(f"{old.split('/')[1]}-renamed")
    quick.hub.rename(old, quick.remote.name)

    good = quick.issue("Good", milestone)
    assert quick.press(milestone).status == 0
    assert [call["environment"]["MIYABI_TASK"] for call in quick.site.calls] == [f"issue-{bad}", f"issue-{good}"]
    (pull,) = quick.remote.pulls()
    assert f"#{pull['number']}" in quick.comment(good)
    assert "1 run tried it in vain" in quick.description(milestone)
