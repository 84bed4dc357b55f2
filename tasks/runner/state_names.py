"""Names of Prefect states that say more than their type: what made the state so, and what whoever reads it may do."""

from __future__ import annotations

BAD_INPUT = "BadInput"
"""Failed: the same again ends the same, until the user gives something else."""

DISK_FULL = "DiskFull"
"""Failed: there was no room here to write what the run keeps; it goes on by its name."""

NOT_STARTED = "NotStarted"
"""Cancelled: the task began no session, for a reason that another run does not have; it is to be tried again then."""

PARTIAL = "Partial"
"""Completed: a run of which some work is on the integration branch and some is not."""

SKIPPED = "Skipped"
"""A flow run that is completed since another does its work; a task run that is cancelled since one before it failed."""
