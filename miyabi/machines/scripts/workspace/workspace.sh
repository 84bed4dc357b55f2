#!/bin/sh
# workspace.sh: the code on one machine. A store of objects a repository, a repository of its own a task. POSIX sh,
# git >= 2.20, perl. Installed as one script out of workspace.sh, checkout.sh, setup.sh, salvage.sh, strays.sh,
# large_objects.sh and collect.sh.
#   prepare WORKSPACE KEY RUN TASK FORMAT BASE BYTES CLONE CLONE_BYTES <bundle, then clone
#                       make the checkout, one that is there stays as it is; on stdout its path
#   embed WORKSPACE KEY RUN TASK FORMAT BASE BYTES CLONE CLONE_BYTES OUTER AT PATH <bundle, then clone
#                       fill the submodule at PATH of the checkout that `prepare` made for the repository OUTER, once: KEY
#                       is the submodule's own, its repository lies at AT below the task's
#   copy WORKSPACE KEY RUN TASK BYTES <files            the checkout gets these, mode 0600; they are never committed
#   names-slot WORKSPACE KEY RUN TASK                          10 where a file of the checkout names MIYABI_SLOT or the like
#   begin-setup WORKSPACE KEY RUN TASK SESSION COMMANDS        set-up begins: while it has not ended, the session has no
#                       work; 10 where the checkout was set up by COMMANDS, which is any word for them
#   end-setup WORKSPACE KEY RUN TASK COMMANDS                  what it made and changed is no work
#   salvage WORKSPACE KEY RUN TASK SESSION [BYTES]             commit what is uncommitted, files over BYTES apart;
#                       once a session
#   collect WORKSPACE KEY RUN TASK SESSION BASE [max=BYTES] [HAVE ...]
#                       salvage; on stdout a bundle of all that none of the commits has, or nothing; on stderr lines:
#                       "miyabi-leaked PATH" of the branch, which stays here then: a file that `copy` brought;
#                       "miyabi-unmerged PATH", "miyabi-left WHAT", "miyabi-gone" where there is no checkout any more,
#                       "miyabi-inside KEY BASE PATH" for each submodule, to be collected by its own KEY, and the last one
#                       is "miyabi-collected HEAD STRAYS|-"
#   remove WORKSPACE KEY RUN [TASK]                            forget a task, or all of a run
#   foreign WORKSPACE KEY RUN                                  on stdout the tasks that are another repository's
#   large-lacks WORKSPACE KEY RUN TASK store|task              those of the LFS objects on stdin, OID:SIZE, that the store
#                       lacks, or the task too; on stdout OID
#   large-put WORKSPACE KEY RUN TASK FORMAT OID:SIZE ...       the store gets these, on stdin one behind the other
#   large-get WORKSPACE KEY RUN TASK OID:SIZE ...              on stdout these of the task, one behind the other
# CLONE names what else a clone of the repository has: settings of its remote, branches and tags, where its history ends.
# exit: 0, 64 usage, 65 the input came short, 67 BASE or CLONE is not here (on stdout: where its history ends, commits and clones that are),
#       10 nothing is to be done, 68 there is no such task here, 70 git failed, 73 disk full, 78 git or perl is missing or too old
# Below WORKSPACE: repos/KEY.git, the store: only objects, and refs that keep them; checkouts/RUN/TASK, a task's own
# folder, in which TASK is its repository: it borrows the store's objects and shares nothing else. In the store:
# miyabi/RUN+TASK.{ready,salvaged,unmerged,left,making,copies,copied,exclude,setup,tracked,before,begun,stood,head,made} and miyabi/clone-CLONE are notes of ours, in that of a submodule also
# miyabi/RUN+TASK.inside; refs/miyabi/{known,base,heads}/... Two repositories may have a run of one name here: repos/RUN+TASK.lock is for both, and
# who was first has the task.
# Builds before this one made linked worktrees of the store, worktrees/RUN/TASK: for those their own script goes on.
set -u
[ -n "${ZSH_VERSION:-}" ] && emulate sh
[ -n "${POSH_VERSION:-}" ] && set +u   # for posh "$@" is unset where it is empty
IFS=' 	
'
PATH=${PATH:-/usr/bin:/bin}:/usr/bin:/bin:/usr/sbin:/sbin:/opt/homebrew/bin:/usr/local/bin:${HOME:-}/.local/bin
LC_ALL=C LANGUAGE=C GIT_TERMINAL_PROMPT=0 GIT_NO_REPLACE_OBJECTS=1 GIT_DEFAULT_REF_FORMAT=files
GIT_GRAFT_FILE=/dev/null/grafts GIT_TRACE2=0 GIT_TRACE2_PERF=0 GIT_TRACE2_EVENT=0
export PATH LC_ALL LANGUAGE GIT_TERMINAL_PROMPT GIT_NO_REPLACE_OBJECTS GIT_DEFAULT_REF_FORMAT
export GIT_GRAFT_FILE GIT_TRACE2 GIT_TRACE2_PERF GIT_TRACE2_EVENT
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_COMMON_DIR GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES \
  GIT_LFS_SKIP_SMUDGE GIT_NAMESPACE GIT_PREFIX GIT_SHALLOW_FILE GIT_DEFAULT_HASH GIT_LITERAL_PATHSPECS CDPATH \
  GIT_TRACE GIT_TRACE_SETUP GIT_TRACE_REFS GIT_TRACE_PERFORMANCE GIT_TRACE_PACKET GIT_TRACE_PACK_ACCESS \
  GIT_TRACE_PACKFILE GIT_TRACE_SHALLOW GIT_TRACE_FSMONITOR GIT_ATTR_SOURCE
