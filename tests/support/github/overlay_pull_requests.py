"""Pull requests with GitHub's refusals; and the issue that each of them also is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.support.github.openapi import Sent
from tests.support.github.request import Call, HostedRepository, PullMore
from tests.support.github.responses import Reply, answer, invalid, refusal, too_long

_OF_AN_ISSUE = (
    *("id", "node_id", "number", "title", "user", "labels", "state", "locked", "assignee", "assignees", "milestone"),
    *("comments", "created_at", "updated_at", "closed_at", "body", "draft", "author_association", "html_url"),
)


def is_pull(call: Call, number: int) -> bool:
    """Whether that number is a pull request's."""
    return call.get(call.path(f"pulls/{number}")).is_good


def amended_pull(call: Call, pull: dict[str, Any]) -> dict[str, Any]:
    """A pull request with its milestone, its assignees and where its branch is now."""
    more = call.repository.pulls.setdefault(pull["number"], PullMore())
    people = [call.get(f"/users/{login}").data for login in more.assignees]
    milestone = call.get(call.path(f"milestones/{more.milestone}")).data if more.milestone else None
    sha = call.branches.head(call, pull["head"]["ref"]) if pull["state"] == "open" else None
    head = {**pull["head"], **({"sha": sha} if sha else {})}
    return pull | {"milestone": milestone, "assignees": people, "assignee": people[0] if people else None, "head": head}


def as_issue(call: Call, pull: dict[str, Any]) -> dict[str, Any]:
    """The pull request as the issue that it also is."""
    url = f"{pull['issue_url']}"
    more = {name: f"{url}/{name.removesuffix('_url')}" for name in ("comments_url", "events_url", "timeline_url")}
    links = {name: pull[name] for name in ("url", "html_url", "diff_url", "patch_url", "merged_at")}
    return {name: pull[name] for name in _OF_AN_ISSUE} | {
        **more,
        "url": url,
        "repository_url": url.rpartition("/issues/")[0],
        "labels_url": f"{url}/labels{{/name}}",
        "pull_request": links,
        "state_reason": None,
        "active_lock_reason": None,
        "closed_by": None,
    }


def change_issue_of_pull(call: Call, number: int) -> Reply:
    """A pull request's milestone and assignees can only be set this way."""
    data, more = call.data, call.repository.pulls.setdefault(number, PullMore())
    if (wanted := data.get("milestone")) and not call.get(call.path(f"milestones/{wanted}")).is_good:
        return invalid("Issue", "invalid", field="milestone")
    if "milestone" in data:
        more.milestone = wanted
    if "assignees" in data:
        more.assignees = [login for login in data["assignees"] if _may_be_asked(call, login)]
    rest = {name: value for name, value in data.items() if name in {"title", "body", "state"}}
    pull = (call.patch if rest else call.get)(call.path(f"pulls/{number}"), **rest).data
    return answer(as_issue(call, amended_pull(call, pull)))


def _assign(call: Call, number: str) -> Reply:
    """Whoever may not be assigned is passed over in silence, as at GitHub."""
    wanted = [login for login in call.data["assignees"] if _may_be_asked(call, login)]
    if not is_pull(call, int(number)):
        return call.peer(assignees=wanted)
    more = call.repository.pulls.setdefault(int(number), PullMore())
    more.assignees += [login for login in wanted if login not in more.assignees]
    pull = call.get(call.path(f"pulls/{number}")).data
    return answer(as_issue(call, amended_pull(call, pull)), status=201)


def _may_be_asked(call: Call, login: str) -> bool:
    return call.repository.role_of(login) != "read"


def _list(call: Call) -> Reply:
    reply = call.peer()
    return reply.with_data([amended_pull(call, each) for each in reply.data]) if reply.is_good else reply


