#!/usr/bin/env bash
# githubkit's models refuse the labels of GitHub Enterprise Server as GitHub's own description of it has them.
#
# `base_url` takes an Enterprise Server, and one expects `list_labels_for_repo(...).parsed_data` to work there: the call is
# among those of the server's description. But the models are those of today's github.com, in both versions of the
# API that the schemas come in. There a label has two more fields, and they are required: the example answer of the
# description of Enterprise Server 3.19, which knows no such fields, ends in a pydantic ValidationError. That is no
# GitHubException, and is raised where the data is looked at, not by the call. With it go all lists of labels. `.json()`
# reads them.
#
# Seen with GitHubKit 0.16.1 and its schemas 26.10.21 on Python 3.11. The answer is that of "label-items" in ghes-3.19.json
# of @octokit/openapi 23.0.2.   Needs: python3 >= 3.11.
set -euo pipefail
t=$(mktemp -d)
trap 'rm -rf "$t"' EXIT
python3 -m venv "$t/venv"
"$t/venv/bin/pip" -q --disable-pip-version-check install githubkit==0.16.1 'githubkit-schemas[2022-11-28]==26.10.21' \
  'hishel<2' httpx==0.28.1 2>/dev/null
cd "$t"
env -i PATH=/usr/bin:/bin HOME="$t" "$t/venv/bin/python" - <<'PY'
from importlib.metadata import version
import httpx
from githubkit import GitHub
from githubkit.exception import GitHubException
from pydantic import ValidationError
LABEL = {
    "id": 208045946,
    "node_id": "MDU6TGFiZWwyMDgwNDU5NDY=",
    "url": "https://HOSTNAME/repos/octocat/Hello-World/labels/bug",
    "name": "bug",
    "description": "Something isn't working",
    "color": "f29513",
    "default": True,
}
assert not issubclass(ValidationError, GitHubException)
github = GitHub(
    "token", base_url="https://HOSTNAME/api/v3", http_cache=False,
    transport=httpx.MockTransport(lambda _: httpx.Response(200, json=[LABEL])),
)
for api in ("2022-11-28", "2026-03-10"):
    answer = github.rest(api).issues.list_labels_for_repo("octocat", "Hello-World")
    try:
        missing = [] if answer.parsed_data else None
    except ValidationError as error:
        missing = [f"{problem['loc'][-1]}: {problem['type']}" for problem in error.errors()]
    print(f"githubkit {version('githubkit')}, API {api}: {answer.status_code}, {answer.json()[0]['name']}, {missing}")
    assert missing == ["archived_at: missing", "archived_by: missing"], missing
PY
# Output seen:
#   githubkit 0.16.1, API 2022-11-28: 200, bug, ['archived_at: missing', 'archived_by: missing']
#   githubkit 0.16.1, API 2026-03-10: 200, bug, ['archived_at: missing', 'archived_by: missing']
