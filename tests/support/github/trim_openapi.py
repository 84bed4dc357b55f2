"""Cuts GitHub's OpenAPI description down to what we call, for tests/cases/github/openapi.json.gz.

npm install --no-save @octokit/openapi@23.0.2   # in a folder of its own: it unpacks to 395 MB
python -m tests.support.github.trim_openapi node_modules/@octokit/openapi/generated/api.github.com.json
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parents[2] / "cases" / "github" / "openapi.json.gz"
_REPOSITORY = "/repos/{owner}/{repo}"
_ISSUE = f"{_REPOSITORY}/issues/{{issue_number}}"
USED = {
    "/user": "get",
    "/app/installations/{installation_id}/access_tokens": "post",
    _REPOSITORY: "get",
    f"{_REPOSITORY}/actions/jobs/{{job_id}}": "get",
    f"{_REPOSITORY}/actions/jobs/{{job_id}}/logs": "get",
    f"{_REPOSITORY}/branches/{{branch}}": "get",
    f"{_REPOSITORY}/collaborators/{{username}}/permission": "get",
    f"{_REPOSITORY}/commits/{{ref}}/check-runs": "get",
    f"{_REPOSITORY}/commits/{{ref}}/status": "get",
    f"{_REPOSITORY}/issues": "get post",
    f"{_REPOSITORY}/issues/comments/{{comment_id}}": "patch",
    _ISSUE: "get patch",
    f"{_ISSUE}/assignees": "post",
    f"{_ISSUE}/comments": "get post",
    f"{_ISSUE}/dependencies/blocked_by": "get",
    f"{_ISSUE}/events": "get",
    f"{_ISSUE}/labels": "get post",
    f"{_ISSUE}/labels/{{name}}": "delete",
    f"{_ISSUE}/sub_issues": "get",
    f"{_REPOSITORY}/labels": "get post",
    f"{_REPOSITORY}/milestones": "get post",
    f"{_REPOSITORY}/milestones/{{milestone_number}}": "get patch",
    f"{_REPOSITORY}/pulls": "get post",
    f"{_REPOSITORY}/pulls/{{pull_number}}": "get patch",
    f"{_REPOSITORY}/pulls/{{pull_number}}/comments": "get",
    f"{_REPOSITORY}/pulls/{{pull_number}}/comments/{{comment_id}}/replies": "post",
    f"{_REPOSITORY}/pulls/{{pull_number}}/requested_reviewers": "post",
    f"{_REPOSITORY}/pulls/{{pull_number}}/reviews": "get",
    f"{_REPOSITORY}/rules/branches/{{branch}}": "get",
    f"{_REPOSITORY}/statuses/{{sha}}": "post",
}


def trim(whole: dict[str, Any]) -> dict[str, Any]:
    """The description with the used operations and the components that they need."""
    paths = {
        path: {key: value for key, value in whole["paths"][path].items() if key in {"parameters", *methods.split()}}
        for path, methods in USED.items()
    }
    components: dict[str, dict[str, Any]] = {}
    open_ends = list(_references(paths))
    while open_ends:
        _, _, kind, name = open_ends.pop().split("/")
        if name not in components.setdefault(kind, {}):
            components[kind][name] = whole["components"][kind][name]
            open_ends += _references(components[kind][name])
    info = {key: whole["info"][key] for key in ("title", "version", "license")}
    return {"openapi": whole["openapi"], "info": info, "paths": paths, "components": components}


def _references(value: Any) -> Iterator[str]:
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in items:
        yield from _references(item)
    if isinstance(value, dict) and isinstance(value.get("$ref"), str):
        yield value["$ref"]


if __name__ == "__main__":
    text = json.dumps(trim(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))), separators=(",", ":"))
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_bytes(gzip.compress(text.encode(), mtime=0))
    print(f"{TARGET}: {len(text)} characters, {TARGET.stat().st_size} bytes")
