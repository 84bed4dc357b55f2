"""Which Prefect server the command uses: that of the shell, of the profile, or one of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.cli.small_repository import CliRepository, cli_repository  # noqa: F401 - a fixture
from tests.support.prefect.api import ask
from tests.support.prefect.server import RealServer, prefect_database, prefect_server  # noqa: F401 - fixtures

ELSEWHERE = "http://127.0.0.1:9/api"


def profiles(cli_repository: CliRepository, **addresses: str) -> Path:
    """A file of profiles, each with its address; the first is active."""
    file = cli_repository.folder / "home" / ".prefect" / "profiles.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    tables = "".join(f'[profiles.{name}]\nPREFECT_API_URL = "{url}"\n' for name, url in addresses.items())
    file.write_text(f'active = "{next(iter(addresses))}"\n{tables}')
    return file


def used(cli_repository: CliRepository, **variables: str) -> str:
    """What `miyabi server start` says of the server that it has found."""
    done = cli_repository.miyabi("server", "start", **variables)
    return done.stdout + done.stderr


def test_prefect_config_set(cli_repository: CliRepository, prefect_server: RealServer) -> None:
    """An address that `prefect config set` has kept is that of the command's flow runs; no server is started."""
    line = [Path(sys.executable).parent / "prefect", "config", "set", f"PREFECT_API_URL={prefect_server.url}"]
    home = {"HOME": str(cli_repository.folder / "home"), "PATH": "/usr/bin:/bin"}
    subprocess.run(line, env=home, cwd=cli_repository.folder, check=True, capture_output=True, timeout=240)
    done = cli_repository.miyabi("orchestrate", cli_repository.dag(title="t"), "--rehearse", "--run", "by-profile")
    assert done.returncode == 0, done
    wanted = {"flow_runs": {"name": {"any_": ["by-profile"]}}}
    assert [run["state_name"] for run in ask(f"{prefect_server.url}/flow_runs/filter", wanted)] == ["Completed"]
    assert not (cli_repository.folder / "home" / ".miyabi" / "server.json").exists()


def test_which_one_counts(cli_repository: CliRepository, prefect_server: RealServer) -> None:
    """The shell before the profile, the profile that is named before the active one, as Prefect has it."""
    running = f"running at {prefect_server.url.removesuffix('/api')}\n"
    file = profiles(cli_repository, far=ELSEWHERE, near=prefect_server.url)
    assert f"PREFECT_API_URL of the profile in {file} is {ELSEWHERE}, but no" in used(cli_repository)
    assert used(cli_repository, PREFECT_API_URL=prefect_server.url) == running
    assert used(cli_repository, PREFECT_PROFILE="near") == running
    assert used(cli_repository, PREFECT_PROFILE="near", PREFECT_API_URL="") == running
    moved = file.rename(cli_repository.folder / "mine.toml")
    assert used(cli_repository, PREFECT_PROFILE="near", PREFECT_PROFILES_PATH=str(moved)) == running


@pytest.mark.parametrize("cut", ["http://", "/api", "both"])
@pytest.mark.parametrize("in_profile", [False, True])
def test_a_mistyped_address(
    cli_repository: CliRepository, prefect_server: RealServer, *, cut: str, in_profile: bool
) -> None:
    """Without its scheme or its path it is bad input, which names the address that does answer."""
    url = prefect_server.url
    given = url.removeprefix("http://").removesuffix("/api") if cut == "both" else url.replace(cut, "")
    if in_profile:
        profiles(cli_repository, mine=given)
    variables = {} if in_profile else {"PREFECT_API_URL": given}
    cli_repository.refuses(
        "orchestrate", cli_repository.dag(title="t"), saying=[f"is {given}: ", f"{url} answers"], **variables
    )


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("127.0.0.1:9", "http://127.0.0.1:9/api"),
        ("http://127.0.0.1:9/", "http://127.0.0.1:9/api"),
        ("127.0.0.1:9/api", "http://127.0.0.1:9/api"),
    ],
)
def test_a_mistyped_address_where_nothing_answers(cli_repository: CliRepository, given: str, meant: str) -> None:
    """What may be meant is named all the same."""
    cli_repository.refuses(
        "orchestrate", cli_repository.dag(title="t"), saying=[f"{meant} may be meant"], PREFECT_API_URL=given
    )


def test_no_password_is_shown(cli_repository: CliRepository) -> None:
    """An address with a login is named without its password."""
    said = used(cli_repository, PREFECT_API_URL="http://me:hunter22@127.0.0.1:9/api")
    assert "no Prefect server answers" in said
    assert "hunter22" not in said
