"""A whole run tells of its end, once, and of a machine that is gone; addresses are seen nowhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.cli.canary import Canary
from tests.support.cli.local_site import LocalSite, make_local_site
from tests.support.machines.processes import eventually
from tests.support.notify.receiver import receiving
from tests.support.prefect.api import ask
from tests.support.prefect.server import RealServer, prefect_database, prefect_server  # noqa: F401 - fixtures

TOKEN = "Tk7Qm2Xw9ZcV4bN8"  # noqa: S105 - of a test
GONE = '[[machines]]\nname = "gone-mini"\nhost = "127.0.0.1"\nssh = { port = 9 }\n'
EVENTS = [
    *[("miyabi.machine.down", None), ("miyabi.run.started", None)],
    *[("miyabi.session.started", "a"), ("miyabi.session.ended", "a")],
    *[("miyabi.session.started", "b"), ("miyabi.session.ended", "b"), ("miyabi.run.ended", None)],
    *[("miyabi.machine.down", None), ("miyabi.run.started", None)],
    *[("miyabi.session.started", "b"), ("miyabi.session.ended", "b"), ("miyabi.run.ended", None)],
    *[("miyabi.machine.down", None), ("miyabi.run.started", None), ("miyabi.run.ended", None)],
]


def events_of(server: RealServer, site: LocalSite) -> list[dict[str, Any]]:
    """The run's events at the server, in order, once all of them are there, each with its run among its resources."""
    run = site.run_folder().info().id
    found: list[dict[str, Any]] = []

    def are_there() -> bool:
        answer = ask(f"{server.url}/events/filter", {"filter": {"event": {"prefix": ["miyabi."]}}, "limit": 50})
        of_run = [e for e in answer["events"] if f"miyabi.run.{run}" in str(e["related"])]
        found[:] = sorted(of_run, key=lambda event: event["occurred"])
        return len(found) >= len(EVENTS)

    eventually(are_there, why=lambda: str([(event["event"], event["payload"]) for event in found]))
    return found


def test_a_run_is_told_of_once(tmp_path: Path, prefect_server: RealServer) -> None:
    """What is tried again ends anew; where nothing is left to do nothing is said. The token is in one environment."""
    nodes = [
        {"id": "a", "prompt": "[[scenario:write]]"},
        {"id": "b", "prompt": "[[scenario:until:go]]", "dependencies": ["a"]},
    ]
    with receiving() as receiver, make_local_site(tmp_path, prefect_server) as site, Canary(TOKEN) as canary:
        site.write_config(runs={"max_attempts": 1})
        config = site.repository / ".miyabi" / "config.toml"
        config.write_text(config.read_text() + GONE)
        secret = {"MIYABI_NOTIFY__URLS": f'["{receiver.url(TOKEN)}"]'}
        assert site.start("notify", "--test", **secret).succeeds() == "ok    notify.urls, number 1 (json)\n"
        assert receiver.posts.pop()["title"] == "miyabi: this is a test"

        assert site.orchestrate(nodes, **secret).wait() == 1
        first = list(receiver.headlines)
        site.open_gate("go")
        for _ in range(2):
            site.start("orchestrate", "--run", "r1", **secret).succeeds()
    assert sorted(first) == [
        "miyabi run r1 needs you: gone-mini takes no more sessions",
        "miyabi run r1: 1 of 2 succeeded, 1 failed, 0.10 USD",
    ]
    end = next(post for post in receiver.posts if "1 of 2" in post["title"])
    assert "Failed: b (agent error)" in end["message"]
    assert f"{prefect_server.url.removesuffix('/api')}/runs/flow-run/" in end["message"]
    assert str(site.run_folder().report_file) in end["message"]
    assert receiver.headlines[len(first) :] == ["miyabi run r1: 2 of 2 succeeded, 0.15 USD"]
    assert [(event["event"], event["payload"].get("task")) for event in events_of(prefect_server, site)] == EVENTS
    assert canary.in_commands == set()
    assert canary.in_sessions == set()
    assert canary.files(tmp_path, prefect_server.home) == []
