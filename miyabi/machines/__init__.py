"""A machine of the fleet, which one is next, and how commands reach it: here or by SSH.

A `Host` runs commands and moves bytes. What the commands mean is said elsewhere: `miyabi.sessions`.
"""

from miyabi.machines.active_hours import Window
from miyabi.machines.connect import open_host, opened_host, run_in_terminal
from miyabi.machines.cordon import Cordon, tell_machine
from miyabi.machines.host import Completed, Host
from miyabi.machines.machine import LOCAL, NAMED, Account, EnvironmentName, Label, Machine
from miyabi.machines.placement import Load, Placement, Strategy, choose, unplaceable
from miyabi.machines.quoting import quote_script_word, quote_word
from miyabi.machines.scripts import install
from miyabi.machines.ssh.aliases import ssh_aliases

__all__ = [
    "LOCAL",
    "NAMED",
    "Account",
    "Completed",
    "Cordon",
    "EnvironmentName",
    "Host",
    "Label",
    "Load",
    "Machine",
    "Placement",
    "Strategy",
    "Window",
    "choose",
    "install",
    "open_host",
    "opened_host",
    "quote_script_word",
    "quote_word",
    "run_in_terminal",
    "ssh_aliases",
    "tell_machine",
    "unplaceable",
]
