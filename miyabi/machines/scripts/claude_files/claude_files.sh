#!/bin/sh
# claude_files.sh: what claude has kept of sessions of ours outside of their checkouts goes. POSIX sh and perl.
# miyabi.toolbox puts this file and its Perl part one behind the other into one script.
#
# sh claude_files.sh WORKSPACE RUN KEEP_SECONDS [TASK ...]
#   TASK: those of RUN that were here. Runs with the environment of a session: HOME, CLAUDE_CONFIG_DIR,
#   CLAUDE_CODE_TMPDIR. Ours is what began in a checkout below WORKSPACE that is gone, and nothing else.
# exit status: 0, 74 something cannot be removed
PATH=${PATH:-/usr/bin:/bin}:/usr/bin:/bin
export PATH
ws=$(cd -P -- "$1" 2>/dev/null && pwd -P) || exit 0
shift
exec perl -x "$0" "$ws" "${CLAUDE_CONFIG_DIR:-$HOME/.claude}" "${CLAUDE_CODE_TMPDIR:-/tmp}/claude-$(id -u)" "$@"