NL='
'

say() { printf '%s\n' "$*"; }
die() { c=$1; shift; say "miyabi: $*" >&2; exit "$c"; }

# What most files need not have done is not worth a process each.
is_noted() { noted=; [ ! -f "$1" ] || IFS= read -r noted <"$1" || :; [ "$noted" = "$2" ]; }   # FILE LINE: its first one
gone() { for f; do if [ -e "$f" ] || [ -h "$f" ]; then rm -f "$f"; fi; done; }

# git as we run it: no hooks, no daemon, nobody asked to sign; `calm` may hold further settings
plain='-c core.hooksPath=/dev/null -c core.fsmonitor=false -c gc.auto=0 -c maintenance.auto=false
  -c commit.gpgSign=false -c core.quotePath=false -c core.safecrlf=false -c core.packedRefsTimeout=20000
  -c core.filesRefLockTimeout=20000 -c protocol.file.allow=always -c core.sparseCheckout=false
  -c submodule.recurse=false -c fetch.recurseSubmodules=false -c checkout.workers=0'   # as many as there are cores
for e in post-checkout post-index-change pre-auto-gc reference-transaction; do   # hooks of the configuration: no path
  plain="$plain -c hook.$e.enabled=false"
done
# Git 2.54 can be told so of no event, only of each hook by its name; for perl, which becomes that git.
unnamed='
  my ($git, @words) = @ARGV;
  my $n = 0;
  $n += $words[$n] =~ /^-[Cc]$/ ? 2 : 1 while $n < @words && $words[$n] =~ /^-/;
  open my $told, ">&", \*STDERR or die "$!\n";
  open STDERR, ">", "/dev/null" or die "$!\n";
  open my $hooks, "-|", $git, @words[0 .. $n - 1], qw(config -z --name-only --get-regexp), "^hook\\..*\\.event\$" or die "$!\n";
  local $/ = "\0";
  my $count = $ENV{GIT_CONFIG_COUNT} || 0;
  while (<$hooks>) {
    /^hook\.(.*)\.event\0\z/s or next;
    @ENV{"GIT_CONFIG_KEY_$count", "GIT_CONFIG_VALUE_$count"} = ("hook.$1.enabled", "false");
    $ENV{GIT_CONFIG_COUNT} = ++$count;
  }
  close $hooks;
  open STDERR, ">&", $told or die;
  exec $git, @words or die "$git: $!\n"'
calm=
g() {
  if [ -z "$MIYABI_UNNAMED" ]; then git $plain $calm "$@"
  else perl -e "$MIYABI_UNNAMED" git $plain $calm "$@"; fi
}
in_store() { g --git-dir="$store" "$@"; }
in_task() { g --git-dir="$repo" "$@"; }

# Ends where git or the disk failed; says which.
failed() {
  set -- "$1" $(df -Pk "$ws" 2>/dev/null | tail -n 1)
  [ "${5:-9999}" -lt 256 ] 2>/dev/null && die 73 "$1: No space left on device"
  die 70 "$1"
}

