"""One Claude Code session: its command line and prompt, its stream read, what it spent, and what its outcome is.

Starts nothing. An outcome is decided by evidence, never by exit status alone or by the agent's word.
"""

from miyabi.claude import result_file
from miyabi.claude.activity import readable
from miyabi.claude.claude_files import remove_claude_files
from miyabi.claude.command import (
    BAD_TOKEN_FILE,
    CLAUDE,
    attached_script,
    check_prelude,
    hide_secrets,
    inherited_environment,
    session_prelude,
    session_script,
    stall_seconds,
)
from miyabi.claude.events import Init, RateLimit
from miyabi.claude.evidence import Evidence
from miyabi.claude.known_failures import DISK_FULL, EXTRA_USAGE
from miyabi.claude.next_attempt import earlier_attempts, fix_up, left_words
from miyabi.claude.options import PATH_MISSING, need_paths
from miyabi.claude.outcome import conclude
from miyabi.claude.prompt import HOUSE_RULES, compose, go_on, must_pass
from miyabi.claude.result_file import LegacyResult
from miyabi.claude.review import REVIEW_ARGUMENTS, REVIEW_TOOLS, review_prompt
from miyabi.claude.spending import Before, SpendingRecord
from miyabi.claude.spending_record import read_spending_record
from miyabi.claude.transcript import Transcript, missing_command, missing_servers

__all__ = [
    "BAD_TOKEN_FILE",
    "CLAUDE",
    "DISK_FULL",
    "EXTRA_USAGE",
    "HOUSE_RULES",
    "PATH_MISSING",
    "REVIEW_ARGUMENTS",
    "REVIEW_TOOLS",
    "Before",
    "Evidence",
    "Init",
    "LegacyResult",
    "RateLimit",
    "SpendingRecord",
    "Transcript",
    "attached_script",
    "check_prelude",
    "compose",
    "conclude",
    "earlier_attempts",
    "fix_up",
    "go_on",
    "hide_secrets",
    "inherited_environment",
    "left_words",
    "missing_command",
    "missing_servers",
    "must_pass",
    "need_paths",
    "read_spending_record",
    "readable",
    "remove_claude_files",
    "result_file",
    "review_prompt",
    "session_prelude",
    "session_script",
    "stall_seconds",
]
