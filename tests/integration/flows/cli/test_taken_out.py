"""`miyabi cordon`, `drain` and `uncordon` where they cannot do what they are asked."""

from __future__ import annotations

import pytest

from miyabi.machines import Machine
from tests.support.cli.small_repository import CliRepository, cli_repository, fleet_of  # noqa: F401 - a fixture

FLEET = fleet_of(Machine(name="first"), Machine(name="second"))


@pytest.mark.parametrize("command", ["cordon", "drain", "uncordon"])
def test_a_machine_that_is_not_in_the_configuration(cli_repository: CliRepository, command: str) -> None:
    """It is refused with the nearest name, before any server is asked."""
    said = ["there is no machine 'secund' in the configuration; did you mean 'second'?"]
    cli_repository.refuses(command, "secund", saying=said, **FLEET)


@pytest.mark.parametrize(
    ("hour", "said"), [("7", "--until: must be an hour"), ("2020-01-01T07:00+01:00", "--until: must be still to come")]
)
def test_an_hour_that_cannot_be(cli_repository: CliRepository, hour: str, said: str) -> None:
    """It is refused as a run's is, before any server is asked."""
    cli_repository.refuses("cordon", "first", "--until", hour, saying=[said], **FLEET)
