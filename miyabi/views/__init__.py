"""What the reading commands answer, as values that are printed as a table or as JSON. Reads; changes nothing."""

from miyabi.views.answer import Answer
from miyabi.views.machines import Machines, MachineView
from miyabi.views.runs import Address, Addresses, NextStep, Runs, RunState, RunView
from miyabi.views.schedule import Schedule, view_schedule
from miyabi.views.sessions import MachineSessions, Sessions, SessionView
from miyabi.views.status import RunStatus, TaskView, view_status, view_tasks

__all__ = [
    "Address",
    "Addresses",
    "Answer",
    "MachineSessions",
    "MachineView",
    "Machines",
    "NextStep",
    "RunState",
    "RunStatus",
    "RunView",
    "Runs",
    "Schedule",
    "SessionView",
    "Sessions",
    "TaskView",
    "view_schedule",
    "view_status",
    "view_tasks",
]
