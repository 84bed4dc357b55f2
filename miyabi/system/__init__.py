"""This computer: atomic and private files, locks, child processes, the guarded command, the clock.

Knows nothing of machines, git or sessions. Imports only the standard library, since the guarded command is started
without site-packages.
"""

from miyabi.system import files, guarded_command, private_files
from miyabi.system.backoff import Backoff, jittered
from miyabi.system.files import locked_folder
from miyabi.system.full_disk import disk_full, is_full, raised_as_full, says_full
from miyabi.system.home import miyabi_home
from miyabi.system.loopback import LOOPBACK, is_loopback
from miyabi.system.process import (
    clean_environment,
    exit_status,
    in_terminal,
    kill_group,
    reap,
    shell_status,
    spawn,
)
from miyabi.system.retrying import Retry, is_our_disk, may_pass, retried, retried_blocking
from miyabi.system.wall_clock import LOOK_SECONDS, at_hour, fixed, next_moment, parse_hour, parse_zone, wait_until

__all__ = [
    "LOOK_SECONDS",
    "LOOPBACK",
    "Backoff",
    "Retry",
    "at_hour",
    "clean_environment",
    "disk_full",
    "exit_status",
    "files",
    "fixed",
    "guarded_command",
    "in_terminal",
    "is_full",
    "is_loopback",
    "is_our_disk",
    "jittered",
    "kill_group",
    "locked_folder",
    "may_pass",
    "miyabi_home",
    "next_moment",
    "parse_hour",
    "parse_zone",
    "private_files",
    "raised_as_full",
    "reap",
    "retried",
    "retried_blocking",
    "says_full",
    "shell_status",
    "spawn",
    "wait_until",
]