def _one(call: Call, _number: str) -> Reply:
    reply = call.peer()
    if not reply.is_good:
        return reply
    pull = amended_pull(call, reply.data)
    more = call.repository.pulls[pull["number"]]
    more.node_id = pull["node_id"]
    known = {"mergeable_state": more.mergeable_state} if more.mergeable_state else {}
    return reply.with_data(
        pull | known | {"auto_merge": {"merge_method": more.auto_merge} if more.auto_merge else None}
    )


def graphql(repositories: Iterable[HostedRepository], sent: Sent) -> Reply:
    """GraphQL's answer, 200 whatever it is; what we ask for there is all that is known of it."""
    query, variables = sent.data["query"], sent.data["variables"]
    pulls = [(each, more) for each in repositories for more in each.pulls.values()]
    ((repository, more),) = [found for found in pulls if found[1].node_id == variables["id"]]
    if "enqueuePullRequest" in query:
        return _enqueued(repository, more, head=variables["head"])
    if "isInMergeQueue" in query:
        known = {"isMergeQueueEnabled": repository.has_merge_queue, "isInMergeQueue": bool(more.queued_at)}
        return answer({"data": {"node": known}})
    assert "enablePullRequestAutoMerge" in query
    if more.mergeable_state != "blocked":
        return _not_done("Pull request is in clean status")
    more.auto_merge = variables["method"].lower()
    return answer({"data": {"enablePullRequestAutoMerge": {"clientMutationId": None}}})


def _enqueued(repository: HostedRepository, more: PullMore, *, head: str) -> Reply:
    if not repository.has_merge_queue or more.queued_at:
        return _not_done("Pull request cannot be added to the merge queue")
    more.queued_at = head
    return answer({"data": {"enqueuePullRequest": {"clientMutationId": None}}})


def _not_done(said: str) -> Reply:
    return answer({"data": None, "errors": [{"message": said}]})


def _create(call: Call) -> Reply:
    reply = _refused(call) or too_long("PullRequest", call.data) or call.peer()
    return reply.with_data(amended_pull(call, reply.data)) if reply.is_good else reply


def _refused(call: Call) -> Reply | None:
    data, repository = call.data, call.repository
    head, base = str(data["head"]).rpartition(":")[2], data["base"]
    for field, branch in (("head", head), ("base", base)):
        if call.branches.head(call, branch) is None:
            return invalid("PullRequest", "invalid", field=field)
    same = {"head": f"{repository.owner}:{head}", "base": base, "state": "open"}
    if call.all(call.path("pulls"), **same):
        return invalid("PullRequest", "custom", message=f"A pull request already exists for {repository.owner}:{head}.")
    if not call.branches.is_ahead(call, head, of=base):
        return invalid("PullRequest", "custom", message=f"No commits between {base} and {head}")
    return None


def _change(call: Call, number: str) -> Reply:
    base = call.data.get("base")
    if base and call.branches.head(call, base) is None:
        return invalid("PullRequest", "invalid", field="base")
    if (found := too_long("PullRequest", call.data)) is not None:
        return found
    reply = call.peer()
    return reply.with_data(amended_pull(call, reply.data)) if reply.is_good else reply


def _ask_for_review(call: Call, number: str) -> Reply:
    author = call.get(call.path(f"pulls/{number}")).data["user"]["login"]
    wanted = call.data.get("reviewers", [])
    if author in wanted:
        return refusal(422, "Review cannot be requested from pull request author.")
    if not all(_may_be_asked(call, login) for login in wanted):
        said = "Reviews may only be requested from collaborators. One or more of the users or teams you specified is"
        return refusal(422, f"{said} not a collaborator of the {call.repository.full_name} repository.")
    reply = call.peer()
    return reply.with_data(amended_pull(call, reply.data), status=201) if reply.is_good else reply


ROUTES = {
    r"POST issues/(\d+)/assignees": _assign,
    "GET pulls": _list,
    "POST pulls": _create,
    r"GET pulls/(\d+)": _one,
    r"PATCH pulls/(\d+)": _change,
    r"POST pulls/(\d+)/requested_reviewers": _ask_for_review,
}
