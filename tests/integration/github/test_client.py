"""How we behave towards GitHub: one write a second, limits waited for with the time shown, faults tried again."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise

import pytest

from miyabi.errors import GitHubUnreachable, RateLimited
from miyabi.github.access import RetryPolicy
from tests.support.github.github import FAST, GitHub, emulate, github  # noqa: F401 - fixtures
from tests.support.machines.processes import at_most

LIMIT = {"status": 403, "message": "You have exceeded a secondary rate limit. Please wait."}
Wait = tuple[float, str]


def starts_of_writes(github: GitHub) -> list[float]:
    """When each write arrived."""
    return [sent.at for sent in github.front.sent if sent.method != "GET"]


def gaps(times: list[float]) -> list[float]:
    """The seconds between one and the next."""
    return [after - before for before, after in pairwise(times)]


async def test_writes_are_a_second_apart_by_default(github: GitHub) -> None:
    """With the default manners four writes take three seconds at least, however many are asked for at once."""
    repository = github.new_repository()
    numbers = [repository.issue(f"Issue {n}") for n in range(4)]
    async with github.open(repository, retry_policy=RetryPolicy()) as client:
        await asyncio.gather(*(client.issues.upsert_comment(n, marker="<!-- m -->", body="text") for n in numbers))
    assert len(starts_of_writes(github)) == 4
    assert min(gaps(starts_of_writes(github))) >= 1


async def test_clients_of_one_account_share_the_throttle(github: GitHub) -> None:
    """Two clients one after the other, and two threads at once, keep the distance between all their writes."""
    repository = github.new_repository()
    numbers = [repository.issue(f"Issue {n}") for n in range(6)]
    retry_policy = RetryPolicy(write_interval_seconds=0.3)

    async def write(number: int) -> None:
        async with github.open(repository, retry_policy=retry_policy) as client:
            await client.issues.upsert_comment(number, marker="<!-- m -->", body="text")

    for number in numbers[:3]:
        await write(number)
    await asyncio.gather(*(asyncio.to_thread(asyncio.run, write(number)) for number in numbers[3:]))
    assert len(starts_of_writes(github)) == 6
    assert min(gaps(starts_of_writes(github))) >= 0.3


async def test_accounts_do_not_wait_for_each_other(github: GitHub) -> None:
    """Each account has a pace of its own."""
    repository = github.new_repository()
    number = repository.issue("An issue")
    for login in ("alice", "carol"):
        async with github.open(repository, by=login, retry_policy=RetryPolicy(write_interval_seconds=60)) as client:
            await client.issues.upsert_comment(number, marker="<!-- m -->", body="text")
    assert len(repository.comments(number)) == 2


async def test_reads_are_not_paced(github: GitHub) -> None:
    """Twenty reads and what is up to date already do not wait for a turn."""
    repository = github.new_repository()
    number = repository.milestone("v1", description="as it is")
    async with github.open(repository, retry_policy=RetryPolicy(write_interval_seconds=60)) as client:
        await client.milestones.update(number, description="as wanted")
        began = time.monotonic()
        await asyncio.gather(*(client.milestones.get(number) for _ in range(20)))
        await client.milestones.update(number, description="as wanted")
    assert time.monotonic() - began < at_most(20)


@pytest.mark.parametrize("method", ["GET", "PATCH"])
async def test_a_limit_is_waited_for_and_the_time_is_shown(github: GitHub, method: str) -> None:
    """Reads and writes wait as long as `retry-after` says, are told to `on_wait` before, and then succeed."""
    repository = github.new_repository()
    number = repository.milestone("v1")
    waits: list[Wait] = []
    github.front.refuse(method, "/milestones/", headers={"retry_after": "2"}, **LIMIT)
    async with github.open(repository, on_wait=lambda *wait: waits.append(wait)) as client:
        await client.milestones.update(number, description="text")
    assert waits == [(2.0, "GitHub's rate limit")]
    assert repository.description(number) == "text"
    refused, repeated = (sent.at for sent in github.front.sent if sent.method == method)
    assert repeated - refused >= 2


async def test_a_primary_limit_is_waited_for_by_the_servers_clock(github: GitHub) -> None:
    """The time of the reset counts from the server's `date`, which may differ from our clock."""
    repository = github.new_repository()
    headers = {
        "x_ratelimit_remaining": "0",
        "x_ratelimit_reset": "1000000003",
        "date": "Sun, 09 Sep 2001 01:46:41 GMT",  # 1,000,000,001
    }
    waits: list[Wait] = []
    github.front.refuse("GET", "/milestones", status=403, message="API rate limit exceeded", headers=headers)
    async with github.open(repository, on_wait=lambda *wait: waits.append(wait)) as client:
        assert await client.milestones.all() == ()
    assert waits == [(2.0, "GitHub's rate limit")]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_limit_that_lasts_too_long_is_reported(github: GitHub, method: str) -> None:
    """Longer than allowed: nothing is waited for; one line says until when, and what may be done."""
    repository = github.new_repository()
    number = repository.issue("An issue")
    retry_policy = RetryPolicy(write_interval_seconds=0, max_wait_seconds=600)
    github.front.refuse(method, "/comments", headers={"retry_after": "1800"}, **LIMIT)
    waits: list[Wait] = []
    async with github.open(repository, retry_policy=retry_policy, on_wait=lambda *wait: waits.append(wait)) as client:
        with pytest.raises(RateLimited, match=r"30 min 00 s more.*max_wait_seconds") as caught:
            await client.issues.upsert_comment(number, marker="<!-- m -->", body="text")
    assert (waits, caught.value.wait_seconds, caught.value.transient) == ([], 1800, True)
    assert "\n" not in str(caught.value)


