#!/bin/sh
# The sessions of one machine: start once, keep the output, hold the slot, end the tree.
# Plain POSIX sh is the door; the work is Perl (5.10, core modules only: what macOS and every Linux bring along).
# The orchestrator puts this file and its Perl parts one behind the other into one script; `perl -x` begins at their #! line.
#
# sh supervise.sh WORKSPACE VERB ...
#   start ID SLOTS[:FREE_MIB:MEMORY_MIB] SECONDS AFTER_SECONDS LINGER_SECONDS SETUP_SECONDS STALL_SECONDS STOP_SECONDS
#         CMD_BYTES INPUT_BYTES AFTER_BYTES SETUP_BYTES
#                     <cmd, input, after and setup, one behind the other
#                     stage the parts and launch them once, if fewer than SLOTS sessions live here. A repeat
#                     with the same parts attaches; a session refused as full stays staged, and start may be repeated.
#                     LINGER_SECONDS: so long the agent may be silent after claude's last result
#                     STALL_SECONDS: the same in the middle of its work; 0: for ever
#                     STOP_SECONDS: after so long, set-up included, it ends as if it were stopped; 0: never
#                     FREE_MIB, MEMORY_MIB: with less free disk or available memory it takes none; 0: any
#                     A machine whose WORKSPACE/cordon says so takes none: "UNTIL\n" (epoch, 0: no end), a line for people
#                     setup, where it has any bytes, comes first: where it fails, that is the end of the session
#   ahead RUN.TASK.0 SECONDS SETUP_BYTES   <setup
#                     run it once before any session RUN.TASK.N has begun; it holds no slot. Each of those waits for its
#                     end, and where it was the same setup and failed, that was the session's own
#   put ID CMD_BYTES INPUT_BYTES AFTER_BYTES   <the parts>   stage them alone
#   attach ID SLOTS AFTER_SECONDS   launch what was staged in this terminal; it ends with the terminal, or by `cancel`
#   status ID         one status line, as `start` and `cancel` print it too
#   follow ID OUT ERR what is written from these offsets on, until the session is over, in frames:
#                     "D o|e OFFSET LENGTH\n" and LENGTH bytes | "H\n" every 3 s | "T o|e SIZE\n": the offset is
#                     past the end | "X STATUS LINE\n": it is over
#   cancel ID GRACE   TERM to the whole tree, KILL after GRACE seconds; what has not started never will
#   log ID BYTES [setup]   the last BYTES of what `after` printed, or setup
#   list | live       status lines of all sessions, or of those that hold a slot
#   rm ID             forget a session that is over
# status line: miyabi1 ID STATE rc=N by=HOW check=N out=BYTES err=BYTES now=EPOCH free=KIB over=SECONDS
#   (-: unknown; over: since it is) HOW: itself | timeout | stop | lingered: after its last result | stalled |
#   setup, setup_timeout: of setup, and the agent was not begun | sets_up: setup runs still
#   STATE: none | staged | running | exited | lost: reboot or kill -9, nothing of it runs | orphan: the same, but it runs
# exit status: 0, 64 usage, 65 came short, 66 other parts under this ID, 69 full, 70 still runs, 71 cordoned or short, 73 disk full,
#   74 cannot write, 75 busy, 78 no perl
# In the session: MIYABI_SESSION and MIYABI_WORKSPACE, MIYABI_SLOT (from 0, below SLOTS, that of no other session here)
# and MIYABI_PORT (the first of 20 that belong to the slot), but not in `ahead`; in `after` also MIYABI_AGENT_EXIT and, where the agent was
# stopped or timed out, MIYABI_STOPPED=1. MIYABI_GRACE_SECONDS (10): from TERM to KILL at a timeout.
PATH=${PATH:-/usr/bin:/bin}:/usr/bin:/bin:/usr/sbin:/sbin
export PATH
command -v perl >/dev/null 2>&1 || {
  printf '%s\n' "miyabi: no perl on the PATH of this machine ($PATH)" >&2
  exit 78
}
# The end of a log: Perl would take longer to begin than all of this.
if [ "${2:-}" = log ]; then
  refuse() { printf 'miyabi: %s\n' "$1" >&2; exit 64; }
  case $1 in /*) ;; *) refuse "not an absolute path: $1";; esac
  case ${3:-} in '' | [.-]* | *[!A-Za-z0-9._-]*) refuse 'not a session id';; esac
  case $#/${5:-check} in [45]/check | 5/setup) ;; *) refuse 'log ID BYTES [setup]';; esac
  log=$1/sessions/$3/${5:-check}.log
  [ ! -f "$log" ] || exec tail -c "$4" "$log"
  exit 0
fi
exec perl -x "$0" "$@"
