"""The judge of what we send to GitHub does find fault."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.github.openapi import Sent, answer_violation, request_violation

HEADERS = {"content-type": "application/json", "x-github-api-version": "2022-11-28"}


def sent(method: str, path: str, body: Any = None, *, query: str = "") -> Sent:
    """A request about acme/app."""
    content = json.dumps(body).encode() if body is not None else b""
    return Sent(method=method, path=f"/repos/acme/app/{path}", query=query, headers=HEADERS, body=content)


GOOD = {
    "a pull request": sent("POST", "pulls", {"title": "T", "head": "x", "base": "main", "draft": True}),
    "issues": sent("GET", "issues", query="milestone=3&state=all&per_page=100&page=2"),
    "labels": sent("POST", "issues/3/labels", {"labels": ["miyabi"]}),
    "a status": sent("POST", "statuses/abc", {"state": "success", "context": "miyabi/issue-1"}),
}
BAD = {
    "no title": sent("POST", "pulls", {"head": "x"}),
    "an unknown name": sent("POST", "pulls", {"title": "T", "head": "x", "base": "main", "reviewers": ["carol"]}),
    "a text for a number": sent("GET", "issues", query="per_page=many"),
    "a state that is none": sent("GET", "issues", query="state=merged"),
    "an unknown parameter": sent("GET", "issues", query="milestones=3"),
    "labels that are no list": sent("POST", "issues/3/labels", {"labels": 7}),
    "a status that is none": sent("POST", "statuses/abc", {"state": "ok"}),
    "an unknown operation": sent("PUT", "issues/3"),
    "an unknown path": sent("GET", "issue/3"),
}


@pytest.mark.parametrize("case", GOOD)
def test_what_github_allows_is_allowed(case: str) -> None:
    """A valid request is none."""
    assert request_violation(GOOD[case]) is None


@pytest.mark.parametrize("case", BAD)
def test_what_github_does_not_know_is_found(case: str) -> None:
    """Each names the request in one line."""
    found = request_violation(BAD[case])
    assert found is not None
    assert found.startswith(f"{BAD[case].method} {BAD[case].path}: ")


def test_answers_are_judged_too() -> None:
    """An answer without what GitHub always sends, or with a status that it does not."""
    asked = sent("GET", "milestones/3")
    assert "required property" in str(answer_violation(asked, status=200, content=b'{"number": 3}'))
    assert answer_violation(asked, status=204, content=b"") is not None
    refused = json.dumps({"message": "Not Found", "documentation_url": "https://docs.github.com"}).encode()
    assert answer_violation(asked, status=404, content=refused) is None
