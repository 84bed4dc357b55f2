#!/usr/bin/env bash
# A proactive trigger counts its time from the first `after` event: later ones do not begin it anew.
#
# "After a heartbeat, expect another event within 20 seconds" reads like a dead man's switch that each heartbeat winds up
# again. It is not one: a second `after` event inside the window changes nothing, and the automation fires 20 s after the
# first, while the heart still beats. Only where the event is in `expect` *too* does each one end the window and begin the
# next. So a watch over heartbeats has to name the heartbeat twice.
#
# Seen with Prefect 3.9.1 on Python 3.11; takes a minute.   Needs: python3 >= 3.11.
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
import asyncio, time, urllib.request, uuid
from datetime import datetime, timezone
import prefect
from prefect import get_client
from prefect.settings import PREFECT_API_URL
WITHIN, BEATS = 20, (0, 14)
for _ in range(600):
    try:
        urllib.request.urlopen(f"{PREFECT_API_URL.value()}/health")
        break
    except OSError:
        time.sleep(0.2)

async def main():
    async with get_client() as client:
        api = client._client

        async def automation(name, expect):
            trigger = {"type": "event", "posture": "Proactive", "threshold": 1, "within": WITHIN, "after": [f"{name}.beat"],
                       "expect": expect, "for_each": ["prefect.resource.id"], "match": {"prefect.resource.id": f"{name}.*"}}
            made = await api.post("/automations/", json={"name": name, "trigger": trigger, "actions": [{"type": "do-nothing"}]})
            return made.json()["id"]

        ids = {"once": await automation("once", ["once.done"]), "twice": await automation("twice", ["twice.done", "twice.beat"])}
        await asyncio.sleep(5)    # the service that evaluates triggers reads them
        begin = time.time()
        for beat in BEATS:
            await asyncio.sleep(max(0.0, begin + beat - time.time()))
            now = datetime.now(timezone.utc).isoformat()
            await api.post("/events", json=[
                {"id": str(uuid.uuid4()), "occurred": now, "event": f"{name}.beat", "resource": {"prefect.resource.id": f"{name}.1"}}
                for name in ids])
        fired = {}
        while len(fired) < 2 and time.time() < begin + 90:
            await asyncio.sleep(0.5)
            for name, automation_id in ids.items():
                asked = {"filter": {"event": {"name": ["prefect.automation.triggered"]}, "resource": {"id": [f"prefect.automation.{automation_id}"]}}}
                if name not in fired and (await api.post("/events/filter", json=asked)).json()["events"]:
                    fired[name] = time.time() - begin
        return fired

fired = asyncio.run(main())
print(f"Prefect {prefect.__version__}: within {WITHIN} s, events at {BEATS} s; "
      + "; ".join(f"{name}: fired {'20 to 33' if at < WITHIN + 13 else '34 or more'} s after the first" for name, at in sorted(fired.items())))
assert WITHIN <= fired["once"] < WITHIN + 13 and fired["twice"] >= WITHIN + BEATS[1]
PY
# Output seen:
#   Prefect 3.9.1: within 20 s, events at (0, 14) s; once: fired 20 to 33 s after the first; twice: fired 34 or more s after the first
