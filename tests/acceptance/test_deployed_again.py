"""`prefect deploy --all` once more, as after an upgrade: what people have set of the deployments is still set."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.cli.local_site import make_local_site
from tests.support.prefect.deployments import ROOT, Deployments
from tests.support.prefect.server import RealServer, prefect_database, start_server  # noqa: F401 - fixtures

NIGHTLY, MANUAL = "run-milestone/nightly", "run-dag/manual"


@pytest.fixture(scope="module")
def deployments(tmp_path_factory: pytest.TempPathFactory, prefect_database: Path) -> Iterator[Deployments]:
    """All deployments at a server of their own."""
    folder = tmp_path_factory.mktemp("operator")
    server = RealServer(folder / "server", start_server(folder / "server", database=prefect_database))
    try:
        with make_local_site(folder, server) as site:
            found = Deployments(site=site)
            found.deploy()
            yield found
    finally:
        server.process.end(timeout_seconds=5)


def shown_state(found: dict[str, Any]) -> tuple[Any, ...]:
    """What a person may have set."""
    schedules = sorted((str(each["schedule"]), each["active"], each["slug"]) for each in found["schedules"])
    return found["parameters"], found["job_variables"], schedules, found["paused"], found["tags"]


def test_a_first_deploy(deployments: Deployments) -> None:
    """The nightly has its schedule, switched off, and says where its repository goes; the others have nothing set."""
    nightly, manual = deployments.read(NIGHTLY), deployments.read(MANUAL)
    assert nightly["parameters"] == {"repository": "/path/of/your/clone", "milestone": "next due"}
    (schedule,) = nightly["schedules"]
    assert (schedule["schedule"]["cron"], schedule["schedule"]["timezone"], schedule["active"]) == (
        "0 22 * * *",
        "UTC",
        False,
    )
    assert (nightly["entrypoint"], nightly["work_pool_name"]) == ("flows.run_milestone.run_milestone", "water-spider")
    assert (nightly["concurrency_options"]["collision_strategy"], nightly["global_concurrency_limit"]["limit"]) == (
        "CANCEL_NEW",
        1,
    )
    assert (manual["parameters"], manual["schedules"], manual["job_variables"]) == ({}, [], {})


def test_what_was_set_is_kept(deployments: Deployments) -> None:
    """Parameters, schedules, the worker's variables: all is after the second and third deploy as it was before."""
    deployments.set(NIGHTLY, parameters={"repository": "/home/me/clone", "milestone": "v{{1}}", "github": "my-block"})
    deployments.switch(NIGHTLY, active=True, cron="30 1 * * 1-5")
    weekly = [{"active": False, "slug": "weekly", "schedule": {"interval": 604800, "timezone": "Asia/Tokyo"}}]
    deployments.ask(f"/deployments/{deployments.read(NIGHTLY)['id']}/schedules", weekly)  # type: ignore[arg-type]
    deployments.set(MANUAL, parameters={"repository": "/home/me/clone", "fail_fast": True})
    deployments.set(MANUAL, job_variables={"env": {"GITHUB_TOKEN": "{{ prefect.blocks.secret.token }}"}})
    update = "update-milestone/manual"
    deployments.ask(f"/deployments/{deployments.read(update)['id']}/schedules", weekly)  # type: ignore[arg-type]
    before = {name: shown_state(deployments.read(name)) for name in (NIGHTLY, MANUAL, update)}
    assert len(before[NIGHTLY][2]) == 2
    for _ in range(2):
        deployments.deploy()
        assert {name: shown_state(deployments.read(name)) for name in before} == before
    assert "placeholder" not in "".join(command.output for command in deployments.site.commands)


def test_every_parameter_can_be_kept(deployments: Deployments) -> None:
    """prefect.yaml has a placeholder for each parameter of each flow; each deployment keeps its own."""
    text = yaml.safe_load((ROOT / "prefect.yaml").read_text())
    for each in text["deployments"]:
        (step,) = (found["flows.deploying.keep"] for found in each["build"])
        known = deployments.read(step["deployment"])
        assert (known["name"], known["entrypoint"]) == (each["name"], each["entrypoint"])
        assert known["parameter_openapi_schema"]["properties"].keys() <= each["parameters"].keys()
        assert each["parameters"] == {name: f"{{{{ kept.parameters.{name} }}}}" for name in each["parameters"]}
