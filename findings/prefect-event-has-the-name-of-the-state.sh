#!/usr/bin/env bash
# A flow run that fails in a state with a name of its own never emits `prefect.flow-run.Failed`.
#
# `return Failed(name="BadInput")` makes a state of type FAILED; it is red in the UI and counts as failed. An automation for
# failed runs as the documentation's examples have it (`expect: [prefect.flow-run.Failed]`) does not see it: the event is
# called after the *name* of the state, here `prefect.flow-run.BadInput`. Whoever names states has to expect
# `prefect.flow-run.*` and to match the label `prefect.state-type` of the resource.
#
# Seen with Prefect 3.9.1 on Python 3.11.   Needs: python3 >= 3.11.
set -euo pipefail
t=$(mktemp -d)
trap 'kill "$server" 2>/dev/null || :; wait 2>/dev/null || :; rm -rf "$t"' EXIT
python3 -m venv "$t/venv"
"$t/venv/bin/pip" -q --disable-pip-version-check install prefect==3.9.1 'sqlalchemy<2.1' 2>/dev/null
mkdir "$t/home"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cd "$t/home"
own=(env -i PATH=/usr/bin:/bin HOME="$t/home" PREFECT_HOME="$t/home/.prefect" DO_NOT_TRACK=1
     PREFECT_API_URL="http://127.0.0.1:$port/api" PREFECT_SERVER_ANALYTICS_ENABLED=false)
"${own[@]}" "$t/venv/bin/prefect" server start --host 127.0.0.1 --port "$port" >"$t/server.log" 2>&1 & server=$!
"${own[@]}" "$t/venv/bin/python" - <<'PY'
import asyncio, time, urllib.request
import prefect
from prefect import flow, get_client
from prefect.states import Failed
from prefect.settings import PREFECT_API_URL
for _ in range(600):
    try:
        urllib.request.urlopen(f"{PREFECT_API_URL.value()}/health")
        break
    except OSError:
        time.sleep(0.2)

@flow
def plain():
    return Failed(message="x")

@flow
def named():
    return Failed(name="BadInput", message="x")

async def last_event(run):
    """The name and the state's type of the event of the run's end."""
    resource = f"prefect.flow-run.{run}"
    async with get_client() as client:
        for _ in range(300):
            asked = {"filter": {"resource": {"id": [resource]}, "event": {"prefix": ["prefect.flow-run."]}}}
            events = (await client._client.post("/events/filter", json=asked)).json()["events"]
            for event in events:
                if event["resource"].get("prefect.state-type") == "FAILED":
                    return event["event"], event["resource"]["prefect.state-type"]
            await asyncio.sleep(0.2)
    raise SystemExit("no event of the end came")

said = {}
for each in (plain, named):
    state = each(return_state=True)
    said[each.name] = asyncio.run(last_event(state.state_details.flow_run_id))
print(f"Prefect {prefect.__version__}: {said}")
assert said == {"plain": ("prefect.flow-run.Failed", "FAILED"), "named": ("prefect.flow-run.BadInput", "FAILED")}
PY
# Output seen:
#   Prefect 3.9.1: {'plain': ('prefect.flow-run.Failed', 'FAILED'), 'named': ('prefect.flow-run.BadInput', 'FAILED')}
