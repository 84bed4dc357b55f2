"""What `miyabi check` found, as text for a terminal and as JSON."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from miyabi.doctor import HealthFinding, Severity
from miyabi.machines import Machine
from miyabi.runs import MachineReport
from miyabi.text import count

SCHEMA = 1
"""Of the JSON: fields and ids may be added to it; what is renamed or taken away makes it another number."""

_WIDTH = 80
_MARGIN = "      "


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What was found of one machine."""

    machine: Machine
    report: MachineReport | None
    line: str
    """What stands behind `ok` or `FAIL`."""
    findings: Sequence[HealthFinding]
    """The gravest first; where there is no report, the first says what `line` says."""

    @property
    def is_fit(self) -> bool:
        """Whether it can take sessions."""
        return all(finding.severity is not Severity.ERROR for finding in self.findings)


def as_text(diagnoses: Sequence[Diagnosis]) -> str:
    """Makes a line a machine, and what was found below it, for 80 columns; what mends it is never wrapped."""
    shown = [line for each in diagnoses for line in _lines(each)]
    severities = Counter(finding.severity for each in diagnoses for finding in _unsaid(each))
    if severities:
        shown += ["", f"{', '.join(count(severities[each], each) for each in Severity if severities[each])}."]
    return "\n".join(shown)


def as_json(diagnoses: Sequence[Diagnosis], fleet: Sequence[HealthFinding]) -> str:
    """Makes the JSON document; its fields are in `docs/operations.md`."""
    document = {
        "schema": SCHEMA,
        "fit": all(each.is_fit for each in diagnoses),
        "machines": [_machine(each) for each in diagnoses],
        "fleet": [asdict(finding) for finding in fleet],
    }
    return json.dumps(document, indent=2)


def _machine(diagnosis: Diagnosis) -> dict[str, object]:
    report = diagnosis.report
    return {
        "name": diagnosis.machine.name,
        "host": diagnosis.machine.host,
        "slots": diagnosis.machine.slots,
        "fit": diagnosis.is_fit,
        "system": report.system if report else None,
        "git": report.git if report else None,
        "claude": report.claude if report else None,
        "free_mib": report.free_mib if report else None,
        "findings": [asdict(finding) for finding in diagnosis.findings],
    }


def _unsaid(diagnosis: Diagnosis) -> Sequence[HealthFinding]:
    """The findings but for the one that the machine's own line is."""
    return diagnosis.findings if diagnosis.report else diagnosis.findings[1:]


def _lines(diagnosis: Diagnosis) -> Iterator[str]:
    yield f"{'ok  ' if diagnosis.is_fit else 'FAIL'}  {diagnosis.line}"
    for finding in _unsaid(diagnosis):
        yield from _wrapped(f"{finding.severity} {finding.id}: {finding.what}", indent="    ")
        yield from _wrapped(finding.why, indent=_MARGIN)
        yield f"{_MARGIN}{finding.mend}"


def _wrapped(text: str, *, indent: str) -> list[str]:
    below = indent if indent == _MARGIN else _MARGIN
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=below,
        break_long_words=False,
        break_on_hyphens=False,
    )
