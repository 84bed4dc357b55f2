"""The `miyabi` command and machines that can take no session: one clear line each, and nothing left behind."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from miyabi.machines import Machine
from miyabi.machines.machine import SshConfig
from miyabi.reports import Report
from miyabi.runs import RunFolder
from miyabi.sessions import Outcome
from tests.support.claude.real import claude_binary, claude_environment
from tests.support.cli.small_repository import ROOT, CliRepository, cli_repository, fleet_of  # noqa: F401 - a fixture
from tests.support.git.repositories import git
from tests.support.machines.small_disk import small_disk
from tests.support.machines.ssh_targets import make_key
from tests.support.machines.sshd import FleetHost, SshdFleet, start_fleet
from tests.support.machines.tcp_faults import closed_port
from tests.support.prefect.server import RealServer, prefect_database, prefect_server  # noqa: F401 - fixtures


@pytest.fixture(scope="module")
def tiny_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder on a disk of 1 MiB; made before the fleet, whose sshd may have mounts of its own."""
    with small_disk(tmp_path_factory.mktemp("small"), "1m") as made:
        yield made


@pytest.fixture(scope="module")
def two_machines(tiny_disk: Path) -> Iterator[SshdFleet]:
    """Two machines of our own, on real sshd."""
    with start_fleet(hosts=2) as started:
        yield started


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """What a case makes its unfit machine of."""

    host: FleetHost
    folder: Path
    small_disk: Path

    def machine(self, name: str, **fields: Any) -> Machine:
        """The host as a machine of that name, with some fields otherwise."""
        return self.host.machine(**{"name": name, "claude": str(claude_binary()), **fields})

    def over(self, name: str, **ssh: Any) -> Machine:
        """The host with some SSH fields otherwise."""
        config = str(self.host.fleet.config)
        return self.machine(name, ssh=SshConfig.model_validate({"config_file": config, **ssh}))

    def token(self, mode: int) -> str:
        """A token file on the machine."""
        file = self.folder / "token"
        file.write_text("nobody's")
        file.chmod(mode)
        return str(file)


Case = Callable[[Making], Machine]
UNFIT: dict[str, tuple[Case, list[str]]] = {
    "off": (
        lambda make: make.over("off", port=closed_port()),
        ["connection refused: nothing listens on port", "Is sshd running (macOS: System Settings", "Try: ssh -F"],
    ),
    "stranger": (
        lambda make: make.over("stranger", known_hosts_file=str(make.folder / "known")),
        ["its host key is unknown: ssh-ed25519 SHA256:", "then add it: ssh-keyscan -p", ">> "],
    ),
    "locked": (
        lambda make: make.over("locked", identity_file=str(make_key(make.folder / "other"))),
        ["login refused for user", "other. Is the public key in that user's ~/.ssh/authorized_keys there"],
    ),
    "bare": (
        lambda make: make.machine("bare", claude="/opt/none/claude"),
        ["no claude at '/opt/none/claude'", "Install Claude Code there, or set `claude` to its absolute path"],
    ),
    "unnamed": (
        lambda make: make.machine("unnamed", claude="claude-of-nobody"),
        ["no claude at 'claude-of-nobody'", "not found"],
    ),
    "anonymous": (
        lambda make: make.machine("anonymous", environment=without_login(make.folder)),
        ["claude is not logged in there", "Run `claude setup-token`", "`sessions.oauth_token_file`"],
    ),
    "full": (
        lambda make: make.machine("full", workspace=str(make.small_disk)),
        ["its disk is full: 1 MiB free at", "Free some space, or remove old runs with: miyabi sweep RUN"],
    ),
    "readonly": (
        lambda make: make.machine("readonly", workspace=make.token(0o600)),
        ["/token cannot be written", "Set `workspace` to a folder of this user"],
    ),
}


def without_login(home: Path) -> dict[str, str]:
    """The environment of a claude that nobody has logged in."""
    known = claude_environment("http://127.0.0.1:9", home=home)
    return {name: value for name, value in known.items() if name != "ANTHROPIC_API_KEY"}


@pytest.fixture
def making(two_machines: SshdFleet, tiny_disk: Path, tmp_path: Path) -> Making:
    """What the cases need."""
    return Making(host=two_machines[0], folder=tmp_path, small_disk=tiny_disk)


@pytest.mark.parametrize("name", UNFIT)
def test_check_names_the_fault_and_the_way_out(cli_repository: CliRepository, making: Making, name: str) -> None:
    """`miyabi check` gives each unfit machine one line, and its exit code says that not all is well."""
    make, words = UNFIT[name]
    done = cli_repository.miyabi("check", **fleet_of(make(making)))
    said, *found = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (1, ""), done
    assert said.startswith(f"FAIL  {name}")
    assert [word for word in words if word not in said] == [], said
    assert [line for line in found if line.startswith(("ok ", "FAIL "))] == []
    assert not (cli_repository.repository / ".miyabi").exists()


def test_a_pair_that_fires_no_schedule_is_reported(
    cli_repository: CliRepository, tmp_path: Path, prefect_server: RealServer
) -> None:
    """`check` and `server start` name the installed Prefect and SQLAlchemy where no schedule would fire, and go on."""
    for name, version in (("prefect", "3.8.8"), ("sqlalchemy", "2.1.9")):
        folder = tmp_path / "seen first" / f"{name}-{version}.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    given = {"PYTHONPATH": f"{folder.parent}:{ROOT}", "PREFECT_API_URL": prefect_server.url}
    for words in (("check", "--rehearse"), ("server", "start")):
        done = cli_repository.miyabi(*words, **given)
        assert done.returncode == 0, done
        assert done.stderr.startswith("warning: no schedule ever fires with Prefect 3.8.8 and SQLAlchemy 2.1.9: "), done
        assert done.stderr.count("\n") == 1


