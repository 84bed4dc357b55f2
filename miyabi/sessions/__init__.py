"""A detached process on a machine that outlives us: started once, followed, cancelled, its commits collected.

Knows nothing of Claude or of a DAG: what runs in a session is a script.
"""

from miyabi.sessions.collected import Collected, Inside
from miyabi.sessions.earlier_work import EarlierWork, TakenUp
from miyabi.sessions.names import (
    SessionPaths,
    integration_branch,
    is_resolving,
    is_reviewing,
    own_levels,
    published_branch,
    resolved_by,
    resolving,
    reviewed,
    reviewing,
    tended_branch,
)
from miyabi.sessions.protocol import State, Status
from miyabi.sessions.remote_session import RemoteSession, list_sessions, live_sessions
from miyabi.sessions.result import (
    BLAMELESS,
    InSubmodule,
    Outcome,
    SessionResult,
    Strays,
    Usage,
    ending_words,
    printer_of,
)
from miyabi.sessions.review import Finding, Review, Verdict
from miyabi.sessions.spec import SessionSpec
from miyabi.sessions.work_elsewhere import left_there_words, size_of, strays_words
from miyabi.sessions.workspace import Workspace

__all__ = [
    "BLAMELESS",
    "Collected",
    "EarlierWork",
    "Finding",
    "InSubmodule",
    "Inside",
    "Outcome",
    "RemoteSession",
    "Review",
    "SessionPaths",
    "SessionResult",
    "SessionSpec",
    "State",
    "Status",
    "Strays",
    "TakenUp",
    "Usage",
    "Verdict",
    "Workspace",
    "ending_words",
    "integration_branch",
    "is_resolving",
    "is_reviewing",
    "left_there_words",
    "list_sessions",
    "live_sessions",
    "own_levels",
    "printer_of",
    "published_branch",
    "resolved_by",
    "resolving",
    "reviewed",
    "reviewing",
    "size_of",
    "strays_words",
    "tended_branch",
]
