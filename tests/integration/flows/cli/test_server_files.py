"""What keeps the local server's files from being written is one line of `miyabi server`, and no traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.cli.small_repository import CliRepository, cli_repository  # noqa: F401 - a fixture
from tests.support.machines.processes import working_in


@pytest.mark.parametrize(
    ("action", "in_the_way", "why"),
    [
        ("stop", ["server.lock/"], "server.lock: Is a directory. Move it away, or set MIYABI_HOME"),
        ("start", ["server.lock/"], "server.lock: Is a directory. Move it away, or set MIYABI_HOME"),
        ("start", ["server.log", "server.log.1/x/"], "server.log.1: Is a directory. Move it away, or set MIYABI_HOME"),
        ("start", ["server.log/", "server.log.1/x/"], "server.log.1: Directory not empty. Move it away, or"),
        ("start", ["server.json/x/"], "server.json: Is a directory. Move it away, or set MIYABI_HOME"),
    ],
)
def test_what_stands_in_the_place_of_a_file(
    cli_repository: CliRepository, action: str, in_the_way: list[str], why: str
) -> None:
    """The file is named, what was found and what to do; no server is left behind."""
    home = cli_repository.folder / "water-spider"
    home.mkdir()
    for name in in_the_way:
        (home / name).mkdir(parents=True) if name.endswith("/") else (home / name).touch()
    done = cli_repository.miyabi("server", action, MIYABI_HOME=str(home))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done
    assert done.stderr.startswith(f"miyabi: {home}/{why}")
    assert not working_in(home)


@pytest.mark.parametrize("action", ["start", "stop"])
@pytest.mark.parametrize(
    ("home", "why"),
    [("/proc", "No such file or directory"), (f"/{'x' * 300}", "File name too long")],
    ids=["proc", "long"],
)
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="a folder in which even root can make no file")
def test_a_home_that_can_hold_no_file(cli_repository: CliRepository, action: str, home: str, why: str) -> None:
    """It is named, whatever was to be done with the server."""
    done = cli_repository.miyabi("server", action, MIYABI_HOME=home)
    said = f"miyabi: {home} cannot hold the Prefect server's files: {why}. Set MIYABI_HOME to a folder of yours.\n"
    assert (done.returncode, done.stderr) == (1, said)
