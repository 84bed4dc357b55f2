"""What flows are made of: the run around a flow, integration, publication, artifacts, states.

Called by the flows and by each other, never by users.
"""

from flows.steps.artifacts import report_artifacts, show_unfinished
from flows.steps.integrate import Integrating
from flows.steps.publish import publish
from flows.steps.results import NotDone, RunCancelled, TaskBadInput, value_of
from flows.steps.room import with_room
from flows.steps.run import equip, see_through, submit_all
from flows.steps.states import cancelled, failed, state_of, state_of_run
from flows.steps.tend import Tending
from flows.steps.told import tell_broken, tell_end

__all__ = [
    "Integrating",
    "NotDone",
    "RunCancelled",
    "TaskBadInput",
    "Tending",
    "cancelled",
    "equip",
    "failed",
    "publish",
    "report_artifacts",
    "see_through",
    "show_unfinished",
    "state_of",
    "state_of_run",
    "submit_all",
    "tell_broken",
    "tell_end",
    "value_of",
    "with_room",
]
