"""What rules make of what machines said: recorded lines (`tests/cases/doctor/README.md`) and others made of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from miyabi.doctor import Patient, clashing_paths, examine
from miyabi.doctor.facts import MARK, read_facts
from miyabi.machines import Machine

CASES = Path(__file__).parents[2] / "cases" / "doctor"
NOW = 1_796_000_000.0
HEALTHY = {"home_writable": "yes", "tmp_writable": "yes", "tmp": "/tmp", "user": "runner", "system": "Linux"}  # noqa: S108


def patient(
    lines: str = "", *, slots: int = 1, labels: tuple[str, ...] = (), values: dict[str, str] | None = None, **known: Any
) -> Patient:
    """A machine that said these lines, or these values, and of which nothing else is bad."""
    said = {line.partition("=")[0] for line in lines.splitlines()}
    ours = "".join(f"{key}={value}\n" for key, value in {**HEALTHY, **(values or {})}.items() if key not in said)
    facts = read_facts(f"\n{MARK}\n{lines}{ours}end=yes\n".encode(), f"\n{MARK}\n".encode())
    assert facts
    machine = Machine(name="m", slots=slots, labels=labels, workspace="~/w")
    return Patient(machine=machine, facts=facts, **{"sent": NOW, "answered": NOW} | known)


def recorded(case: str, **more: Any) -> dict[str, str]:
    """By id: what was found of a machine that said what that file has."""
    found = examine(patient((CASES / f"{case}.txt").read_text(encoding="utf-8"), **more))
    return {finding.id: finding.what for finding in found}


def ids(**more: Any) -> list[str]:
    """The ids of what was found of a machine."""
    return [finding.id for finding in examine(patient(**more))]


def test_a_mac_that_sleeps() -> None:
    """Sleep, a power loss and FileVault are named; with the latter nobody could be logged in."""
    assert recorded("mac-mini-asleep", labels=("xcode-15",)) == {
        "sleep": "it goes to sleep after 10 idle minutes",
        "power-loss": "it stays off after a loss of power",
        "filevault": "FileVault is on: after each start it waits for a password",
        "xcode": "a label promises Xcode, and there is no xcodebuild",
    }


def test_a_mac_that_is_well() -> None:
    """Sleep that is switched off, an open disk, a login at the start, Xcode and an exempt address: nothing to say."""
    assert recorded("mac-mini-awake", labels=("xcode",), slots=3) == {}


def test_a_macbook() -> None:
    """What only a desktop Mac has is not missed; a minute is one."""
    found = recorded("macbook")
    assert set(found) == {"sleep", "filevault"}
    assert found["sleep"] == "it goes to sleep after 1 idle minute"


@pytest.mark.parametrize("case", ["xcode-license-1", "xcode-license-2", "xcode-license-3"])
def test_an_xcode_whose_licence_is_open(case: str) -> None:
    """Each wording that xcodebuild has had is known; where no label promises Xcode nothing is said."""
    assert set(recorded(case, labels=("xcode",))) == {"xcode-license"}
    assert recorded(case) == {}


def test_command_line_tools_alone() -> None:
    """They are no Xcode."""
    assert set(recorded("xcode-tools-alone", labels=("ios", "Xcode-16"))) == {"xcode"}


def test_nobody_at_the_screen_of_a_mac_with_xcode() -> None:
    """Only such a one needs a login there; FileVault, which forbids it, is off."""
    lines = "system=Darwin\nxcodebuild=/usr/bin/xcodebuild\nauto_login=\nauto_login=The pair does not exist\n"
    assert ids(lines=lines, labels=("xcode",)) == ["auto-login"]
    assert ids(lines=lines) == []


@pytest.mark.parametrize("folder", ["/Users/r/Documents/w", "/Users/r/Desktop", "/Users/r/Library/Mobile Documents/x"])
def test_a_workspace_that_macos_guards(folder: str) -> None:
    """Folders that are guarded are named, on a Mac."""
    assert ids(values={"system": "Darwin", "workspace_path": folder}) == ["workspace-guarded"]
    assert ids(values={"workspace_path": folder}) == []


def test_a_logout_that_kills() -> None:
    """It does where the user is not exempt; lingering alone does not help sessions, and is a note of its own."""
    assert list(recorded("linux-logind")) == ["logout-kills", "linger"]
    kills = {"logind_KillUserProcesses": "b true", "linger": "Linger=yes"}
    assert ids(values=kills) == ["logout-kills"]
    assert ids(values=kills | {"logind_KillExcludeUsers": 'as 2 "root" "runner"'}) == []
    assert ids(values=kills | {"logind_KillOnlyUsers": 'as 1 "guest"'}) == []
    assert ids(values=kills | {"logind_KillUserProcesses": "b false"}) == []


def test_penalties() -> None:
    """An sshd that locks addresses out, and exempts none, is a note."""
    (found,) = examine(patient((CASES / "linux-penalties.txt").read_text()))
    assert (found.id, found.severity) == ("penalties", "note")
    assert ids(lines="sshd=persourcepenalties no\n") == []


def test_what_the_title_of_sshd_shows() -> None:
    """MaxStartups is seen by everybody, where sshd's settings are not."""
    assert recorded("linux-listener") == {
        "max-startups": "its sshd refuses logins from 1 at once on (MaxStartups); we may begin 2"
    }


