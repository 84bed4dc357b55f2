"""The graph of tasks: reading it from JSON or YAML, validating it, ordering it, simulating its schedule.

Pure but for reading the file. Runs nothing.
"""

from miyabi.dag import order
from miyabi.dag.graph import Dag
from miyabi.dag.node import DEFAULT_MINUTES, Node, TaskType
from miyabi.dag.schedule import Plan, simulate
from miyabi.dag.unfinished import Unfinished, unfinished

__all__ = [
    "DEFAULT_MINUTES",
    "Dag",
    "Node",
    "Plan",
    "TaskType",
    "Unfinished",
    "order",
    "simulate",
    "unfinished",
]
