"""Commands that ask every machine say by their exit code that one did not answer."""

from __future__ import annotations

import pytest

from miyabi.machines import Machine
from miyabi.machines.machine import SshConfig
from tests.support.cli.small_repository import CliRepository, cli_repository, fleet_of  # noqa: F401 - a fixture
from tests.support.machines.tcp_faults import closed_port


@pytest.mark.parametrize("command", [["sessions"], ["sweep", "r1"], ["check", "--rehearse"]])
def test_a_machine_that_is_off(cli_repository: CliRepository, command: list[str]) -> None:
    """What could not be asked is named, the others are told all the same, and the exit code is 1."""
    off = Machine(name="off", host="127.0.0.1", ssh=SshConfig(port=closed_port()))
    done = cli_repository.miyabi(
        *command, **fleet_of(Machine(name="here", workspace=str(cli_repository.folder / "w")), off)
    )
    assert done.returncode == 1, done
    assert "off (" in done.stdout
    assert "here" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