@pytest.mark.parametrize(
    ("slots", "sessions", "startups", "found"),
    [
        (1, 6, "2:30:100", []),
        (4, 9, "2:30:100", []),
        (5, 9, "2:30:100", ["max-startups"]),
        (5, 8, "3:30:100", ["max-sessions"]),
        (200, 9, "8:30:100", []),
    ],
)
def test_an_sshd_and_its_slots(slots: int, sessions: int, startups: str, found: list[str]) -> None:
    """Beside commands there are at most four streams on a connection; more slots take more connections."""
    lines = f"sshd=maxsessions {sessions}\nsshd=maxstartups {startups}\n"
    assert ids(lines=lines, slots=slots) == found


@pytest.mark.parametrize(
    ("memory", "limit", "slots", "found"),
    [
        ("MemTotal:       1024000 kB", "max", 4, []),
        ("MemTotal:       1024000 kB", "max", 5, ["memory"]),
        ("MemTotal:       9024000 kB", "524288000", 3, ["memory"]),
        ("hw.memsize: 8589934592", "", 34, []),
        ("hw.memsize: 8589934592", "", 35, ["memory"]),
        ("MemAvailable: 200000 kB", "", 1, ["memory"]),
    ],
)
def test_memory_a_slot(memory: str, limit: str, slots: int, found: list[str]) -> None:
    """Each slot needs its 250 MB: of the machine, of its cgroup, and of what is free now."""
    assert ids(values={"memory": memory, "memory_max": limit}, slots=slots) == found


@pytest.mark.parametrize(
    ("now", "sent", "answered", "found"),
    [
        (NOW + 4, NOW, NOW, []),
        (NOW + 6, NOW, NOW, ["clock"]),
        (NOW - 6, NOW, NOW + 9, ["clock"]),
        (NOW + 20, NOW, NOW + 30, []),
    ],
)
def test_a_clock(now: float, sent: float, answered: float, found: list[str]) -> None:
    """It was read some time between question and answer, and may be five seconds off."""
    assert ids(values={"now": f"{now:.2f}"}, sent=sent, answered=answered) == found


@pytest.mark.parametrize(
    ("said", "values", "found"),
    [
        ("2026-11-20T00:00:00.000Z", {}, ["login-ends"]),
        ("2026-11-20T00:00:00.000Z", {"login_refreshTokenExpiresAt": "9999999999999"}, ["login-ends"]),
        ("", {"login_expiresAt": "1"}, ["login-ended"]),
        ("", {"login_expiresAt": "1", "login_refreshes": "yes"}, []),
        ("", {"login_expiresAt": "1", "login_refreshes": "yes", "login_refreshTokenExpiresAt": "2"}, ["login-ended"]),
        ("2027-11-20T00:00:00.000Z", {}, []),
        ("soon", {}, []),
    ],
)
def test_the_end_of_a_login(said: str, values: dict[str, str], found: list[str]) -> None:
    """What claude says comes first; an access token that can be refreshed may be over."""
    then = 1_795_000_000.0  # 2026-11-18
    assert ids(values=values, login_ends=said, sent=then, answered=then) == found
    assert ids(values=values, login_ends=said, sent=then, answered=then, token_file="~/t") == []  # noqa: S106 - a path
    assert ids(values=values, login_ends=said, sent=then, answered=then, needs_login=False) == []


