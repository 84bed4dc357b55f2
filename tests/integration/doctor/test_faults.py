"""`miyabi check` on real machines, each with one fault that was really made there; and on one that has none."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from miyabi.machines import Machine
from miyabi.runs import RunFolder
from miyabi.sessions import SessionPaths
from tests.support.claude.real import claude_binary, claude_environment
from tests.support.cli.small_repository import CliRepository, fleet_of
from tests.support.git.repositories import make_repository
from tests.support.machines.small_disk import small_disk
from tests.support.machines.sshd import FleetHost, SshdFleet, start_fleet
from tests.support.machines.supervisor import Station

CLAUDE = """#!/bin/sh
case $* in --version) echo '{} (Claude Code)' ;; *) echo '{{"loggedIn": true, "loginExpiresAt": null}}' ;; esac
"""
AHEAD = """package Ahead;
use Time::HiRes;
no warnings;
my $true = \\&Time::HiRes::time;
*main::time = *Time::HiRes::time = sub { $true->() + 3600 };
1;
"""
DAY = 86_400
DISKS = {
    "read-only": "1m,ro",
    "noexec": "8g,mode=755,noexec",
    "low": "900m,mode=755",
    "few": "8g,mode=755,nr_inodes=200",
}


@dataclass(kw_only=True)
class Ward:
    """Machines in the making: hosts of a fleet that nobody has used yet, disks, a folder."""

    folder: Path
    fleet: SshdFleet
    strict_fleet: SshdFleet
    disks: Path
    runs: Path
    station: Station

    def claude(self, version: str = "2.1.332") -> str:
        """A claude that says that version, and that somebody is logged in."""
        file = self.folder / f"claude-{version}"
        file.write_text(CLAUDE.format(version))
        file.chmod(0o755)
        return str(file)

    def machine(self, name: str, *, on: FleetHost | None = None, **fields: Any) -> Machine:
        """A machine with a workspace of its own, on the first host where nothing else is said."""
        workspace = self.folder / "workspaces" / name
        usual = {"name": name, "claude": self.claude(), "workspace": str(workspace)}
        return (on or self.fleet[0]).machine(**usual | fields)

    def shell(self, name: str, line: str, **fields: Any) -> Machine:
        """A machine whose login shell reads that line first."""
        host = self.fleet[1 + list(SHELLS).index(name)]
        (host.home / ".bashrc").write_text(f"{line}\n")
        (host.home / "Ahead.pm").write_text(AHEAD)
        return self.machine(name, on=host, **fields)

    def login(self, name: str, *, seconds: float) -> Machine:
        """A machine with the real claude, whose login can be refreshed for so long."""
        home, then = self.folder / f"home of {name}", int((time.time() + seconds) * 1000)
        (home / ".claude").mkdir(parents=True)
        tokens = {"accessToken": "none", "refreshToken": "none", "expiresAt": 1, "refreshTokenExpiresAt": then}
        login = {"claudeAiOauth": tokens | {"scopes": ["user:inference"], "subscriptionType": "max"}}
        (home / ".claude" / ".credentials.json").write_text(json.dumps(login))
        known = claude_environment("http://127.0.0.1:9", home=home)
        environment = {key: value for key, value in known.items() if key != "ANTHROPIC_API_KEY"}
        return self.machine(name, claude=str(claude_binary()), environment=environment)

    def open_to_all(self, name: str) -> Machine:
        """A machine into whose workspace everybody may write."""
        machine = self.machine(name)
        Path(machine.workspace).mkdir(parents=True)
        Path(machine.workspace).chmod(0o777)
        return machine

    def left_behind(self, name: str) -> Machine:
        """A machine on which a session of a run lives that nobody works on."""
        RunFolder(self.runs, "r1").create().info_file.touch()
        paths = SessionPaths(run="r1", task="a", attempt=1)
        assert self.station.start(paths.session, "sleep 600").returncode == 0
        return self.machine(name, workspace=str(self.station.workspace))

    def long_folder(self, name: str) -> Machine:
        """A machine whose folder for temporary files is named at length."""
        deep = self.folder / ("long" * 20)
        deep.mkdir()
        return self.machine(name, environment={"TMPDIR": str(deep)})

    def disk(self, name: str, disk: str, **fields: Any) -> Machine:
        """A machine with its workspace on that disk."""
        return self.machine(name, workspace=str(self.disks / disk), **fields)


def memory_mib() -> int:
    """Of this computer."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20


