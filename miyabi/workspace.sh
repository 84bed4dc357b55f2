#!/bin/sh
# workspace.sh: the code on one machine. A bare mirror a repository, a worktree a task. POSIX sh, git >= 2.20, perl.
# Installed as one script out of workspace.sh, worktree.sh, salvage.sh, strays.sh and verbs.sh.
#   prepare WORKSPACE KEY RUN TASK FORMAT BASE BYTES <bundle   make the worktree; one that is there stays as it is
#   salvage WORKSPACE KEY RUN TASK SESSION                     commit what is uncommitted; once a session
#   collect WORKSPACE KEY RUN TASK SESSION BASE [HAVE ...]     salvage; on stdout a bundle of all that none of the
#                       commits has, or nothing; the last line of stderr is "miyabi-collected HEAD STRAYS|-"
#   remove WORKSPACE KEY RUN [TASK]                            forget a task, or all of a run
#   foreign WORKSPACE KEY RUN                                  on stdout the tasks that are another repository's
# exit: 0, 64 usage, 65 the bundle came short, 67 BASE is not here (on stdout: commits that are), 68 there is no such
#       task here, 70 git failed, 73 disk full, 78 git or perl is missing or too old
# Below WORKSPACE: repos/KEY.git, worktrees/RUN/TASK. In the mirror: worktrees/RUN+TASK is git's part of a worktree,
# miyabi/RUN+TASK.{ready,salvaged,branches} ours; refs/heads/miyabi/RUN/TASK, refs/miyabi/{known,base,nested}/...
# Two repositories may have a run of one name here: repos/RUN+TASK.lock is for both, and who was first has the task.
set -u
[ -n "${ZSH_VERSION:-}" ] && emulate sh
IFS=' 	
'
PATH=${PATH:-/usr/bin:/bin}:/usr/bin:/bin:/usr/sbin:/sbin
LC_ALL=C LANGUAGE=C GIT_TERMINAL_PROMPT=0 GIT_NO_REPLACE_OBJECTS=1 GIT_LFS_SKIP_SMUDGE=1 GIT_DEFAULT_REF_FORMAT=files
export PATH LC_ALL LANGUAGE GIT_TERMINAL_PROMPT GIT_NO_REPLACE_OBJECTS GIT_LFS_SKIP_SMUDGE GIT_DEFAULT_REF_FORMAT
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_COMMON_DIR GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES \
  GIT_NAMESPACE GIT_PREFIX GIT_SHALLOW_FILE GIT_GRAFT_FILE GIT_DEFAULT_HASH GIT_TRACE GIT_LITERAL_PATHSPECS CDPATH
NL='
'

say() { printf '%s\n' "$*"; }
die() { c=$1; shift; say "miyabi: $*" >&2; exit "$c"; }

# git as we run it: no hooks, no daemon, nobody asked to sign; `calm` may hold further settings
calm=
g() {
  git -c core.hooksPath=/dev/null -c core.fsmonitor=false -c gc.auto=0 -c maintenance.auto=false \
    -c commit.gpgSign=false -c core.quotePath=false -c core.safecrlf=false -c core.packedRefsTimeout=20000 \
    -c core.filesRefLockTimeout=20000 -c protocol.file.allow=always -c core.sparseCheckout=false $calm "$@"
}

# Ends where git or the disk failed; says which.
failed() {
  set -- "$1" $(df -Pk "$ws" 2>/dev/null | tail -n 1)
  [ "${5:-9999}" -lt 256 ] 2>/dev/null && die 73 "$1: No space left on device"
  die 70 "$1"
}

