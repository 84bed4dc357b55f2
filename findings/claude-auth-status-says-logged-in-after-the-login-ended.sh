#!/usr/bin/env bash
# `claude auth status` says `loggedIn: true` and ends with 0 for a login whose refresh token ended a month ago.
#
# The command has `loginExpiresAt` in its JSON and exit status 1 for nobody logged in, so one expects it to answer whether the
# next session will be able to work. It answers whether there is a login: when both the access token and the refresh token
# are over, `loggedIn` is still true, the exit status still 0, and nothing but the date tells. A check before an unattended
# night has to compare `loginExpiresAt` with the clock itself.
#
# Seen with Claude Code 2.1.332, as PyPI's claude-agent-sdk 0.2.189 carries it.   Needs: python3 >= 3.11.
set -euo pipefail
t=$(mktemp -d)
trap 'rm -rf "$t"' EXIT
python3 -m venv "$t/venv"
"$t/venv/bin/pip" -q --disable-pip-version-check install --no-deps claude-agent-sdk==0.2.189 2>/dev/null
claude=$(echo "$t"/venv/lib/python*/site-packages/claude_agent_sdk/_bundled/claude)
chmod +x "$claude"

status() {    # HOME: what it says of the login that is kept there, and its exit status; nothing but loopback is asked
    env -i PATH=/usr/bin:/bin HOME="$1" CLAUDE_CODE_TMPDIR="$1" ANTHROPIC_BASE_URL=http://127.0.0.1:9 DISABLE_TELEMETRY=1 \
        DISABLE_AUTOUPDATER=1 CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 "$claude" auth status --json >"$1/said" </dev/null \
        && echo 0 >"$1/exit" || echo $? >"$1/exit"
}
mkdir -p "$t/none" "$t/over/.claude"
python3 - "$t/over/.claude/.credentials.json" <<'PY'
import json, sys, time
month_ago = int((time.time() - 30 * 86400) * 1000)
login = {"accessToken": "dummy", "refreshToken": "dummy", "expiresAt": month_ago, "refreshTokenExpiresAt": month_ago,
         "scopes": ["user:inference"], "subscriptionType": "max"}
json.dump({"claudeAiOauth": login}, open(sys.argv[1], "w"))
PY
chmod 600 "$t/over/.claude/.credentials.json"
status "$t/none"
status "$t/over"
python3 - "$t" "$("$claude" --version)" <<'PY'
import datetime, json, pathlib, sys
said = {}
for name in ("none", "over"):
    home = pathlib.Path(sys.argv[1], name)
    said[name] = (json.loads((home / "said").read_text()), int((home / "exit").read_text()))
over, code = said["over"]
ends = datetime.datetime.fromisoformat(over["loginExpiresAt"].replace("Z", "+00:00"))
days = (datetime.datetime.now(datetime.UTC) - ends).days
print(f"{sys.argv[2]}: no login: loggedIn {said['none'][0]['loggedIn']}, exit {said['none'][1]}; "
      f"a login that ended {days} days ago: loggedIn {over['loggedIn']}, exit {code}")
assert (said["none"][0]["loggedIn"], said["none"][1]) == (False, 1)
assert (over["loggedIn"], code) == (True, 0) and days in (29, 30)
PY
# Output seen:
#   2.1.332 (Claude Code): no login: loggedIn False, exit 1; a login that ended 30 days ago: loggedIn True, exit 0
