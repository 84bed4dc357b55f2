#!/usr/bin/env bash
# In Prefect's run form, once a value was refused, the press after it was mended starts nothing and says nothing.
#
# The form of a deployment in the V2 UI asks the server to validate what was entered when Submit is pressed. Where that
# finds a fault, it is shown at the field. Mend it and press again: the values are validated (200, valid), the fault
# disappears, and no flow run is made, with no word of it; the press after that makes one. However long one waits between
# mending and pressing makes no difference. So "I pressed, and nothing happened" may need only one more press.
# (The very first press, before any fault is known, sends the flow run even with a bad value: the server answers 409.)
#
# Seen with Prefect 3.9.1 and Playwright 1.65.2 on Python 3.11 and Chromium.   Needs: python3 >= 3.11, chromium, curl.
set -euo pipefail
t=$(mktemp -d)
server=
trap 'test -z "$server" || { kill "$server"; wait "$server" || true; }; rm -rf "$t"' EXIT
python3 -m venv "$t/venv"
"$t/venv/bin/pip" -q --disable-pip-version-check install prefect==3.9.1 'sqlalchemy<2.1' playwright==1.65.2 2>/dev/null
mkdir "$t/home"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
run=(env -i PATH="$PATH" HOME="$t/home" DO_NOT_TRACK=1 PREFECT_SERVER_ANALYTICS_ENABLED=false
    PREFECT_UI_API_URL="http://127.0.0.1:$port/api")
"${run[@]}" "$t/venv/bin/prefect" server start --port "$port" --no-services >"$t/server.log" 2>&1 &
server=$!
for _ in $(seq 120); do
    curl -sf "http://127.0.0.1:$port/api/health" >/dev/null && break
    sleep 1
done
"${run[@]}" "$t/venv/bin/python" - "http://127.0.0.1:$port" "$(command -v chromium || command -v google-chrome)" <<'PY'
import json, sys, urllib.request
from importlib.metadata import version
from playwright.sync_api import sync_playwright
base, chromium = sys.argv[1:]

def ask(path, body):
    request = urllib.request.Request(base + "/api" + path, json.dumps(body).encode(), {"content-type": "application/json"})
    return json.load(urllib.request.urlopen(request))

flow = ask("/flows/", {"name": "f"})["id"]
schema = {"title": "Parameters", "type": "object", "required": ["where"],
          "properties": {"where": {"title": "where", "type": "string", "minLength": 3}}}
made = ask("/deployments/", {"name": "d", "flow_id": flow, "enforce_parameter_schema": True,
                             "parameter_openapi_schema": schema})["id"]
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
    page = browser.new_page()
    page.set_default_timeout(120_000)
    page.goto(f"{base}/v2/deployments/deployment/{made}/run")
    form, asked = page.locator("form"), []
    page.on("response", lambda answer: asked.append(f"{answer.url.rsplit('/', 1)[-1]} {answer.status}")
            if answer.url.endswith(("/schemas/validate", "/create_flow_run")) else None)

    def press(value):
        asked.clear()
        form.get_by_role("textbox", name="where").fill(value)
        page.wait_for_timeout(5_000)
        form.get_by_role("button", name="Submit").click()
        page.wait_for_timeout(10_000)
        return list(asked)

    first = press("x")
    refused = "'x' is too short" in form.inner_text()
    second = press("/some/where")
    still_refused = "is too short" in form.inner_text()
    third = press("/some/where")
    browser.close()
print(f"Prefect {version('prefect')}: bad value {first}, fault shown: {refused}")
print(f"mended, pressed {second}, fault shown: {still_refused}")
print(f"pressed again {third}")
assert refused and not still_refused
assert "validate 200" in second and not [each for each in second if each.startswith("create_flow_run")]
assert "create_flow_run 201" in third
PY
# Output seen:
#   Prefect 3.9.1: bad value ['validate 200', 'create_flow_run 409', 'validate 200'], fault shown: True
#   mended, pressed ['validate 200'], fault shown: False
#   pressed again ['validate 200', 'create_flow_run 201']