def test_a_token_file_that_others_read(cli_repository: CliRepository, making: Making) -> None:
    """A token that is open to others is refused on the machine, with the mode that it must have."""
    two_machines = fleet_of(making.machine("open"))
    done = cli_repository.miyabi("check", MIYABI_SESSIONS__OAUTH_TOKEN_FILE=making.token(0o644), **two_machines)
    assert done.returncode == 1
    assert f"open: token file {making.folder}/token can be read by others; its mode must be 0600" in done.stdout
    assert "nobody's" not in done.stdout


def test_one_machine_that_cannot(cli_repository: CliRepository, making: Making, prefect_server: RealServer) -> None:
    """With one machine, the run's refusal is that machine's one line; nothing half-made is left."""
    make, words = UNFIT["stranger"]
    said = ["no machine can take a session: stranger (", *words]
    cli_repository.refuses(
        "orchestrate",
        cli_repository.dag(title="t"),
        saying=said,
        PREFECT_API_URL=prefect_server.url,
        **fleet_of(make(making)),
    )


def test_none_of_many_machines_can(cli_repository: CliRepository, making: Making, prefect_server: RealServer) -> None:
    """With many, each has its line; the run is refused, and neither a folder nor a branch is left."""
    machines = [make(making) for make, _ in UNFIT.values()]
    done = cli_repository.miyabi(
        "orchestrate", cli_repository.dag(title="t"), PREFECT_API_URL=prefect_server.url, **fleet_of(*machines)
    )
    assert done.returncode == 2, done
    head, *lines = done.stderr.splitlines()
    assert head == "miyabi: no machine can take a session:"
    assert [line.split()[0].rstrip(":") for line in lines] == list(UNFIT)
    for line, (_, words) in zip(lines, UNFIT.values(), strict=True):
        assert [word for word in words if word not in line] == [], line
    assert not (cli_repository.repository / ".miyabi").exists()
    assert git(cli_repository.repository, "branch", "--list") == "* main"


def test_the_run_goes_on_without_an_unfit_machine(
    cli_repository: CliRepository, making: Making, prefect_server: RealServer
) -> None:
    """One fit machine is enough: it does the work, and the report says why the others did none."""
    unfit = [UNFIT[name][0](making) for name in ("off", "stranger", "locked", "full")]
    two_machines = fleet_of(*unfit, making.machine("fit", slots=2))
    dag = cli_repository.dag({"id": "a", "title": "A"}, {"id": "b", "title": "B", "dependencies": ["a"]})
    done = cli_repository.miyabi(
        "orchestrate", dag, "--rehearse", "--run", "r1", PREFECT_API_URL=prefect_server.url, **two_machines
    )
    assert done.returncode == 0, done
    folder = RunFolder(cli_repository.repository, "r1")
    assert {result.machine for result in folder.results()} == {"fit"}
    warnings = Report.model_validate_json(folder.report_values_file.read_bytes()).warnings
    assert [warning.split()[2].rstrip(":") for warning in warnings] == [machine.name for machine in unfit]
    text = folder.report_file.read_text()
    assert all(f"not used: {machine.name}" in text for machine in unfit)


FILLS = """#!/bin/sh
case $* in *--version*) echo '2.1.332 (Claude Code)'; exit ;; 'auth status') echo '{"loggedIn":true}'; exit ;; esac
cat >/dev/null
echo '{"type":"result","subtype":"success","is_error":false,"result":"done","num_turns":1}'
dd if=/dev/zero of=filler bs=1048576 2>/dev/null
exit 0
"""


def test_a_disk_that_fills_up_in_mid_run(
    cli_repository: CliRepository, tmp_path: Path, prefect_server: RealServer
) -> None:
    """A session that fills its machine's disk is a failed outcome that says so; with more room it is collected."""
    agent, disk, folder = tmp_path / "agent", tmp_path / "disk", RunFolder(cli_repository.repository, "r1")
    agent.write_text(FILLS)
    agent.chmod(0o755)
    disk.mkdir()
    with small_disk(disk, "220m"), start_fleet(hosts=1) as two_machines:
        machine = two_machines[0].machine(name="filled", claude=str(agent), workspace=str(disk))
        limits = {"MIYABI_SESSIONS__MAX_FILE_MB": "1000", "MIYABI_RUNS__PATIENCE_MINUTES": "0.05"}
        fleet_variables = fleet_of(machine) | limits | {"PREFECT_API_URL": prefect_server.url}
        done = cli_repository.miyabi("orchestrate", cli_repository.dag(title="t"), "--run", "r1", **fleet_variables)
        assert (disk / "checkouts" / "r1" / "a" / "a" / "filler").exists()
        assert (done.returncode, done.stderr) == (1, ""), done
        assert f"cannot collect the work: the disk of {disk} is full. Free some space there" in done.stdout
        (result,) = folder.results()
        assert (result.outcome, result.turns) == (Outcome.NOT_COLLECTED, 1)
        subprocess.run(["mount", "-o", "remount,size=900m", str(disk)], check=True)
        again = cli_repository.miyabi("orchestrate", "--run", "r1", **fleet_variables)
    assert again.returncode == 0, again
    (result,) = folder.results()
    assert (result.outcome, result.attempt, result.changes.files) == (Outcome.SUCCEEDED, 1, ("filler",))