async def test_waits_add_up(github: GitHub) -> None:
    """Limits that come back again and again end when their sum is more than is allowed."""
    repository = github.new_repository()
    github.front.refuse("GET", "/milestones", headers={"retry_after": "1"}, times=9, **LIMIT)
    async with github.open(repository, retry_policy=RetryPolicy(max_wait_seconds=2)) as client:
        with pytest.raises(RateLimited):
            await client.milestones.all()
    assert len(github.front.sent) == 3


async def test_a_read_gives_up_after_the_allowed_attempts(github: GitHub) -> None:
    """It is tried again four times after server errors, each wait twice as long; then one line says what happened."""
    repository = github.new_repository()
    waits: list[Wait] = []
    github.front.refuse("GET", "/milestones", status=502, message="Bad Gateway", times=9)
    async with github.open(repository, on_wait=lambda *wait: waits.append(wait)) as client:
        with pytest.raises(GitHubUnreachable, match=r"502 Bad Gateway\. Nothing is lost: run the same again") as caught:
            await client.milestones.all()
    assert [seconds for seconds, _ in waits] == [0.01, 0.02, 0.04, 0.08]
    assert all("502" in reason for _, reason in waits)
    assert (caught.value.status, len(github.front.sent)) == (502, FAST.attempts)


async def test_nobody_listens(github: GitHub) -> None:
    """A server that is down is told with its address, and is worth another try."""
    repository = github.new_repository()
    url = "http://127.0.0.1:9"
    async with github.open(repository, base_url=url) as client:
        with pytest.raises(GitHubUnreachable, match=f"GitHub at {url} does not serve milestones") as caught:
            await client.milestones.all()
    assert caught.value.transient


async def test_a_fault_of_the_look_after_a_write_is_waited_out(github: GitHub) -> None:
    """A write whose answer does not say everything is looked at again, which may fail for a moment."""
    repository = github.new_repository()
    repository.branch("miyabi/x")
    async with github.open(repository) as client:
        pull = await client.pull_requests.upsert("miyabi/x", "main", title="T", body="B")
        github.front.cut("GET", f"/pulls/{pull.number}", times=3)
        completed = await client.pull_requests.complete(pull, assignees=["carol"])
    assert completed.assignees == ("carol",)
    assert len(github.front.writes) == 2


def test_the_default_retry_policy_is_the_one_that_github_asks_for() -> None:
    """One write a second; a whole hour's primary limit may be waited for."""
    assert RetryPolicy().write_interval_seconds == 1
    assert RetryPolicy().max_wait_seconds > 3600
