"""An operator takes a machine out in Prefect's own page: its limit is 0. It stays so, and that is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from miyabi.machines import Machine
from tests.support.cli.local_site import LocalSite, make_local_site
from tests.support.machines.processes import eventually
from tests.support.prefect.api import ask
from tests.support.prefect.server import RealServer, prefect_database, prefect_server  # noqa: F401 - fixtures


@pytest.fixture
def two_machines_site(tmp_path: Path, prefect_server: RealServer) -> Iterator[LocalSite]:
    """A site on this machine, as two machines with 3 and 2 slots."""
    with make_local_site(tmp_path, prefect_server) as site:
        site.write_config()
        yield site


def limits(site: LocalSite) -> dict[str, int]:
    """The limit of each machine that has one."""
    known = site.ask("/v2/concurrency_limits/filter", {"limit": 200})
    names = {f"tag:{machine.slot_tag}": machine.name for machine in site.machines}
    return {names[limit["name"]]: limit["limit"] for limit in known if limit["name"] in names}


def set_limit(site: LocalSite, machine: Machine, limit: int) -> None:
    """What a person does in Prefect's page, whether the limit is there or not."""
    name = f"tag:{machine.slot_tag}"
    if machine.name in limits(site):
        ask(f"{site.server.url}/v2/concurrency_limits/{name}", {"limit": limit}, method="PATCH")
    else:
        site.ask("/v2/concurrency_limits/", {"name": name, "limit": limit})


def nodes(count: int, scenario: str = "write") -> list[dict[str, Any]]:
    """Tasks that wait for nothing."""
    return [{"id": f"t{number}", "prompt": f"[[scenario:{scenario}]]"} for number in range(count)]


def test_one_of_two(two_machines_site: LocalSite) -> None:
    """A run uses the other one alone and says why, twice; `check` fails it; with the limit deleted it is back."""
    first, second = two_machines_site.machines
    set_limit(two_machines_site, first, 0)
    said = f"{first.name} was taken out in Prefect, where its limit tag:slot:{first.name} is 0"
    for run in ("r1", "r2"):
        two_machines_site.orchestrate(nodes(3), run=run).succeeds()
        assert {row.machine for row in two_machines_site.report(run).tasks} == {second.name}
        assert any(said in warning for warning in two_machines_site.report(run).warnings)
        assert limits(two_machines_site) == {first.name: 0, second.name: 2}
    check = two_machines_site.start("check", "--rehearse")
    assert check.wait() == 1
    assert f"FAIL  {said}. To have it back, set the limit to 3 or delete it." in check.output
    ask(f"{two_machines_site.server.url}/v2/concurrency_limits/tag:{first.slot_tag}", method="DELETE")
    two_machines_site.orchestrate(nodes(3), run="r3").succeeds()
    assert first.name in {row.machine for row in two_machines_site.report("r3").tasks}
    assert limits(two_machines_site) == {first.name: 3, second.name: 2}
    two_machines_site.start("check", "--rehearse").succeeds()


def test_all_of_them(two_machines_site: LocalSite) -> None:
    """Bad input that names each, and nothing is begun."""
    for machine in two_machines_site.machines:
        set_limit(two_machines_site, machine, 0)
    command = two_machines_site.orchestrate(nodes(1))
    assert command.wait() == 2, command.output
    (line,) = [line for line in command.output.splitlines() if line.startswith("miyabi: ")]
    assert line == "miyabi: no machine can take a session:"
    assert [machine.name in command.output for machine in two_machines_site.machines] == [True, True]
    assert not two_machines_site.run_folder().path.exists()
    assert two_machines_site.calls == []


def test_other_limits_are_brought_to_the_slots(two_machines_site: LocalSite) -> None:
    """A limit that is too small, too large or switched off is that of the configuration after the next run."""
    first, second = two_machines_site.machines
    set_limit(two_machines_site, first, 1)
    set_limit(two_machines_site, second, 7)
    ask(
        f"{two_machines_site.server.url}/v2/concurrency_limits/tag:{second.slot_tag}", {"active": False}, method="PATCH"
    )
    two_machines_site.orchestrate(nodes(1)).succeeds()
    assert limits(two_machines_site) == {first.name: 3, second.name: 2}


def test_in_mid_run(two_machines_site: LocalSite) -> None:
    """What runs there goes on, nothing more begins there, which is told once; with the limit back it goes on."""
    first, second = two_machines_site.machines
    command = two_machines_site.orchestrate(
        [{**node, "prompt": f"[[scenario:gate:{node['id']}]]"} for node in nodes(8)]
    )
    eventually(lambda: len(two_machines_site.calls) == 5, why=lambda: command.output)
    set_limit(two_machines_site, first, 0)
    on_first = [
        call["environment"]["MIYABI_TASK"] for call in two_machines_site.calls if _is_on(call, two_machines_site, 0)
    ]
    for task in on_first:
        two_machines_site.open_gate(task)
    eventually(lambda: _logged(two_machines_site, "was taken out in Prefect"), why=lambda: command.output)
    set_limit(two_machines_site, first, 3)
    for node in nodes(8):
        two_machines_site.open_gate(node["id"])
    command.succeeds()
    assert _logged(two_machines_site, "was taken out in Prefect") == 1
    assert two_machines_site.report().all_succeeded
    assert limits(two_machines_site) == {first.name: 3, second.name: 2}


def _is_on(call: dict[str, Any], site: LocalSite, number: int) -> bool:
    return call["environment"]["PWD"].startswith(site.machines[number].workspace)


def _logged(site: LocalSite, text: str) -> int:
    (run,) = site.ask("/flow_runs/filter", {"flow_runs": {"name": {"any_": ["r1"]}, "id": {"any_": _own(site)}}})
    logs = site.ask("/logs/filter", {"logs": {"flow_run_id": {"any_": [run["id"]]}}})
    return sum(text in line["message"] for line in logs)


def _own(site: LocalSite) -> list[str]:
    found = site.ask("/flow_runs/filter", {"flow_runs": {"name": {"any_": ["r1"]}}})
    return [run["id"] for run in found if run["parameters"].get("repository") == str(site.repository)]
