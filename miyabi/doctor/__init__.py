"""What is wrong with a machine, or soon will be: facts from one command there, rules that make findings of them.

A rule is a value: its id, how grave it is, when it says something, why that matters at night, and what mends it. The
table in `docs/operations.md` has all of them.
"""

from miyabi.doctor.ask import ask_facts
from miyabi.doctor.examine import examine, fleet_finding
from miyabi.doctor.finding import CheckedFleet, CheckedMachine, HealthFinding, Severity
from miyabi.doctor.folders import clashing_paths
from miyabi.doctor.patient import Patient
from miyabi.doctor.refusals import findings_of_refusal, not_examined

__all__ = [
    "CheckedFleet",
    "CheckedMachine",
    "HealthFinding",
    "Patient",
    "Severity",
    "ask_facts",
    "clashing_paths",
    "examine",
    "findings_of_refusal",
    "fleet_finding",
    "not_examined",
]