# Where everything lies; makes nothing. 1: there is no such workspace.
places() { # WORKSPACE KEY RUN TASK
  ws=$(cd -P -- "$1" 2>/dev/null && pwd -P) || return 1
  key=$2 run=$3 task=$4 id=$3+$4 branch=miyabi/$3/$4
  store=$ws/repos/$2.git home=$ws/checkouts/$3/$4 checkout=$ws/checkouts/$3/$4/$4
  repo=$checkout/.git notes=$store/miyabi/$id gate=$ws/repos/$id.lock
}
# Whether a build before this one made the task.
is_linked() { [ -n "$task" ] && { [ -e "$store/worktrees/$id" ] || [ -e "$ws/worktrees/$run/$task" ]; }; }
as_linked() { # VERB WORKSPACE KEY RUN TASK ...: by the script of that build, which stayed on the machine
  for s in $(cd "$ws/bin" 2>/dev/null && ls -t workspace-*.sh 2>/dev/null); do
    grep -q '^as_linked()' "$ws/bin/$s" || { /bin/sh "$ws/bin/$s" "$@"; return; }
  done
  die 70 "an earlier version made the worktree $ws/worktrees/$run/$task, and its script is gone from $ws/bin"
}
# The tasks of this run's name, or the one, that other repositories have here.
foreign() { # [TASK]
  for n in "$ws"/repos/*.git/miyabi/"$run"+${1:-*}.ready; do
    case $n in "$store"/*) continue;; esac
    [ ! -e "$n" ] || { n=${n##*+}; say "${n%.ready}"; }
  done
}
is_foreign() { [ -n "$(foreign "$task")" ]; }

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
  MIYABI_UNNAMED=
  case $(git version 2>/dev/null) in 'git version 2.54.'*) MIYABI_UNNAMED=$unnamed;; esac
  export MIYABI_UNNAMED
}
new_enough() {
  v=$(git version 2>&1) || die 78 "git does not work on this machine: $v"
  set -- ${v#git version }
  v=${1%%.*} w=${1#*.}
  w=${w%%.*}
  [ "$v" -gt 2 ] || { [ "$v" -eq 2 ] && [ "$w" -ge 20 ]; } || die 78 "git $1 is too old. Install git 2.20 or newer"
}

# ---- the store

# Where it is missing: made aside, then renamed. What lies there without being one is kept.
make_store() { # FORMAT
  [ -f "$store/config" ] && [ -f "$store/miyabi/fresh" ] && [ ! -f "$store/config.kept" ] && return
  new_enough
  mkdir -p "$ws/repos" "$ws/checkouts" || failed "cannot make $ws/repos"
  lock "$store.lock"
  if [ ! -f "$store/config" ]; then
    rm -rf "$store.new"
    init "$store.new" "$1" --bare
    mkdir -p "$store.new/info" "$store.new/miyabi" || failed "cannot make the store $store"
    [ ! -e "$store" ] || mv "$store" "$store.broken-$$"
    mv "$store.new" "$store" || failed "cannot make the store $store"
  fi
  rm -f "$store/config.kept"   # of a housekeeping that was killed; else it would hold the lock
  make_precious
  remember_fresh "$1"
  unlock
}
# No git but ours prunes or repacks it: tasks borrow objects that no ref here holds.
is_precious() { grep -q 'preciousObjects = true' "$store/config"; }
make_precious() {
  is_precious || printf '[core]\n\trepositoryFormatVersion = 1\n[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n%s\n' \
    "[extensions]$NL	preciousObjects = true" >>"$store/config" || failed "cannot write $store/config"
  [ ! -e "$store/miyabi/config" ] || cp "$store/config" "$store/miyabi/config"   # what an earlier build puts back
}
# The settings that git gives a new repository on this machine.
remember_fresh() { # FORMAT
  rm -rf "$store/fresh.new"
  init "$store/fresh.new" "$1"
  mv "$store/fresh.new/.git/config" "$store/miyabi/fresh" && rm -rf "$store/fresh.new" || failed "cannot write $store"
}
init() { # FOLDER FORMAT [OPTION]
  if [ "$2" = sha1 ]; then set -- "$1" "" "${3:-}"; else set -- "$1" "--object-format=$2" "${3:-}"; fi
  (GIT_DEFAULT_HASH=sha1; export GIT_DEFAULT_HASH; g init -q --template= $3 $2 "$1") && return
  [ -z "$2" ] || die 78 "this machine's git cannot make a repository with $2. Install git 2.29 or newer"
  failed "cannot make the repository $1"
}

# The bundle and the clone, whole. Leaves nothing of those before us that were killed.
receive() { # BYTES CLONE CLONE_BYTES
  for d in "$store"/incoming.*; do [ ! -d "$d" ] || kill -0 "${d##*.}" 2>/dev/null || rm -rf "$d"; done
  incoming=$store/incoming.$$
  mkdir "$incoming" && cat >"$incoming/all" || failed "cannot write the bundle"
  set -- "$1" "$2" "$3" $(wc -c <"$incoming/all")
  [ $(($1 + $3)) -eq "$4" ] || die 65 "the bundle came short: $4 of $(($1 + $3)) bytes"
  if [ "$3" -gt 0 ]; then
    perl -e 'my ($all, $clone, $bytes) = @ARGV;
      open my $in, "+<", $all or die "$!\n";
      open my $out, ">", $clone or die "$!\n";
      binmode $_ for $in, $out;
      seek $in, $bytes, 0;
      local $/;
      print {$out} <$in>;
      close $out && truncate $in, $bytes or die "$!\n"' \
      "$incoming/all" "$incoming/clone" "$1" || failed "cannot write the clone"
  fi
  if [ "$1" -gt 0 ]; then unbundle "$incoming" || lacks; fi
  [ "$3" -eq 0 ] || mv -f "$incoming/clone" "$store/miyabi/clone-$2" || failed "cannot write $store/miyabi/clone-$2"
}
# The commits of a bundle become the store's: all of them or none. 1: it counts on some that are not here. One that
# counts on nothing is unpacked without a look at the store, so that it can heal a broken one.
unbundle() { # FOLDER with the file "all"
  into=$store
  mkdir -p "$1/objects/info" "$1/objects/pack" "$1/refs" && say "$store/objects" >"$1/objects/info/alternates" || return 1
  head -n 3 "$1/all" | grep -q '^-' ||
    { into=$1; grep -vi preciousObjects "$store/config" >"$1/config"; say ref: refs/heads/x >"$1/HEAD"; }
  (GIT_OBJECT_DIRECTORY=$1/objects; export GIT_OBJECT_DIRECTORY
    g --git-dir="$into" bundle unbundle "$1/all" >"$1/tips") || return 1
  for f in "$1"/objects/pack/*.pack "$1"/objects/pack/*.rev "$1"/objects/pack/*.idx; do
    [ ! -e "$f" ] || mv -f "$f" "$store/objects/pack/" || failed "cannot keep a pack in $store"
  done
  if grep ' refs/miyabi/shallow/' "$1/tips" >"$1/ends" || [ -f "$store/shallow" ]; then add_shallow "$1/ends"; fi
  sed -n 's,^\([0-9a-f]*\) \(refs/miyabi/known/.*\),update \2 \1,p' "$1/tips" | in_store update-ref --stdin
}
# The user's clone is shallow: its history ends at these commits here too, until what is below them has come.
add_shallow() { # ENDS
  lock "$store.lock"
  { cut -d' ' -f1 "$1"; cat "$store/shallow" 2>/dev/null; } | sort -u |
    while read -r end; do is_whole "$end" || say "$end"; done >"$store/shallow.new" &&
    mv "$store/shallow.new" "$store/shallow" || failed "cannot write $store/shallow"
  [ -s "$store/shallow" ] || rm -f "$store/shallow"
  unlock
}
is_whole() { # COMMIT
  for p in $(in_store cat-file commit "$1" 2>/dev/null | sed -n '/^$/q;s/^parent //p'); do
    in_store cat-file -e "$p" 2>/dev/null || return 1
  done
}
lacks() {
  [ ! -f "$store/shallow" ] || sed 's/^/shallow /' "$store/shallow"
  in_store for-each-ref --format='%(objectname)' | sort -u
  for c in "$store"/miyabi/clone-*; do [ ! -f "$c" ] || say "${c##*/clone-}"; done
  exit 67
}
forget_refs() { # PATTERN ...
  [ $# -gt 0 ] || return 0
  in_store for-each-ref --format='delete %(refname)' "$@" | in_store update-ref --stdin
}

# After a run: the latest five histories stay known. Many packs become one, and what nothing holds goes where no task
# borrows from the store: the only place where objects are removed. Behind our back, for it may take a while.
tend_store() {
  forget_refs $(in_store for-each-ref --sort=-committerdate --format='%(refname)' refs/miyabi/known | tail -n +6)
  tend_large_objects
  set -- "$store"/objects/pack/*.pack
  [ $# -gt 50 ] || return 0
  lock "$store.lock"
  : >"$store/miyabi/tending"   # before the look: who begins to borrow from now on sees it, and waits
  if is_borrowed_from; then unprotected repack -a -d -k -q & else
    rm -f "$store"/miyabi/clone-*
    unprotected gc -q --prune=1.day.ago &
  fi
  unlock
}
is_borrowed_from() {
  [ -z "$(in_store for-each-ref --count=1 refs/miyabi/base)" ] || return 0
  for n in "$store"/worktrees/*; do [ ! -e "$n" ] || return 0; done
  return 1
}
unprotected() { # GIT WORDS; whoever holds the lock is us
  exec </dev/null >/dev/null 2>&1
  cp "$store/config" "$store/config.kept" && grep -v preciousObjects "$store/config.kept" >"$store/config.new" &&
    mv "$store/config.new" "$store/config"
  in_store "$@"
  mv "$store/config.kept" "$store/config"
  rm -f "$store/miyabi/tending"
}
