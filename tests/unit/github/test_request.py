"""What GitHub's answers mean: links, limits, kinds of refusal, and values out of JSON of all ages."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from miyabi.errors import (
    GitHubError,
    GitHubUnreachable,
    NotFoundOnGitHub,
    RateLimited,
    RightsMissing,
    ValidationRefused,
)
from miyabi.github import MergeState, parse, same_text
from miyabi.github.access import GitHubAccess
from miyabi.github.errors import fault, graphql_fault, limit_seconds
from miyabi.github.request import GRAPHQL, Request, Response
from miyabi.github.values import among

DATE = {"date": "Sun, 09 Sep 2001 01:46:40 GMT"}  # 1,000,000,000
WRITE = Request(method="POST", path="pulls", subject="pull request x → main", body={"head": "x", "base": "main"})


def answer(status: int, body: Any = None, **headers: str) -> Response:
    """An answer; underscores in header names are dashes."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Response(status=status, headers={**DATE, **named}, content=json.dumps(body or {}).encode())


@pytest.mark.parametrize(
    ("link", "query"),
    [
        (
            '<https://api.github.com/repositories/1/issues?page=2&per_page=100>; rel="next"',
            {"page": "2", "per_page": "100"},
        ),
        (
            '<https://x/a?page=1>; rel="prev", <https://x/a?page=3>; rel="next", <https://x/a?page=9>; rel="last"',
            {"page": "3"},
        ),
        ("<https://x/a?after=Y3Vyc29y%3D&q=a%2Cb>; rel=next", {"after": "Y3Vyc29y=", "q": "a,b"}),
        ('<https://x/a?page=1>; rel="prev", <https://x/a?page=1>; rel="first"', None),
        ("", None),
    ],
)
def test_the_next_page(link: str, query: dict[str, str] | None) -> None:
    """Only the query of the link counts, whatever host it names, by number or by cursor."""
    assert Response(status=200, headers={"link": link}).next_page == query


@pytest.mark.parametrize(
    ("reply", "seconds"),
    [
        (answer(200, x_ratelimit_remaining="0"), None),
        (answer(403, {"message": "Resource not accessible"}), None),
        (answer(403, {"message": "Resource not accessible"}, x_ratelimit_remaining="12"), None),
        (answer(403, retry_after="30"), 30),
        (answer(429, retry_after="0"), 1),
        (answer(429, retry_after="7", x_ratelimit_remaining="0", x_ratelimit_reset="1000000900"), 7),
        (answer(403, x_ratelimit_remaining="0", x_ratelimit_reset="1000000900"), 900),
        (answer(403, x_ratelimit_remaining="0", x_ratelimit_reset="999999000"), 1),
        (answer(403, x_ratelimit_remaining="0"), 60),
        (answer(429), 60),
        (answer(403, {"message": "You have exceeded a secondary rate limit."}), 60),
        (answer(403, {"message": "You have triggered an abuse detection mechanism."}), 60),
    ],
)
def test_how_long_a_limit_lasts(reply: Response, seconds: float | None) -> None:
    """By header where there is one, else a minute; a refusal that is no limit is none."""
    assert limit_seconds(reply) == seconds


@pytest.mark.parametrize(
    ("reply", "kind", "said"),
    [
        (answer(500, {"message": "Server Error"}), GitHubUnreachable, "500 Server Error. Nothing is lost"),
        (answer(408), GitHubUnreachable, "408 status 408"),
        (answer(429), RateLimited, "1 min 00 s more"),
        (answer(404, {"message": "Not Found"}), NotFoundOnGitHub, r"acme/app has no pull request"),
        (answer(403, {"message": "No."}, x_accepted_oauth_scopes="repo"), RightsMissing, "It needs: repo."),
        (answer(451, {"message": "Blocked"}), RightsMissing, "Give it write access to the repository."),
        (answer(409, {"message": "Git Repository is empty."}), GitHubError, "409 Git Repository is empty."),
        (
            answer(422, {"message": "Validation Failed", "errors": ["already exists"]}),
            ValidationRefused,
            "already exists",
        ),
    ],
)
def test_what_a_refusal_is(reply: Response, kind: type[GitHubError], said: str) -> None:
    """The class, and one line with GitHub's own words."""
    found = fault(reply, WRITE, repository="acme/app", base_url="https://api.github.com")
    assert type(found) is kind
    assert said in str(found)
    assert "\n" not in str(found)


