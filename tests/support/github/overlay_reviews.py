"""Reviews and comments on files of pull requests, by whomever a test has them be: `say` and `review` put them there."""

from __future__ import annotations

from itertools import count
from typing import Any

from tests.support.github.request import Call, HostedRepository, LineComment, SubmittedReview
from tests.support.github.responses import Reply, answer, not_found, page_of, too_long

_NOW = "2026-12-01T05:00:00Z"
_ids = count(2_300_000_000)


def say(repository: HostedRepository, pull: int, body: str, *, by: str = "carol", **more: Any) -> int:
    """Somebody's comment on a file; its id. `more` are fields of `LineComment`."""
    said = LineComment(id=next(_ids), pull=pull, by=by, body=body, **more)
    repository.line_comments.append(said)
    return said.id


def review(repository: HostedRepository, pull: int, body: str, *, by: str = "carol", **more: Any) -> int:
    """Somebody's review; its id. `more` are fields of `SubmittedReview`."""
    said = SubmittedReview(id=next(_ids), pull=pull, by=by, body=body, **more)
    repository.reviews.append(said)
    return said.id


def thread(repository: HostedRepository, first: int) -> list[LineComment]:
    """The comments of a thread, oldest first."""
    return [each for each in repository.line_comments if first in {each.id, each.reply_to}]


def _comments(call: Call, pull: str) -> Reply:
    found = [each for each in call.repository.line_comments if each.pull == int(pull)]
    return page_of([_comment(call, each) for each in found], path=call.sent.path, query=call.query)


def _reply(call: Call, pull: str, to: str) -> Reply:
    there = next((each for each in call.repository.line_comments if (each.pull, each.id) == (int(pull), int(to))), None)
    if there is None or there.reply_to is not None:
        return not_found()  # GitHub takes replies to the first comment of a thread alone
    if (refused := too_long("PullRequestReviewComment", call.data)) is not None:
        return refused
    place = {"path": there.path, "line": there.line, "reply_to": there.id}
    say(call.repository, there.pull, call.data["body"], by=call.login, **place)
    return answer(_comment(call, call.repository.line_comments[-1]), status=201)


def _reviews(call: Call, pull: str) -> Reply:
    found = [each for each in call.repository.reviews if each.pull == int(pull)]
    if not found:
        return call.peer()
    return page_of([_review(call, each) for each in found], path=call.sent.path, query=call.query)


def _comment(call: Call, said: LineComment) -> dict[str, Any]:
    url = f"https://api.github.com{call.path(f'pulls/comments/{said.id}')}"
    line = {"line": said.line} if said.line else {}  # of one that is outdated only the original line is known
    place = {"path": said.path, **line, "original_line": said.line or 3, "diff_hunk": "@@ -0,0 +1 @@\n+a"}
    commits = {"commit_id": "0" * 40, "original_commit_id": "0" * 40, "pull_request_review_id": None}
    reply = {"in_reply_to_id": said.reply_to} if said.reply_to else {}
    return _common(call, said, url) | place | commits | reply | {"url": url, "created_at": _NOW, "updated_at": _NOW}


def _review(call: Call, said: SubmittedReview) -> dict[str, Any]:
    url = f"https://api.github.com{call.path(f'pulls/{said.pull}/reviews/{said.id}')}"
    return _common(call, said, url) | {"state": said.state, "commit_id": "0" * 40, "submitted_at": _NOW}


def _common(call: Call, said: LineComment | SubmittedReview, url: str) -> dict[str, Any]:
    links = {name: {"href": url} for name in ("self", "html", "pull_request")}
    pull = f"https://api.github.com{call.path(f'pulls/{said.pull}')}"
    ids = {"id": said.id, "node_id": f"R_{said.id}", "body": said.body, "user": _user(call, said.by)}
    return {**ids, "html_url": url, "pull_request_url": pull, "_links": links, "author_association": "NONE"}


def _user(call: Call, login: str) -> dict[str, Any]:
    known = call.get(f"/users/{login}")
    if known.is_good:
        return dict(known.data)
    return {**call.get(f"/users/{call.repository.owner}").data, "login": login, "type": "Bot"}


ROUTES = {
    r"GET pulls/(\d+)/comments": _comments,
    r"POST pulls/(\d+)/comments/(\d+)/replies": _reply,
    r"GET pulls/(\d+)/reviews": _reviews,
}
