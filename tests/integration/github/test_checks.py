"""The checks of a commit at GitHub, and what failed jobs printed."""

from __future__ import annotations

import pytest

from miyabi.errors import GitHubError, NotFoundOnGitHub
from miyabi.github import CheckState
from tests.support.github.github import GitHub, SeededRepository, emulate, github  # noqa: F401 - fixtures
from tests.support.github.request import Job

LOG = "\ufeff2026-12-01T05:00:00.1234567Z one\n2026-12-01T05:00:01.0000000Z ##[error]two\n"


def with_jobs(github: GitHub, *jobs: Job) -> tuple[SeededRepository, str]:
    """A repository with these jobs at the head of its branch, and that head."""
    made = github.new_repository()
    sha = made.branch("miyabi/x")
    for number, job in enumerate(jobs, 1):
        job.sha = sha
        made.hosted.jobs[number] = job
    return made, sha


@pytest.mark.parametrize(
    ("conclusion", "state"),
    [
        (None, CheckState.RUNNING),
        *((each, CheckState.GREEN) for each in ("success", "neutral", "skipped", "cancelled", "action_required")),
        *((each, CheckState.RED) for each in ("failure", "timed_out")),
    ],
)
async def test_a_check_run_has_one_of_three_states(github: GitHub, conclusion: str | None, state: CheckState) -> None:
    """What failed is red; what people decided, or what needs them, is not."""
    made, sha = with_jobs(github, Job(name="test", sha="", conclusion=conclusion))
    async with github.open(made) as client:
        (check,) = await client.checks.of(sha)
    assert (check.name, check.state, check.job) == ("test", state, 1)


async def test_a_status_is_a_check_too(github: GitHub) -> None:
    """Behind the check runs, with what it says; it is no job."""
    made, sha = with_jobs(github, Job(name="lint", sha="", conclusion="success", is_action=False))
    async with github.open(made) as client:
        await client.set_status(sha, context="ci/build", state="failure", description="It broke")
        lint, build = await client.checks.of(sha)
    assert (lint.job, build.name, build.state, build.summary) == (None, "ci/build", CheckState.RED, "It broke")


async def test_what_a_branch_requires(github: GitHub) -> None:
    """By its protection and by rules, together; nothing of a branch that is not there."""
    made, _ = with_jobs(github)
    async with github.open(made) as client:
        assert await client.checks.required("main") == frozenset()
        made.hosted.required, made.hosted.required_by_rule = {"test"}, {"lint"}
        assert await client.checks.required("main") == {"test", "lint"}
        assert await client.checks.required("nowhere") == frozenset()


async def test_what_a_job_printed(github: GitHub) -> None:
    """The failed steps by name, and the log without times, from an address that gets no credential."""
    steps = {"Set up": "success", "Run tests": "failure", "Upload": "skipped"}
    made, _ = with_jobs(github, Job(name="test", sha="", conclusion="failure", steps=steps, log=LOG))
    async with github.open(made) as client:
        assert await client.checks.failed_steps(1) == ("Run tests",)
        assert await client.checks.log(1) == "one\n##[error]two\n"
        with pytest.raises(NotFoundOnGitHub):
            await client.checks.failed_steps(2)


async def test_a_log_that_does_not_come_is_asked_for_again(github: GitHub) -> None:
    """After a server error, and a connection that ends, by the address of then; one that is gone is not."""
    made, _ = with_jobs(github, Job(name="test", sha="", conclusion="failure", log=LOG))
    github.front.refuse("GET", "^/logs/", status=502)
    github.front.lose("GET", "^/logs/")
    async with github.open(made) as client:
        assert await client.checks.log(1) == "one\n##[error]two\n"
        asked = [sent.path for sent in github.front.sent]
        assert [path.endswith("/actions/jobs/1/logs") for path in asked] == [True, False] * 3
        github.front.refuse("GET", "^/logs/", status=404)
        with pytest.raises(GitHubError, match="log of job 1 cannot be read where GitHub says it is: status 404"):
            await client.checks.log(1)


async def test_a_token_that_may_not_read_checks(github: GitHub) -> None:
    """Statuses are read all the same: check runs are a permission of their own."""
    made, sha = with_jobs(github, Job(name="test", sha="", conclusion="failure"))
    github.front.refuse("GET", "/check-runs$", status=403, message="Resource not accessible by personal access token")
    async with github.open(made) as client:
        await client.set_status(sha, context="ci/build", state="pending")
        assert [check.state for check in await client.checks.of(sha)] == [CheckState.RUNNING]