Fault = Callable[[Ward, str], Machine]


def configured(**fields: Any) -> Fault:
    """A fault that is in the configuration."""
    return lambda ward, name: ward.machine(name, **fields)


SHELLS: dict[str, tuple[str, dict[str, Any]]] = {
    "shell-prints": ("echo Welcome to mini1", {}),
    "shell-complains": ("nvm use 22", {}),
    "shell-slow": ("sleep 3.3", {}),
    "umask": ("umask 0", {}),
    "open-files": ("ulimit -n 128", {}),
    "processes": ("ulimit -Su 500", {"slots": 8}),
    "api-key": ("export ANTHROPIC_API_KEY=of-the-shell", {}),
    "clock": ('export PERL5LIB="$HOME" PERL5OPT=-MAhead', {}),
}
"""By the id of the finding: a line of the login shell's start-up file, and fields of the machine."""

FAULTS: dict[str, Fault] = {
    **{name: partial(Ward.shell, line=line, **fields) for name, (line, fields) in SHELLS.items()},
    "tmp-length": Ward.long_folder,
    "tmp-unusable": configured(environment={"TMPDIR": "/var/none"}),
    "home-read-only": lambda ward, name: ward.machine(name, environment={"HOME": str(ward.disks / "read-only")}),
    "noexec": lambda ward, name: ward.disk(name, "noexec"),
    "disk-low": lambda ward, name: ward.disk(name, "low"),
    "inodes": lambda ward, name: ward.disk(name, "few"),
    "workspace-mode": Ward.open_to_all,
    "memory": lambda ward, name: ward.machine(name, slots=min(256, memory_mib() // 238 + 1)),
    "max-sessions": lambda ward, name: ward.machine(name, on=ward.strict_fleet[0]),
    "max-startups": lambda ward, name: ward.machine(name, on=ward.strict_fleet[1]),
    "login-ends": partial(Ward.login, seconds=3 * DAY),
    "login-ended": partial(Ward.login, seconds=-DAY),
    "claude-old": lambda ward, name: ward.machine(name, claude=ward.claude("2.1.207")),
    "xcode": configured(labels=("xcode",)),
    "leftover-sessions": Ward.left_behind,
}
"""By the id of the finding: the machine that has the fault."""

BESIDES = {
    "shell-prints": {"not-ready"},  # what it prints stands where claude's version is looked for
    "memory": {"disk-low"},  # of so many slots
    "umask": {"workspace-mode"},  # which was made with it
    "max-startups": {"max-sessions"},  # one fleet, one configuration
    "max-sessions": {"max-startups"},
}
"""What else follows from a fault."""


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What one call of the command said of all machines."""

    document: dict[str, Any]
    exit_status: int
    machines: dict[str, Machine]
    repository: CliRepository
    ward: Ward

    def ids(self, name: str) -> set[str]:
        """What was found of a machine."""
        (machine,) = [each for each in self.document["machines"] if each["machine"] == name]
        return {finding["id"] for finding in machine["findings"]}


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    """Hosts and disks for all faults."""
    folder = tmp_path_factory.mktemp("w")
    with ExitStack() as stack:
        for name, options in DISKS.items():  # before the fleets, whose sshd may have mounts of its own
            stack.enter_context(small_disk(folder / "disks" / name, options))
        fleet = stack.enter_context(start_fleet(hosts=1 + len(SHELLS)))
        strict = ("MaxSessions 3", "MaxStartups 1:50:5")
        strict_fleet = stack.enter_context(start_fleet(hosts=2, sshd_options=strict))
        station = Station(folder / "station")
        yield Ward(
            folder=folder,
            fleet=fleet,
            strict_fleet=strict_fleet,
            disks=folder / "disks",
            runs=folder / "repository",
            station=station,
        )
        station.call("cancel", SessionPaths(run="r1", task="a", attempt=1).session, "0")


@pytest.fixture(scope="module")
def checked(ward: Ward) -> Checked:
    """All machines, asked by one `miyabi check --json`."""
    (ward.folder / "home").mkdir()
    repository = CliRepository(folder=ward.folder)
    make_repository(repository.repository)
    machines = {name: fault(ward, name) for name, fault in FAULTS.items()} | {"healthy": ward.machine("healthy")}
    done = repository.miyabi("check", "--json", **fleet_of(*machines.values()))
    assert done.stderr.startswith("warning: the machines have different versions of Claude Code: "), done
    assert done.stderr.count("\n") == 1, done
    document = json.loads(done.stdout)
    return Checked(document=document, exit_status=done.returncode, machines=machines, repository=repository, ward=ward)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named(checked: Checked, fault: str) -> None:
    """A machine with a fault has its finding, which says what, why and how to mend it; and nothing is said besides."""
    assert checked.ids(fault) - BESIDES.get(fault, set()) == {fault}
    (machine,) = [each for each in checked.document["machines"] if each["machine"] == fault]
    (found,) = [each for each in machine["findings"] if each["id"] == fault]
    assert set(found) == {"id", "severity", "what", "why", "mend"}
    assert all(found.values())
    assert machine["fit"] == all(each["severity"] != "error" for each in machine["findings"])


def test_nothing_is_said_of_a_healthy_machine(checked: Checked) -> None:
    """One without a fault has no finding; nor is anything left on it but its workspace."""
    assert checked.ids("healthy") == set()
    assert (checked.exit_status, checked.document["fit"], checked.document["schema_version"]) == (1, False, 1)
    assert list(Path(checked.machines["healthy"].workspace).iterdir()) == []
    done = checked.repository.miyabi("check", "--strict", **fleet_of(checked.machines["healthy"]))
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1), done
    assert done.stdout.startswith("ok    healthy: 1 slot, ")


def test_versions_that_differ_are_the_fleets(checked: Checked) -> None:
    """What no single machine has is said of the fleet."""
    (found,) = checked.document["fleet"]
    assert (found["id"], found["severity"]) == ("claude-skew", "warning")
    assert found["what"].endswith("2.1.207 on claude-old.")


def test_a_token_that_is_nearly_a_year_old(checked: Checked) -> None:
    """What its file's age says is a warning, with which `--strict` is not content; the token is shown nowhere."""
    file = checked.ward.fleet[0].home / "token"
    file.write_text("nobody's")
    file.chmod(0o600)
    os.utime(file, times=(0, time.time() - 360 * DAY))
    variables = fleet_of(checked.ward.machine("old")) | {"MIYABI_SESSIONS__OAUTH_TOKEN_FILE": "~/token"}
    done = checked.repository.miyabi("check", "--strict", **variables)
    assert (done.returncode, done.stderr) == (1, ""), done
    assert done.stdout.startswith("ok    old: ")
    assert "\n    warning token-age: its token file ~/token was written 360 days ago\n" in done.stdout
    assert "nobody's" not in done.stdout


def test_what_is_printed(checked: Checked) -> None:
    """In a terminal a finding is three lines or more below its machine's; only what mends it may be over 80 columns."""
    machines = (checked.machines["healthy"], checked.machines["max-sessions"])
    done = checked.repository.miyabi("check", **fleet_of(*machines))
    assert (done.returncode, done.stderr) == (0, ""), done
    first, second, *found, empty, total = done.stdout.splitlines()
    assert first.startswith("ok    healthy: ")
    assert second.startswith("ok    max-sessions: ")
    assert (empty, total) == ("", "2 warnings.")
    assert found[:2] == [
        "    warning max-sessions: its sshd has MaxSessions 3; a connection needs 6 for 1",
        "      slot",
    ]
    mends = [line for line in found if line.startswith("      echo MaxS")]
    assert [line for line in found if len(line) > 80] == mends
    assert len(mends) == 2
