"""What `miyabi check` prints of what it found."""

from __future__ import annotations

import json
from pathlib import Path

from flows.cli.diagnosis import SCHEMA, Diagnosis, as_json, as_text
from miyabi.doctor import HealthFinding, Severity
from miyabi.machines import Machine
from miyabi.runs import MachineReport

DOCUMENT = Path(__file__).parents[4] / "docs" / "operations.md"


def finding(severity: Severity, what: str = "it is so") -> HealthFinding:
    """One of that severity."""
    return HealthFinding(id=f"an-{severity}", severity=severity, what=what, why="It matters.", mend="mend it")


def diagnosis(name: str, *findings: HealthFinding, is_asked: bool = True) -> Diagnosis:
    """Of a machine, with what was found."""
    report = MachineReport(machine=name, system="Linux", git="2.50", claude="2.1.332", free_mib=9) if is_asked else None
    return Diagnosis(machine=Machine(name=name), report=report, line=f"{name}: said", findings=findings)


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


def test_the_document_is_the_one_of_the_manual() -> None:
    """Its fields are those that `docs/operations.md` shows, at each level."""
    _, _, after = DOCUMENT.read_text(encoding="utf-8").partition("`miyabi check --json` prints")
    shown = json.loads(after.partition("```json\n")[2].partition("```")[0])
    made = json.loads(as_json([diagnosis("a", finding(Severity.NOTE))], [finding(Severity.WARNING)]))
    assert shown["schema"] == made["schema"] == SCHEMA
    for one, other in (
        (shown, made),
        (shown["machines"][0], made["machines"][0]),
        (shown["fleet"][0], made["fleet"][0]),
    ):
        assert list(one) == list(other)
    assert list(shown["machines"][0]["findings"][0]) == list(made["machines"][0]["findings"][0])
    assert made["fit"] is True


def test_a_machine_that_was_not_reached() -> None:
    """What is not known of it is null."""
    (machine,) = json.loads(as_json([diagnosis("a", finding(Severity.ERROR), is_asked=False)], []))["machines"]
    assert machine["fit"] is False
    assert [machine[name] for name in ("system", "git", "claude", "free_mib")] == [None] * 4