def test_a_long_or_odd_refusal_is_one_short_line() -> None:
    """A page of HTML, a list, control characters and things that look like tokens do not get through."""
    said = "words\n" * 500 + "ghp_" + "a" * 36
    found = fault(answer(422, {"message": said}), WRITE, repository="acme/app", base_url="")
    assert len(str(found)) < 600
    odd = Response(status=422, content=b"[1]")
    assert "status 422" in str(fault(odd, WRITE, repository="acme/app", base_url=""))
    secret = fault(answer(418, {"message": "your ghp_" + "a1" * 18}), WRITE, repository="acme/app", base_url="")
    assert "a1a1" not in str(secret)


def test_old_and_thin_json_is_read() -> None:
    """A server that leaves fields out or sends null for them gives values with their defaults."""
    found = parse.issue(
        {"id": 1, "number": 2, "title": "T", "body": None, "user": None, "labels": ["old", {"name": "new"}]}
    )
    assert (found.author.login, found.labels, found.body, found.milestone) == ("ghost", ("old", "new"), "", None)
    pull = parse.pull_request(
        {
            "number": 3,
            "title": "T",
            "state": "closed",
            "merged_at": "2026-11-01T00:00:00Z",
            "head": {"ref": "x", "label": "stranger:x", "repo": None},
            "base": {"ref": "main", "repo": {"full_name": "Acme/App"}},
            "requested_teams": [{"slug": "core"}],
        }
    )
    assert (pull.state, pull.from_fork, pull.reviewers) == (MergeState.MERGED, True, ("acme/core",))
    at = {"event": "labeled", "label": {"name": "x"}, "actor": None, "created_at": "2026-11-01T00:00:00Z"}
    assert parse.label_event(at).at == datetime(2026, 11, 1, tzinfo=UTC)


@pytest.mark.parametrize("data", [None, [], "text", {}, {"number": "x", "title": 1}])
def test_json_of_another_shape_is_refused(data: Any) -> None:
    """What is not GitHub's is said to be so, by an error of ours."""
    with pytest.raises(GitHubError, match="not of the known shape"):
        parse.read(parse.milestone, data, subject="milestone 1")


def test_texts_and_names_are_compared_as_github_does() -> None:
    """Line ends and blanks around do not matter, nor does the case of names; words do."""
    assert same_text("a\r\nb\r\n", "\na\nb")
    assert not same_text("a b", "a  b")
    assert among("Bug", ["bug"])
    assert not among("bug", ["bugs"])


def test_a_credential_is_not_shown() -> None:
    """Neither the values nor what stands for the account tell it; each account has a pace of its own."""
    one, two = (GitHubAccess(repository="acme/app", token=SecretStr(token)) for token in ("canary-1", "canary-2"))
    assert "canary" not in f"{one!r} {one} {one.account}"
    assert one.account != two.account
    assert one.account == GitHubAccess(repository="acme/other", token=SecretStr("canary-1")).account


@pytest.mark.parametrize(
    ("problem", "kind"),
    [
        ({"type": "RATE_LIMIT", "message": "API rate limit already exceeded for user ID 1."}, RateLimited),
        ({"type": "RATE_LIMITED", "message": "API rate limit exceeded"}, RateLimited),
        ({"message": "You have exceeded a secondary rate limit."}, RateLimited),
        ({"message": "Something went wrong while executing your query."}, GitHubUnreachable),
        ({"type": "UNPROCESSABLE", "message": "Pull request is in clean status"}, ValidationRefused),
    ],
)
def test_graphql_refuses_with_200(problem: dict[str, str], kind: type[GitHubError]) -> None:
    """Its limits and its failures pass; what else it says is a refusal."""
    answer = Response(status=200, content=json.dumps({"data": None, "errors": [problem]}).encode())
    error = graphql_fault(
        answer, Request.post(GRAPHQL, {}, subject="auto-merge of #1"), base_url="https://api.github.com"
    )
    assert type(error) is kind
    assert error is not None
    assert problem["message"].rstrip(".") in str(error) or isinstance(error, RateLimited)


def test_graphql_that_did_it_is_no_fault() -> None:
    """No errors, no error."""
    answer = Response(status=200, content=b'{"data": {}}')
    assert graphql_fault(answer, Request.post(GRAPHQL, {}, subject="x"), base_url="https://api.github.com") is None
