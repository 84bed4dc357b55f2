"""What is macOS' own: sleep, what waits for a password after a loss of power, and Xcode."""

from __future__ import annotations

import re

from miyabi.doctor.finding import Kind, Severity
from miyabi.doctor.patient import Patient, Rule

_NOT_AGREED = re.compile(r"(not agreed|agreeing) to the xcode", re.IGNORECASE)
_TOOLS_ALONE = "requires Xcode"


def _sleep(patient: Patient) -> str:
    minutes = (patient.facts.setting("pmset", "sleep") or "0").split()[0]
    never = minutes == "0" or patient.facts.setting("pmset", "SleepDisabled") == "1"
    return "" if never else f"it goes to sleep after {minutes} idle minute{'s'[: minutes != '1']}"


def _power_loss(patient: Patient) -> str:
    stays_off = patient.facts.setting("pmset", "autorestart") == "0"  # a MacBook has no such setting
    return "it stays off after a loss of power" if stays_off else ""


def _encrypts(patient: Patient) -> bool:
    return any(line.startswith("FileVault is On") for line in patient.facts.all("filevault"))


def _filevault(patient: Patient) -> str:
    return "FileVault is on: after each start it waits for a password" if _encrypts(patient) else ""


def _auto_login(patient: Patient) -> str:
    nobody = any("does not exist" in line for line in patient.facts.all("auto_login"))
    if not nobody or not patient.is_xcode or _encrypts(patient):
        return ""
    return "nobody is logged in at its screen after a restart"


def _said(patient: Patient) -> str:
    return "\n".join((*patient.facts.all("xcode"), *patient.facts.all("xcode_license")))


def _licence(patient: Patient) -> str:
    is_open = patient.is_xcode and _NOT_AGREED.search(_said(patient))
    return "a label promises Xcode, whose licence nobody has agreed to there" if is_open else ""


def _xcode(patient: Patient) -> str:
    if not patient.is_xcode or _NOT_AGREED.search(_said(patient)):
        return ""
    if not patient.facts.text("xcodebuild"):
        return "a label promises Xcode, and there is no xcodebuild"
    return (
        "a label promises Xcode, and only its command line tools are selected" if _TOOLS_ALONE in _said(patient) else ""
    )


MAC_RULES = (
    Rule(
        kind=Kind(
            id="sleep",
            severity=Severity.WARNING,
            when="a Mac goes to sleep when idle (`pmset -g`: sleep is not 0)",
            why="Sessions keep it awake while they run; asleep before the night's run begins, it takes no part.",
            mend="sudo pmset -a sleep 0",
        ),
        look=_sleep,
    ),
    Rule(
        kind=Kind(
            id="power-loss",
            severity=Severity.WARNING,
            when="a Mac does not start again after a loss of power (`pmset -g`: autorestart is 0)",
            why="A flicker of the mains in the first night, and it is away until somebody presses its button.",
            mend="sudo pmset -a autorestart 1",
        ),
        look=_power_loss,
    ),
    Rule(
        kind=Kind(
            id="filevault",
            severity=Severity.WARNING,
            when="FileVault is on (`fdesetup status`)",
            why="After a restart, by an update or a loss of power, its sshd takes no key before somebody unlocks it.",
            mend="sudo fdesetup disable    # or restart it by: sudo fdesetup authrestart",
        ),
        look=_filevault,
    ),
    Rule(
        kind=Kind(
            id="auto-login",
            severity=Severity.NOTE,
            when="a label promises Xcode, FileVault is off, and no user is logged in at the start (`autoLoginUser`)",
            why="Simulators and keychains belong to a login at the screen: after a restart their tests fail by SSH.",
            mend="System Settings > Users & Groups > Automatically log in as: {user}",
        ),
        look=_auto_login,
    ),
    Rule(
        kind=Kind(
            id="xcode-license",
            severity=Severity.ERROR,
            when="a label has `xcode` in it, and the licence is not agreed to (as after each update of Xcode)",
            why="xcodebuild, git of Xcode, clang: each ends with a demand to agree, and each check with it.",
            mend="sudo xcodebuild -license accept",
        ),
        look=_licence,
    ),
    Rule(
        kind=Kind(
            id="xcode",
            severity=Severity.ERROR,
            when="a label has `xcode` in it, and there is no Xcode, or its command line tools are selected alone",
            why="Tasks that require the label are sent there, and none of their builds can begin.",
            mend="sudo xcode-select --switch /Applications/Xcode.app    # or take the label off the machine",
        ),
        look=_xcode,
    ),
)
