"""Commit statuses, which the peer does not have."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from typing import Any

from tests.support.github.request import Call
from tests.support.github.responses import Reply, answer, invalid, not_found, refusal

_LONGEST = 140
_STATES = ("error", "failure", "pending", "success")
_ids = count(1)


def _create(call: Call, sha: str) -> Reply:
    data = call.data
    if not call.branches.has_commit(call, sha):
        return refusal(422, f"No commit found for SHA: {sha}")
    if data.get("state") not in _STATES:
        return invalid("Status", "custom", field="state", message=f"state must be one of {_STATES}")
    if len(data.get("description") or "") > _LONGEST:
        said = f"description is too long (maximum is {_LONGEST} characters)"
        return invalid("Status", "custom", field="description", message=said)
    made = _status(call, sha, data)
    call.repository.statuses.setdefault(sha, []).append(made)
    return answer(made, status=201)


def _status(call: Call, sha: str, data: dict[str, Any]) -> dict[str, Any]:
    number, now = next(_ids), f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    text = {name: data.get(name) or None for name in ("target_url", "description")}
    common = {"id": number, "node_id": f"SC_{number}", "avatar_url": None, "created_at": now, "updated_at": now}
    url = f"https://api.github.com{call.path(f'statuses/{sha}')}"
    user = call.get(f"/users/{call.login}").data
    return {**common, **text, "url": url, "state": data["state"], "context": data.get("context") or "default"} | {
        "creator": user if call.login != "app[bot]" else None
    }


def _combined(call: Call, ref: str) -> Reply:
    """The latest of each context; the pages are of contexts."""
    sha = call.branches.head(call, ref) or ref
    if not call.branches.has_commit(call, sha):
        return not_found()
    latest = {each["context"]: each for each in call.repository.statuses.get(sha, ())}
    states = {each["state"] for each in latest.values()}
    state = "failure" if states & {"error", "failure"} else "pending" if states != {"success"} else "success"
    size, page = int(call.query.get("per_page", 30)), int(call.query.get("page", 1))
    shown = list(latest.values())[(page - 1) * size : page * size]
    url = f"https://api.github.com{call.path(f'commits/{sha}')}"
    repository = call.get(f"/repos/{call.repository.full_name}").data
    more = page * size < len(latest)
    link = {"link": f'<{url}/status?per_page={size}&page={page + 1}>; rel="next"'} if more else {}
    whole = {"state": state, "statuses": [_simple(each) for each in shown], "sha": sha, "total_count": len(latest)}
    return answer({**whole, "repository": repository, "commit_url": url, "url": f"{url}/status"}, headers=link)


def _simple(status: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in status.items() if name != "creator"}


ROUTES = {r"POST statuses/([^/]+)": _create, r"GET commits/(.+)/status": _combined}
