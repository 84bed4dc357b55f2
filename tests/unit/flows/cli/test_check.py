"""What `miyabi check` prints of what it found."""

from __future__ import annotations

import json
from pathlib import Path

from flows.cli.check import Diagnosis, as_text
from miyabi.doctor import CheckedFleet, CheckedMachine, HealthFinding, Severity
from miyabi.machines import Machine
from miyabi.runs import MachineReport

DOCUMENT = Path(__file__).parents[4] / "docs" / "operations.md"


def finding(severity: Severity, what: str = "it is so") -> HealthFinding:
    """One of that severity."""
    return HealthFinding(id=f"an-{severity}", severity=severity, what=what, why="It matters.", mend="mend it")


def health(name: str, *findings: HealthFinding, is_asked: bool = True) -> CheckedMachine:
    """Of a machine, with what was found."""
    report = MachineReport(machine=name, system="Linux", git="2.50", claude="2.1.332", free_mib=9) if is_asked else None
    return CheckedMachine.of(Machine(name=name), report, findings)


def diagnosis(name: str, *findings: HealthFinding, is_asked: bool = True) -> Diagnosis:
    """The same, with its line."""
    found = health(name, *findings, is_asked=is_asked)
    return Diagnosis(health=found, line=f"{name}: said", is_refused=not is_asked)


def test_machines_that_are_well() -> None:
    """A line each, and no sum."""
    assert as_text([diagnosis("a"), diagnosis("b")]) == "ok    a: said\nok    b: said"


def test_findings_in_a_terminal() -> None:
    """They stand below their machine, wrapped; an error fails it; a refusal is said by the machine's own line alone."""
    refused = diagnosis("b", finding(Severity.ERROR), finding(Severity.NOTE), is_asked=False)
    long = finding(Severity.ERROR, "word " * 20)
    lines = as_text([diagnosis("a", long, finding(Severity.WARNING)), refused]).splitlines()
    assert lines == [
        "FAIL  a: said",
        "    error an-error: word word word word word word word word word word word word",
        "      word word word word word word word word",
        "      It matters.",
        "      mend it",
        "    warning an-warning: it is so",
        "      It matters.",
        "      mend it",
        "FAIL  b: said",
        "    note an-note: it is so",
        "      It matters.",
        "      mend it",
        "",
        "1 error, 1 warning, 1 note.",
    ]


def test_the_value_is_the_one_of_the_manual() -> None:
    """What `docs/operations.md` shows is one, whole, and reads back as it stands there."""
    _, _, after = DOCUMENT.read_text(encoding="utf-8").partition("What `miyabi check --json` prints")
    shown = json.loads(after.partition("```json\n")[2].partition("```")[0])
    assert json.loads(CheckedFleet.model_validate(shown).to_json()) == shown


def test_the_schema_names_each_field() -> None:
    """It is that of the value, of its machines and of their findings."""
    schema = json.loads(CheckedFleet.json_schema())
    value = json.loads(CheckedFleet(fit=True, machines=(health("a", finding(Severity.NOTE)),), fleet=()).to_json())
    assert schema["$schema"].endswith("2020-12/schema")
    assert list(schema["properties"]) == list(value)
    assert list(schema["$defs"]["CheckedMachine"]["properties"]) == list(value["machines"][0])
    assert list(schema["$defs"]["HealthFinding"]["properties"]) == list(value["machines"][0]["findings"][0])
    assert schema["$defs"]["Severity"]["enum"] == ["error", "warning", "note"]


def test_a_machine_that_was_not_reached() -> None:
    """What is not known of it is null, and it is not fit."""
    found = health("a", finding(Severity.ERROR), is_asked=False)
    assert (found.fit, found.system, found.git, found.claude, found.free_mib) == (False, None, None, None, None)


def test_only_a_warning_is_one() -> None:
    """`--strict` is for warnings, of a machine or of the fleet; a note is none."""
    one = [CheckedFleet(fit=True, machines=(health("a", finding(each)),), fleet=()).is_warned for each in Severity]
    other = [CheckedFleet(fit=True, machines=(), fleet=(finding(each),)).is_warned for each in Severity]
    assert one == other == [False, True, False]
