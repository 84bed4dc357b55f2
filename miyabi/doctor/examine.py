"""All rules, applied to a machine; and what concerns the fleet as a whole, or the computer of the orchestrator."""

from __future__ import annotations

from itertools import chain

from miyabi.doctor.finding import HealthFinding, Kind, Severity
from miyabi.doctor.folders import FOLDER_RULES
from miyabi.doctor.login import LOGIN_RULES
from miyabi.doctor.mac import MAC_RULES
from miyabi.doctor.patient import Patient, Rule
from miyabi.doctor.refusals import REFUSAL_KINDS, said
from miyabi.doctor.shell import SHELL_RULES
from miyabi.doctor.sshd import SSHD_RULES
from miyabi.doctor.system import SYSTEM_RULES

RULES: tuple[Rule, ...] = (
    *SHELL_RULES,
    *FOLDER_RULES,
    *LOGIN_RULES,
    *SSHD_RULES,
    *SYSTEM_RULES,
    *MAC_RULES,
)


def _kind(own: str, when: str, why: str) -> Kind:
    return Kind(id=own, severity=Severity.WARNING, when=when, why=why, mend="as it says")


FLEET_KINDS = (
    _kind("claude-skew", "machines have different versions of Claude Code", "The same task ends otherwise elsewhere."),
    _kind("filter", "git lacks a filter there that the repository requires", "Sessions see files as they are stored."),
    _kind("lfs-objects", "LFS objects of the base are not here", "Sessions see pointers in place of these files."),
    _kind("copy-files", "a pattern of `copy_files` matches nothing", "What it names is missing in each checkout."),
    _kind("schedule", "Prefect and SQLAlchemy here do not work together", "No schedule fires, and nothing says so."),
    _kind("server", "the Prefect server does not answer", "A run cannot begin; who is taken out is not known."),
)
_GRAVEST_FIRST = list(Severity)


def examine(patient: Patient) -> list[HealthFinding]:
    """Applies every rule to a machine.

    Returns:
        What they found, the gravest first.
    """
    found = [finding for rule in RULES if (finding := rule.apply(patient))]
    return sorted(found, key=lambda finding: _GRAVEST_FIRST.index(finding.severity))


def fleet_finding(own: str, sentence: str) -> HealthFinding:
    """Makes the finding of that id, of a sentence that a run would warn with.

    Raises:
        KeyError: there is no such id.
    """
    return said({kind.id: kind for kind in FLEET_KINDS}[own], sentence)


def kinds() -> list[Kind]:
    """Lists every kind of finding that there is, in the order of the table in `docs/operations.md`."""
    return [*chain(REFUSAL_KINDS, (rule.kind for rule in RULES), FLEET_KINDS)]