# Where everything lies; makes nothing. 1: there is no such workspace.
places() { # WORKSPACE KEY RUN TASK
  ws=$(cd -P -- "$1" 2>/dev/null && pwd -P) || return 1
  run=$3 task=$4 id=$3+$4 branch=miyabi/$3/$4
  mirror=$ws/repos/$2.git admin=$ws/repos/$2.git/worktrees/$3+$4 worktree=$ws/worktrees/$3/$4
  notes=$mirror/miyabi/$id gate=$ws/repos/$id.lock
}
# The tasks of this run's name that other repositories have here.
foreign() {
  for n in "$ws"/repos/*.git/miyabi/"$run"+*.ready; do
    case $n in "$mirror"/*) continue;; esac
    [ ! -e "$n" ] || { n=${n##*+}; say "${n%.ready}"; }
  done
}
is_foreign() { foreign | grep -qxF -e "$task"; }

# lock FILE: until unlock, or until this script ends: a kernel lock on fd 9 cannot outlive us. One at a time. Who held
# it before us may have removed the file; then we take the new one.
lock() {
  while :; do
    exec 9>>"$1" || failed "cannot open $1"
    perl -e 'flock STDIN, 2 or exit 2; my @f = stat STDIN; my @p = stat $ARGV[0]; exit !(@p && $p[1] == $f[1])' \
      "$1" <&9 && return
    [ $? -lt 2 ] || failed "cannot lock $1"
  done
}
unlock() { exec 9>&-; }

need() {
  command -v perl >/dev/null 2>&1 || die 78 "there is no perl on this machine's PATH ($PATH)"
  command -v git >/dev/null 2>&1 || die 78 "there is no git on this machine's PATH ($PATH). Install git 2.20 or newer"
}
new_enough() {
  v=$(git version 2>&1) || die 78 "git does not work on this machine: $v"
  set -- ${v#git version }
  v=${1%%.*} w=${1#*.}
  w=${w%%.*}
  [ "$v" -gt 2 ] || { [ "$v" -eq 2 ] && [ "$w" -ge 20 ]; } || die 78 "git $1 is too old. Install git 2.20 or newer"
}

# The mirror, where it is missing: made aside, then renamed. What lies there without being one is kept.
make_mirror() { # FORMAT
  [ -f "$mirror/config" ] && return
  new_enough
  mkdir -p "$ws/repos" "$ws/worktrees" || failed "cannot make $ws/repos"
  lock "$mirror.lock"
  if [ ! -f "$mirror/config" ]; then
    rm -rf "$mirror.new"
    init_mirror "$1" "$mirror.new"
    [ ! -e "$mirror" ] || mv "$mirror" "$mirror.broken-$$"
    mv "$mirror.new" "$mirror" || failed "cannot make the mirror $mirror"
  fi
  unlock
}
init_mirror() { # FORMAT FOLDER
  if [ "$1" = sha1 ]; then set -- "" "$2"; else set -- "--object-format=$1" "$2"; fi
  (GIT_DEFAULT_HASH=sha1; export GIT_DEFAULT_HASH; g init -q --bare --template= $1 "$2") || {
    [ -z "$1" ] || die 78 "this machine's git cannot make a repository with $1. Install git 2.29 or newer"
    failed "cannot make the mirror $mirror"
  }
  mkdir -p "$2/info" "$2/worktrees" "$2/miyabi" &&
    printf '[core]\n\tlogAllRefUpdates = always\n[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n' >>"$2/config" &&
    cp "$2/config" "$2/miyabi/config" && exclude "$2" || failed "cannot make the mirror $mirror"
}
exclude() { printf '/.miyabi/result.json\n/.claude/worktrees/\n' >"$1/info/exclude"; }
# Agents' `git config` writes to the mirror, for all tasks: where git reads it no more, it is as we made it.
readable() { g --git-dir="$mirror" rev-parse --git-dir >/dev/null 2>&1 || cp "$mirror/miyabi/config" "$mirror/config"; }

# The commits of a bundle become the mirror's: all of them or none. 1: it counts on some that are not here. One that
# counts on nothing is unpacked without a look at the mirror, so that it can heal a broken one.
unbundle() { # FOLDER with the file "bundle"
  into=$mirror
  mkdir -p "$1/objects/info" "$1/objects/pack" "$1/refs" && say "$mirror/objects" >"$1/objects/info/alternates" || return 1
  head -n 3 "$1/bundle" | grep -q '^-' || { into=$1; cp "$mirror/config" "$1/config" && say ref: refs/heads/x >"$1/HEAD"; }
  (GIT_OBJECT_DIRECTORY=$1/objects; export GIT_OBJECT_DIRECTORY
    g --git-dir="$into" bundle unbundle "$1/bundle" >"$1/tips") || return 1
  grep ' refs/miyabi/shallow/' "$1/tips" >"$1/ends" && add_shallow "$1/ends"
  for f in "$1"/objects/pack/*.pack "$1"/objects/pack/*.rev "$1"/objects/pack/*.idx; do
    [ ! -e "$f" ] || mv -f "$f" "$mirror/objects/pack/" || failed "cannot keep a pack in $mirror"
  done
  sed -n 's,^\([0-9a-f]*\) \(refs/miyabi/known/.*\),update \2 \1,p' "$1/tips" | g --git-dir="$mirror" update-ref --stdin
}
# The user's clone is shallow: its history ends at these commits here too.
add_shallow() {
  lock "$mirror.lock"
  { cut -d' ' -f1 "$1"; cat "$mirror/shallow" 2>/dev/null; } | sort -u >"$mirror/shallow.new" &&
    mv "$mirror/shallow.new" "$mirror/shallow" || failed "cannot write $mirror/shallow"
  unlock
}
