"""The stand-in for GitHub is held against a second one: its refusals are the same, word for word."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from tests.support.github.github import GitHub, emulate, github  # noqa: F401 - fixtures
from tests.support.github.myworld import MyWorld, myworld  # noqa: F401 - fixture

WORDS = ("message", "errors")


def refusal(url: str, body: dict[str, Any], *, token: str) -> tuple[int, dict[str, Any]]:
    """Status and words of the refusal of a pull request."""
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    request = urllib.request.Request(f"{url}/pulls", json.dumps(body).encode(), headers)  # noqa: S310 - loopback
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=10)  # noqa: S310 - loopback
    with caught.value as error:
        content = json.loads(error.read())
    return error.code, {name: content[name] for name in WORDS if name in content}


CASES = {
    "head missing": {"title": "T", "head": "gone", "base": "main"},
    "base missing": {"title": "T", "head": "feature", "base": "gone"},
    "nothing new": {"title": "T", "head": "main", "base": "feature"},
    "there already": {"title": "T", "head": "open", "base": "main"},
}


@pytest.mark.parametrize("case", CASES)
async def test_pull_requests_are_refused_alike(github: GitHub, myworld: MyWorld, case: str) -> None:
    """Status, message and errors are those of myworld, but for the owner's name."""
    repository = github.new_repository()
    branches = {"feature": {"files": {"new.txt": "new\n"}}, "open": {"files": {"more.txt": "more\n"}}}
    world = myworld.new_world(branches=branches)
    for branch in branches:
        repository.branch(branch)
    async with github.open(repository) as ours, world.open() as theirs:
        for client in (ours, theirs):
            await client.pull_requests.upsert("open", "main", title="T", body="")
    here = refusal(f"{github.url}/repos/{repository.name}", CASES[case], token=repository.token())
    there = refusal(f"{world.url}/repos/acme/api", CASES[case], token=world.token)
    assert json.dumps(here, sort_keys=True).replace("alice:", "acme:") == json.dumps(there, sort_keys=True)


async def test_unknown_tokens_are_refused_alike(github: GitHub, myworld: MyWorld) -> None:
    """401 with GitHub's two words."""
    repository, world = github.new_repository(), myworld.new_world()
    body = CASES["head missing"]
    here = refusal(f"{github.url}/repos/{repository.name}", body, token="ghp_unknown")  # noqa: S106 - none
    there = refusal(f"{world.url}/repos/acme/api", body, token="ghp_unknown")  # noqa: S106 - none
    assert here == there == (401, {"message": "Bad credentials"})
