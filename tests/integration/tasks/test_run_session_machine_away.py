"""A machine that goes away while it is idle: tasks pass it over, and none of their attempts is burnt."""

from __future__ import annotations

from pathlib import Path

from miyabi.sessions import Outcome
from tests.support.cli.site import CommandSite
from tests.support.cli.small_repository import fleet_of
from tests.support.git.repositories import make_repository
from tests.support.machines.processes import eventually
from tests.support.machines.sshd import start_fleet
from tests.support.prefect.server import RealServer, prefect_database, prefect_server  # noqa: F401 - fixtures


def test_a_machine_that_goes_away_before_its_first_session(tmp_path: Path, prefect_server: RealServer) -> None:
    """Its sshd is gone when the first task is sent there: all go to the other machine, and the report says why."""
    site = CommandSite(folder=tmp_path, server=prefect_server)
    make_repository(site.repository)
    (tmp_path / "home").mkdir()
    later = [
        {"id": f"b{number}", "title": "Later", "estimated_duration": 1, "dependencies": ["a"]} for number in range(3)
    ]
    nodes = [{"id": "a", "title": "First", "estimated_duration": 4, "requires": ["second"]}, *later]
    with start_fleet(hosts=2) as fleet:
        first = fleet[0].machine(slots=1, name=f"{fleet.tag}-first")
        second = fleet[1].machine(slots=1, name=f"{fleet.tag}-second", labels=("second",))
        settings = {"MIYABI_RUNS__REHEARSAL_SECONDS_PER_MINUTE": "1", "MIYABI_RUNS__MAX_ATTEMPTS": "1"}
        command = site.start(
            "orchestrate", site.write_tasks(nodes), "--run", "r1", "--rehearse", **settings, **fleet_of(first, second)
        )
        eventually(lambda: "a: running" in command.output or not command.runs, why=lambda: command.output)
        fleet[0].stop_sshd()
        fleet[0].kill_connections()
        assert command.wait() == 0, command.output
    found = [(result.outcome, result.machine, result.attempt) for result in site.run_folder().results()]
    assert found == [(Outcome.SUCCEEDED, second.name, 1)] * 4
    assert site.report().warnings == (f"{first.name} was passed over for a while, because it did not answer",)
