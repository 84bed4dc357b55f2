#!/usr/bin/env bash
# githubkit waits a minute for a rate limit that has ended, and not at all for one that is told without a header.
#
# Clients wait for rate limits by default (`auto_retry`). One expects that an answer with status 429 is waited for, at least
# the minute that GitHub asks for where no header tells how long; that a reset that lies in the past, or `Retry-After: 0`, is
# no wait; and that whatever goes wrong is a GitHubException. A 429 without headers, and a secondary limit told in words, are
# plain failures without a wait; a limit that ended a moment ago takes 60 seconds, for a wait of no length is taken for
# none given; and a Retry-After that is a date, as RFC 9110 allows and proxies send, ends in a ValueError.
#
# Seen with GitHubKit 0.16.1 and httpx 0.28.1 on Python 3.11.   Needs: python3 >= 3.11.
set -euo pipefail
t=$(mktemp -d)
trap 'rm -rf "$t"' EXIT
python3 -m venv "$t/venv"
"$t/venv/bin/pip" -q --disable-pip-version-check install githubkit==0.16.1 githubkit-schemas==26.10.21 \
  'hishel<2' httpx==0.28.1 2>/dev/null
cd "$t"
env -i PATH=/usr/bin:/bin HOME="$t" "$t/venv/bin/python" - <<'PY'
import logging
from importlib.metadata import version
from unittest.mock import patch
import httpx
from githubkit import GitHub
logging.disable()
SECONDARY = "You have exceeded a secondary rate limit."
CASES = {
    "429, nothing more": (429, {}, ""),
    "403, told in words": (403, {}, SECONDARY),
    "429, Retry-After: 0": (429, {"retry-after": "0"}, ""),
    "403, reset in the past": (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1"}, ""),
    "429, Retry-After: a date": (429, {"retry-after": "Fri, 31 Dec 2027 23:59:59 GMT"}, ""),
}
def ask(status, headers, message):
    answers = iter([httpx.Response(status, headers=headers, json={"message": message}), httpx.Response(200, json={})])
    github = GitHub("token", transport=httpx.MockTransport(lambda _: next(answers)), http_cache=False)
    with patch("time.sleep") as sleep:
        try:
            github.request("GET", "/rate_limit")
        except Exception as error:
            return type(error).__name__
    return f"waits {sleep.call_args.args[0]:g} s"
found = {case: ask(*answer) for case, answer in CASES.items()}
for case, end in found.items():
    print(f"githubkit {version('githubkit')}: {case}: {end}")
assert list(found.values()) == ["RequestFailed", "RequestFailed", "waits 60 s", "waits 60 s", "ValueError"], found
PY
# Output seen:
#   githubkit 0.16.1: 429, nothing more: RequestFailed
#   githubkit 0.16.1: 403, told in words: RequestFailed
#   githubkit 0.16.1: 429, Retry-After: 0: waits 60 s
#   githubkit 0.16.1: 403, reset in the past: waits 60 s
#   githubkit 0.16.1: 429, Retry-After: a date: ValueError
