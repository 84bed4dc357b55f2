"""Issues as GitHub has them: pull requests among them, what they wait for, milestones that count both."""

from __future__ import annotations

from typing import Any

from tests.support.github.overlay_pull_requests import amended_pull, as_issue, change_issue_of_pull, is_pull
from tests.support.github.request import Call, IssueReference
from tests.support.github.responses import Reply, answer, invalid, not_found, page_of, too_long

_SORTS = {"created": "created_at", "updated": "updated_at", "comments": "comments"}


def amended_issue(call: Call, issue: dict[str, Any]) -> dict[str, Any]:
    """An issue with what it waits for, counted."""
    blockers = call.repository.blocked_by.get(issue["number"], [])
    blocking = sum(
        IssueReference(call.repository.full_name, issue["number"]) in references
        for references in call.repository.blocked_by.values()
    )
    children = call.repository.sub_issues.get(issue["number"], [])
    is_open = [_at(call, reference)["state"] == "open" for reference in blockers]
    done = [_at(call, reference)["state"] == "closed" for reference in children]
    return issue | {
        "issue_dependencies_summary": {
            "blocked_by": sum(is_open),
            "total_blocked_by": len(blockers),
            "blocking": blocking,
            "total_blocking": blocking,
        },
        "sub_issues_summary": {
            "total": len(children),
            "completed": sum(done),
            "percent_completed": 100 * sum(done) // len(children) if children else 0,
        },
    }


def _at(call: Call, reference: IssueReference) -> dict[str, Any]:
    return dict(call.get(f"/repos/{reference.repository}/issues/{reference.number}").data)


def _list(call: Call) -> Reply:
    wanted = {name: value for name, value in call.query.items() if name not in {"page", "per_page"}}
    issues = [amended_issue(call, each) for each in call.all(call.path("issues"), **wanted)]
    pulls = [amended_pull(call, each) for each in call.all(call.path("pulls"), state=wanted.get("state", "open"))]
    issues += [each for each in (as_issue(call, pull) for pull in pulls) if _is_wanted(each, wanted)]
    field = _SORTS[wanted.get("sort", "created")]
    issues.sort(key=lambda each: (each[field], each["number"]), reverse=wanted.get("direction", "desc") == "desc")
    return page_of(issues, path=call.sent.path, query=call.query)


def _is_wanted(issue: dict[str, Any], wanted: dict[str, str]) -> bool:
    number = str((issue["milestone"] or {}).get("number", "none"))
    milestone = wanted.get("milestone", number)
    names = {label["name"] for label in issue["labels"]}
    return milestone in {number, "*" if number != "none" else number} and set(_names(wanted)) <= names


def _names(wanted: dict[str, str]) -> list[str]:
    return [name for name in wanted.get("labels", "").split(",") if name]


def _one(call: Call, number: str) -> Reply:
    if is_pull(call, int(number)):
        return answer(as_issue(call, amended_pull(call, call.get(call.path(f"pulls/{number}")).data)))
    reply = call.peer()
    return reply.with_data(amended_issue(call, reply.data)) if reply.is_good else reply


def _create(call: Call) -> Reply:
    return too_long("Issue", call.data) or call.peer()


def _change(call: Call, number: str) -> Reply:
    if is_pull(call, int(number)):
        return change_issue_of_pull(call, int(number))
    return too_long("Issue", call.data) or call.peer()


def _comment(call: Call, _number: str) -> Reply:
    return too_long("IssueComment", call.data) or call.peer()


def _blocked_by(call: Call, number: str) -> Reply:
    return _related(call, number, call.repository.blocked_by)


def _sub_issues(call: Call, number: str) -> Reply:
    return _related(call, number, call.repository.sub_issues)


def _related(call: Call, number: str, edges: dict[int, list[IssueReference]]) -> Reply:
    if not call.get(call.path(f"issues/{number}")).is_good:
        return not_found()
    found = [_at(call, reference) for reference in edges.get(int(number), ())]
    return page_of(found, path=call.sent.path, query=call.query)


def _milestones(call: Call) -> Reply:
    reply = call.peer()
    return reply.with_data([_counted(call, each) for each in reply.data]) if reply.is_good else reply


def _milestone(call: Call, _number: str) -> Reply:
    reply = call.peer()
    return reply.with_data(_counted(call, reply.data)) if reply.is_good else reply


def _change_milestone(call: Call, _number: str) -> Reply:
    text = call.data.get("description")
    if call.repository.crlf and text:
        text = text.replace("\r\n", "\n").replace("\n", "\r\n")
    reply = call.peer(description=text) if text else call.peer()
    return reply.with_data(_counted(call, reply.data)) if reply.is_good else reply


def _counted(call: Call, milestone: dict[str, Any]) -> dict[str, Any]:
    """A milestone that counts its pull requests too, as GitHub's does."""
    numbers = [number for number, more in call.repository.pulls.items() if more.milestone == milestone["number"]]
    states = [call.get(call.path(f"pulls/{number}")).data["state"] for number in numbers]
    return milestone | {
        "open_issues": milestone["open_issues"] + states.count("open"),
        "closed_issues": milestone["closed_issues"] + states.count("closed"),
    }


def _create_label(call: Call) -> Reply:
    known = {label["name"].lower() for label in call.all(call.path("labels"))}
    is_known = str(call.data.get("name", "")).lower() in known
    return invalid("Label", "already_exists", field="name") if is_known else call.peer()


def _add_labels(call: Call, _number: str) -> Reply:
    """GitHub does not mind the case of a label's name; the peer does."""
    known = {label["name"].lower(): label["name"] for label in call.all(call.path("labels"))}
    return call.peer(labels=[known.get(name.lower(), name) for name in call.data["labels"]])


_ISSUE = r"issues/(\d+)"
ROUTES = {
    "GET issues": _list,
    "POST issues": _create,
    f"GET {_ISSUE}": _one,
    f"PATCH {_ISSUE}": _change,
    f"POST {_ISSUE}/comments": _comment,
    r"PATCH issues/comments/(\d+)": _comment,
    f"GET {_ISSUE}/dependencies/blocked_by": _blocked_by,
    f"GET {_ISSUE}/sub_issues": _sub_issues,
    f"POST {_ISSUE}/labels": _add_labels,
    "POST labels": _create_label,
    "GET milestones": _milestones,
    r"GET milestones/(\d+)": _milestone,
    r"PATCH milestones/(\d+)": _change_milestone,
}
