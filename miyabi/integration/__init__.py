"""All results of a run become one branch: merged in order, verified, the merge that breaks it found, conflicts.

Works in the user's clone only. Pushes nothing; `integration` is the product's word, see `[integration]`.
"""

from miyabi.integration.conflict import Breakage, Conflict, conflict_of, resolution_tree
from miyabi.integration.integrate import integrate
from miyabi.integration.left_out import of_size
from miyabi.integration.progress import IntegrationProgress
from miyabi.integration.resolve import head_of, is_decided, resolution_run, resolve_prompt
from miyabi.integration.values import Integration, LeftOut, LeftOutKind, NotIntegrated
from miyabi.integration.verify import CommandEnd

__all__ = [
    "Breakage",
    "CommandEnd",
    "Conflict",
    "Integration",
    "IntegrationProgress",
    "LeftOut",
    "LeftOutKind",
    "NotIntegrated",
    "conflict_of",
    "head_of",
    "integrate",
    "is_decided",
    "of_size",
    "resolution_run",
    "resolution_tree",
    "resolve_prompt",
]
