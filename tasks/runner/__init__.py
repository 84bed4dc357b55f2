"""Prefect's task runner for a fleet: which machine takes which task run, and when.

The queue in front of the machines; the machine itself enforces its slots.
"""

from tasks.runner.dispatcher import Refused
from tasks.runner.engine import show_state
from tasks.runner.futures import ended
from tasks.runner.runner import FleetTaskRunner, await_state, current_runner
from tasks.runner.slot import Slot, current_slot
from tasks.runner.state_names import BAD_INPUT, DISK_FULL, PARTIAL, SKIPPED
from tasks.runner.task_runs import GRACE_SECONDS

__all__ = [
    "BAD_INPUT",
    "DISK_FULL",
    "GRACE_SECONDS",
    "PARTIAL",
    "SKIPPED",
    "FleetTaskRunner",
    "Refused",
    "Slot",
    "await_state",
    "current_runner",
    "current_slot",
    "ended",
    "show_state",
]