@pytest.mark.parametrize(
    ("folder", "system", "found"),
    [
        ("/" + "a" * 73, "Linux", []),
        ("/" + "a" * 74, "Linux", ["tmp-length"]),
        ("/" + "a" * 69, "Darwin", []),
        ("/" + "a" * 70, "Darwin", ["tmp-length"]),
    ],
)
def test_the_length_of_tmpdir(folder: str, system: str, found: list[str]) -> None:
    """Thirty-two characters must be left for a socket's own name."""
    assert ids(values={"tmp": folder, "system": system}) == found


@pytest.mark.parametrize(
    ("umask", "found"),
    [("0022", []), ("0077", []), ("0002", []), ("0020", ["umask"]), ("0700", ["umask"]), ("u=rwx", [])],
)
def test_umasks(umask: str, found: list[str]) -> None:
    """Others must not write, the owner must be able to read."""
    assert ids(values={"umask": umask}) == found


def test_a_disk_that_does_not_tell_case_apart() -> None:
    """It matters where the base has two names for which it has to; folders count."""
    clashes = clashing_paths(["a/b", "A/c", "d", "e/F", "e/f", ""])
    assert clashes == ("A", "a", "e/F", "e/f")
    assert ids(values={"case_matters": "no"}, clashes=clashes) == ["case"]
    assert ids(values={"case_matters": "yes"}, clashes=clashes) == []
    assert ids(values={"case_matters": "no"}) == []


def test_a_disk_with_blanks_in_its_name() -> None:
    """Its figures are found all the same; where there are none, nothing is said."""
    heads = "disk=Filesystem 1024-blocks Used Available Capacity Mounted on\n"
    assert ids(lines=f"{heads}disk=map of home 9000000 1 900000 10% /my home\n") == ["disk-low"]
    assert ids(lines=f"{heads}disk=nfs - - - - /net\n") == []


@pytest.mark.parametrize(
    ("mode", "found"),
    [
        ("drwx------", []),
        ("drwxr-xr-x", []),
        ("drwxrwxrwt", []),
        ("drwxrwxr-x", ["workspace-mode"]),
        ("drwxr-xrwx", ["workspace-mode"]),
    ],
)
def test_who_may_write_in_the_workspace(mode: str, found: list[str]) -> None:
    """The owner alone; a sticky folder is as /tmp."""
    assert ids(values={"workspace_mode": mode}) == found


def test_a_perl_that_is_old() -> None:
    """It is warned of."""
    assert ids(values={"perl": "5.008009"}) == ["perl-old"]


def test_the_gravest_comes_first_and_what_mends_it_is_the_machines_own() -> None:
    """Errors, then warnings, then notes; names in braces are filled in."""
    found = examine(patient((CASES / "linux-logind.txt").read_text(), values={"workspace_mode": "drwxrwxrwx"}))
    assert [(each.id, each.severity) for each in found] == [
        ("logout-kills", "error"),
        ("workspace-mode", "warning"),
        ("linger", "note"),
    ]
    assert [each.mend for each in found[1:]] == ["chmod go-w ~/w", "sudo loginctl enable-linger runner"]
    assert "KillExcludeUsers=root runner" in found[0].mend


@pytest.mark.parametrize("stdout", [b"", b"\nmiyabi-doctor-1\nsystem=Linux\n", b"no shell here\n"])
def test_a_probe_that_did_not_run_to_its_end(stdout: bytes) -> None:
    """What it began to say is not taken for all."""
    assert read_facts(stdout, b"") is None


def test_what_a_shell_says_before_the_probe() -> None:
    """It is told from the probe's own lines; an age of ps(1) is in seconds."""
    facts = read_facts(
        b"hello=1\nyou\n\nmiyabi-doctor-1\nshell_age=00:00\nshell_age=1-01:00:05\nend=yes\n",
        b"bash: nvm: command not found\n\nmiyabi-doctor-1\nours\n",
    )
    assert facts
    assert (facts.printed, facts.complained) == ("hello=1\nyou", "bash: nvm: command not found")
    assert facts.shell_seconds == 90_005
    assert facts.text("hello") == ""
