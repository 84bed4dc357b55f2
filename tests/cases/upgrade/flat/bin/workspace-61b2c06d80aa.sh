#!/bin/sh
# workspace.sh: the code on one machine. A store of objects a repository, a repository of its own a task. POSIX sh,
# git >= 2.20, perl. Installed as one script out of workspace.sh, checkout.sh, salvage.sh, strays.sh, large_objects.sh
# and verbs.sh.
#   prepare WORKSPACE KEY RUN TASK FORMAT BASE BYTES CLONE CLONE_BYTES <bundle, then clone
#                       make the checkout, one that is there stays as it is; on stdout its path
#   embed WORKSPACE KEY RUN TASK FORMAT BASE BYTES CLONE CLONE_BYTES OUTER AT PATH <bundle, then clone
#                       fill the submodule at PATH of the checkout that `prepare` made for the repository OUTER, once: KEY
#                       is the submodule's own, its repository lies at AT below the task's
#   salvage WORKSPACE KEY RUN TASK SESSION [BYTES]             commit what is uncommitted, files over BYTES apart;
#                       once a session
#   collect WORKSPACE KEY RUN TASK SESSION BASE [max=BYTES] [HAVE ...]
#                       salvage; on stdout a bundle of all that none of the commits has, or nothing; on stderr lines:
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
#       68 there is no such task here, 70 git failed, 73 disk full, 78 git or perl is missing or too old
# Below WORKSPACE: repos/KEY.git, the store: only objects, and refs that keep them; checkouts/RUN/TASK, a task's own
# folder, in which TASK is its repository: it borrows the store's objects and shares nothing else. In the store:
# miyabi/RUN+TASK.{ready,salvaged,unmerged,left,making} and miyabi/clone-CLONE are notes of ours, in that of a submodule also
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

# ---- checkout.sh: a task's repository comes and goes

ready() { [ -f "$notes.ready" ] && [ -d "$checkout" ]; }

prepare() { # FORMAT BASE BYTES CLONE CLONE_BYTES
  incoming= made= base=$2 clone=$4
  trap 'tidy' EXIT
  trap 'exit 70' HUP INT TERM
  if ready && [ -f "$repo/HEAD" ]; then cat >/dev/null; say "$checkout"; exit 0; fi
  make_store "$1"
  [ $(($3 + $5)) -eq 0 ] || receive "$3" "$4" "$5"
  hold || lacks
  if [ ! -e "$home" ] && [ ! -f "$notes.ready" ] && [ ! -f "$notes.making" ] && begin; then check_out
  else again; fi
  made=
  say "$checkout"
}
# Not for the first time, or somebody was quicker: what is there is looked at.
again() {
  lock "$gate"
  ! is_foreign || die 70 "another repository has a run $run with a task $task here. Choose another name for this run, or remove that one: miyabi sweep $run"
  if ! ready && [ ! -f "$notes.making" ] && [ -f "$repo/HEAD" ] && is_ours; then : >"$notes.ready"   # only the note was lost
  elif ! ready; then build
  elif [ ! -f "$repo/HEAD" ]; then anew; fi
}
tidy() {
  [ -z "$incoming" ] || rm -rf "$incoming"
  case $made in
    '') return;;
    all) rm -rf "$home" "$notes.ready" "$notes.making";;
  esac
  in_store update-ref -d "refs/miyabi/base/$run/$task"
  rmdir "$ws/checkouts/$run" 2>/dev/null
}

# From now on nothing that the task needs is removed. 1: it is not here.
hold() {
  [ -f "$store/miyabi/clone-$clone" ] || return 1
  r=refs/miyabi/base/$run/$task
  if say "create $r $base" | in_store update-ref --stdin 2>/dev/null; then made=ref
  else in_store cat-file -e "$base^{commit}" 2>/dev/null && in_store update-ref "$r" "$base" || return 1; fi
  [ -f "$store/miyabi/tending" ] || return 0
  lock "$store.lock"
  unlock
  [ -f "$store/miyabi/clone-$clone" ] && in_store cat-file -e "$base^{tree}" 2>/dev/null
}

# Everything anew; the note that it is ready comes last, so that what was broken off is made again.
build() {
  if [ -f "$notes.making" ]; then rm -rf "$home"
  elif [ ! -f "$notes.ready" ] && [ -e "$home" ]; then
    die 70 "$home is there already, and is none of ours. Look what it is, then move it away"
  fi   # with the note an earlier session has removed its checkout; what lies beside stays
  [ ! -f "$notes.ready" ] || mv "$notes.ready" "$notes.making" || failed "cannot write $notes.making"
  own_repository || failed "cannot make $repo"
  check_out
}
check_out() {
  [ "$made" != ref ] || made=all
  in_task --work-tree="$checkout" read-tree -u --reset HEAD && is_made && return
  in_store rev-list --objects --quiet "$base" >/dev/null 2>&1 || exit 67   # nothing here can be counted on
  failed "cannot check out $checkout"
}
is_made() { # a submodule is part of a task, and none that could be another repository's
  if [ -f "$notes.inside" ]; then rm -f "$notes.making"; else mv "$notes.making" "$notes.ready"; fi
}

# As `lock` and `own_repository`, in one process.
begin() { exec 9>>"$gate" && own_repository "$gate" <&9; }

# An ordinary repository at BASE, with what a clone has; only the objects are the store's. Written by ourselves, for each
# process that is not started is time for the next session.
own_repository() { # [GATE: what to lock first; 1 where another process had it, and was here before us]
  [ ! -e "$repo" ] || mv "$repo" "$home/git.$$" || return
  perl -e '
    my ($repo, $store, $clone, $notes, $branch, $base, $home, $gate) = @ARGV;
    if ($gate) {
      flock STDIN, 2 or exit 1;
      my @held = stat STDIN;
      my @there = stat $gate;
      exit 1 if !@there || $there[1] != $held[1] || grep { -e } $home, "$notes.ready", "$notes.making";
    }
    sub slurp { open my $h, "<", $_[0] or die "$_[0]: $!\n"; binmode $h; local $/; my $t = <$h>; return defined $t ? $t : "" }
    sub make { my ($folder) = @_; -d $folder or mkdir $folder or $folder =~ m{(.*)/} && (make($1), mkdir $folder) }
    sub put {
      my ($path, $text) = @_;
      my ($folder) = $path =~ m{(.*)/};
      for (1, 2) { make($folder) }    # a `remove` beside us takes empty ones
      open my $h, ">", $path or die "$path: $!\n";
      binmode $h;
      print {$h} $text and close $h or die "$path: $!\n";
    }
    put("$notes.making", "");
    put("$notes.clone", $clone =~ /clone-(\w+)\z/ ? "$1\n" : "");
    my %part = $clone eq "" ? () : map { /^(\S+)\n(.*)/s ? ($1, $2) : () } split /^== /m, slurp($clone);
    my $log = ("0" x length $base) . " $base Water Spider <water-spider\@localhost> " . time . " +0000\tmiyabi: base\n";
    my $config = slurp("$store/miyabi/fresh") . ($part{config} || "");
    put("$repo/objects/info/alternates", "$store/objects\n");
    make("$repo/objects/pack");
    put("$repo/info/exclude", "/.miyabi/result.json\n/.claude/worktrees/\n");
    put("$repo/packed-refs", $part{"packed-refs"} || "");
    put("$repo/shallow", $part{shallow}) if $part{shallow};
    put("$notes.config", $config);
    put("$repo/config", $config);
    put("$repo/refs/heads/$branch", "$base\n");
    put("$repo/logs/$_", $log) for "HEAD", "refs/heads/$branch";
    put("$repo/HEAD", "ref: refs/heads/$branch\n");
    unlink map { "$notes.$_" } qw(salvaged unmerged left);
    ' "$repo" "$store" "${clone:+$store/miyabi/clone-$clone}" "$notes" "$branch" "$base" "$home" "${1:-}"
}

# ---- submodules: in stores of their own, as repositories of their own below the task's

# Not again where a session may have been there.
embed() { # FORMAT BASE BYTES CLONE CLONE_BYTES OUTER AT PATH
  incoming= made= base=$2 clone=$4
  trap 'tidy' EXIT
  trap 'exit 70' HUP INT TERM
  if [ -f "$notes.inside" ] && [ ! -f "$notes.making" ]; then cat >/dev/null; exit 0; fi
  make_store "$1"
  [ $(($3 + $5)) -eq 0 ] || receive "$3" "$4" "$5"
  hold || lacks
  lock "$gate"
  : >"$notes.making" && printf '%s\n' "$6" "$base" "$7" "$8" >"$notes.inside" || failed "cannot write $notes.inside"
  link_file "$checkout" "$8" "$7" || failed "cannot make $checkout/$8"
  enter
  rm -rf "$repo"
  own_repository || failed "cannot make $repo"
  made=
  check_out
}
# Where a session finds a submodule's repository. Not through links: a name may mean two things to a file system.
link_file() { # FOLDER PATH AT
  perl -e '
    my ($folder, $path, $to) = @ARGV;
    for my $name (split m{/}, $path) {
      $folder .= "/$name";
      $to = "../$to";
      die "$folder is no folder\n" if -l $folder || !-d $folder && !mkdir $folder;
    }
    open my $h, ">", "$folder/.git" or die "$folder/.git: $!\n";
    binmode $h;
    print {$h} "gitdir: $to\n" and close $h or die "$folder/.git: $!\n"' "$1" "$2" ".git/$3"
}
# From a task to its submodule whose store this is.
enter() {
  { IFS= read -r outer; IFS= read -r began; IFS= read -r at; IFS= read -r within; } <"$notes.inside" || die 70 "cannot read $notes.inside"
  find_checkout
  repo=$repo/$at checkout=$checkout/$within
}
# Calls the command for each submodule of the task, with the note of it.
each_inside() { # COMMAND ...
  for n in "$ws"/repos/*.git/miyabi/"$id".inside; do
    [ -f "$n" ] && IFS= read -r outer <"$n" && [ "$outer" = "$key" ] || continue
    "$@" "$n"
  done
}
tell_inside() { # NOTE
  set -- "$1" "${1%.git/miyabi/*}"
  { IFS= read -r outer; IFS= read -r began; IFS= read -r at; IFS= read -r within; } <"$1" &&
    say "miyabi-inside ${2##*/} $began $within" >&2
}
is_at() { # GITDIR NOTE
  { IFS= read -r outer; IFS= read -r began; IFS= read -r at; } <"$2" && [ "$1" != "$repo/$at" ] || found=${2%.inside}
}
is_submodule() { found=; each_inside is_at "$1"; [ -n "$found" ]; }
# Sets `mine` to where the notes on that repository are; to nothing where it is neither the task's nor a submodule's.
notes_of() { # GITDIR
  if [ "$1" = "$repo" ]; then mine=$notes; else is_submodule "$1" || :; mine=$found; fi
}
forget_said() { rm -f "${1%.inside}.unmerged" "${1%.inside}.left"; } # NOTE
forget_inside() ( # NOTE
  store=${1%/miyabi/*}
  forget_refs "refs/miyabi/base/$run/$task" "refs/miyabi/heads/$run/$task"
  notes=${1%.inside}
  forget_notes
  for n in "$store/miyabi/$run"+*.inside; do [ ! -e "$n" ] || exit 0; done
  make_precious
  tend_store
)

# ---- remove

wipe() { # FOLDER: also where an agent took the write permission away
  [ -e "$1" ] || [ -h "$1" ] || return 0
  rm -rf "$1" 2>/dev/null || { chmod -R u+rwx "$1" 2>/dev/null; rm -rf "$1"; } || failed "cannot remove $1"
}

remove_worktrees() ( # GITDIR FOLDER LINKS: those of the repositories inside as well; a subshell: calls itself
  survey "$1" "$2" "$3"
  for i in "$3"/inner-*; do
    [ -h "$i" ] && inner=$(cd -P -- "$i" && pwd -P) && inner_git=$(g -C "$inner" rev-parse --absolute-git-dir) &&
      remove_worktrees "$inner_git" "$inner" "$i.links"
  done
  for w in "$3"/worktree-*.folder; do [ ! -h "$w" ] || wipe "$(cd -P -- "$w" && pwd -P)"; done
)
remove() {
  if [ -f "$store/config" ]; then
    lock "$gate"
    ! is_here || [ -h "$repo" ] || [ ! -d "$repo" ] || remove_worktrees "$repo" "$checkout" "$notes.links"
    forget_refs "refs/miyabi/base/$run/$task" "refs/miyabi/heads/$run/$task"
    each_inside forget_inside
    forget_notes
  fi
  is_foreign || { wipe "$home"; rm -f "$gate"; }
  rmdir "$ws/checkouts/$run" 2>/dev/null
  unlock
}
forget_notes() { for n in ready salvaged unmerged left making config clone links inside; do wipe "$notes.$n"; done; }
remove_run() { # WORKSPACE KEY RUN
  tasks=
  for n in "$ws/checkouts/$3"/* "$ws/worktrees/$3"/* "$store/worktrees/$3"+* "$store/miyabi/$3"+*.ready; do
    [ -e "$n" ] || continue
    n=${n##*/} n=${n#"$3"+}
    tasks="$tasks ${n%.ready}"
  done
  for t in $tasks; do
    places "$1" "$2" "$3" "$t" || continue
    if is_linked; then (as_linked remove "$1" "$2" "$3" "$t") || exit; fi
    (remove) || exit
  done
  [ -f "$store/config" ] || return 0
  forget_refs "refs/miyabi/base/$3" "refs/miyabi/heads/$3"
  rm -rf "$store/miyabi/$3"+*
  make_precious
  tend_store
}

# ---- salvage.sh: what a session left uncommitted becomes a commit, whatever state it left git in

salvage() { # SESSION [BYTES [BASE]]
  [ -f "$store/config" ] || die 68 "there is no store $store"
  lock "$gate"
  [ "$(cat "$notes.salvaged" 2>/dev/null)" = "$1" ] && return
  rm -f "$notes.unmerged" "$notes.left"
  each_inside forget_said
  find_checkout
  if is_here; then
    most=${2:-0}
    whole "${3:-}"
    save_repository "$repo" "$checkout" "$notes.links" || exit
    settle
  fi
  say "$1" >"$notes.salvaged" || failed "cannot write $notes.salvaged"
}
# Not where an agent has put a link to something else in its place: that is none of ours.
is_here() { [ -d "$checkout" ] && [ "$(cd -P -- "$checkout" && pwd -P)" = "$checkout" ]; }
# Where an agent has moved its checkout, in the task's folder or beside it, or only what was in `.git`.
find_checkout() {
  if [ -f "$repo" ] && [ ! -h "$repo" ]; then
    d=$(sed -n '1s/^gitdir: //p' "$repo")
    case $d in /*) ;; *) d=$checkout/$d;; esac
    [ ! -f "$d/logs/refs/heads/$branch" ] || repo=$(cd -P -- "$d" && pwd -P)
  fi
  [ ! -e "$checkout" ] || return 0
  for d in "$home"/*/.git "$home"/.[!.]*/.git "$ws/checkouts/$run"/*/.git; do
    [ -f "$d/objects/info/alternates" ] && [ -f "$d/logs/refs/heads/$branch" ] || continue
    repo=$d checkout=${d%/.git}
    return
  done
}

# The repository, where an agent or a crash has damaged it.
whole() { # BASE
  base=$1 clone=$(cat "$notes.clone" 2>/dev/null)
  [ -f "$store/miyabi/clone-$clone" ] || clone=
  [ -n "$base" ] || base=$(in_store rev-parse -q --verify "refs/miyabi/base/$run/$task") || base=
  [ ! -h "$repo" ] || rm -f "$repo"
  [ ! -d "$repo" ] || { mkdir -p "$repo/refs" "$repo/objects"; whole_head "$repo"; rm -f "$repo/refs/heads/$branch.lock"; }
  readable || { [ -f "$repo/config" ] && cp "$notes.config" "$repo/config" 2>/dev/null; readable; } || anew
  is_ours || anew
  grep -qxF "$store/objects" "$repo/objects/info/alternates" 2>/dev/null ||
    { mkdir -p "$repo/objects/info" && say "$store/objects" >>"$repo/objects/info/alternates"; }
  in_task for-each-ref --count=1 >/dev/null 2>&1 || mv "$repo/packed-refs" "$repo/packed-refs.broken" 2>/dev/null
  r=$repo/refs/heads/$branch
  [ ! -e "$r" ] || [ -s "$r" ] || rm -f "$r"   # what a loss of power leaves
  [ ! -d "$repo/refs/heads/$branch" ] || out_of_the_way
  in_task cat-file -e "refs/heads/$branch^{tree}" 2>/dev/null || restore_branch ||
    die 68 "the branch $branch is gone from $checkout, and its base too. The files are still there"
  grep -qx /.miyabi/result.json "$repo/info/exclude" 2>/dev/null ||
    { mkdir -p "$repo/info" && printf '/.miyabi/result.json\n/.claude/worktrees/\n' >>"$repo/info/exclude"; }
}
# HEAD where it was emptied or overwritten: on the task's branch, in another worktree at the last commit of its log.
whole_head() { # GITDIR
  h= && read -r h 2>/dev/null <"$1/HEAD"
  case $h in "ref: refs/"?* | *[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]) return;; esac
  h=$(sed -n '$s/^[0-9a-f]* \([0-9a-f]*\) .*/\1/p' "$1/logs/HEAD" 2>/dev/null)
  if [ "$1" = "$repo" ] || [ -z "$h" ]; then h="ref: refs/heads/$branch"; fi
  say "$h" >"$1/HEAD"
}
readable() { [ -d "$repo" ] && in_task rev-parse --git-dir >/dev/null 2>&1; }
is_ours() {
  [ -f "$repo/logs/refs/heads/$branch" ] || grep -qxF "$store/objects" "$repo/objects/info/alternates" 2>/dev/null
}
# `.git` is gone or is none of ours: the files are compared with the base. An agent may have begun anew with `git init`:
# that is a history of its own, which goes to the strays.
anew() {
  own_repository && in_task read-tree HEAD && is_made || failed "cannot repair $checkout"
  [ ! -d "$home/git.$$" ] || in_task fetch -q --no-tags "$home/git.$$" "+HEAD:refs/miyabi/nested/own/HEAD" \
    "+refs/heads/*:refs/miyabi/nested/own/heads/*" 2>/dev/null
  rm -f "$repo/FETCH_HEAD"
}
# Branches of the agent that are called as if the task's branch were a folder.
out_of_the_way() {
  in_task for-each-ref --format='create refs/miyabi/moved/%(refname:lstrip=2) %(objectname)' "refs/heads/$branch/" |
    in_task update-ref --stdin
  in_task for-each-ref --format='delete %(refname)' "refs/heads/$branch/" | in_task update-ref --stdin
}
# At the last commit that HEAD's log knows, or else at BASE. Not where an agent has gone on under another name.
restore_branch() {
  case $(cat "$repo/HEAD" 2>/dev/null) in "ref: refs/heads/$branch" | "") ;; *) return 0;; esac
  set -- $(sed -n '$s/^\([0-9a-f]*\) \([0-9a-f]*\) .*/\2 \1/p' "$repo/logs/HEAD" 2>/dev/null) $base
  for c; do
    case $c in *[1-9a-f]*) ;; *) continue;; esac   # all zeros: there was none
    in_task cat-file -e "$c^{tree}" 2>/dev/null || continue
    in_task update-ref -m 'miyabi: restored' "refs/heads/$branch" "$c" 2>/dev/null && return
  done
  return 1
}

# What is found in a repository's folder, as numbered links, so that no name passes through the shell:
# worktree-N.git and worktree-N.folder, for each linked worktree of it, wherever its folder is;
# inner-N for each other repository in it or in those, submodules too; aside-N for those that git would add as a mere link,
# which includes worktrees of repositories that are none of the task's.
survey() { # GITDIR FOLDER LINKS
  wipe "$3"
  mkdir -p "$3" || failed "cannot make $3"
  if [ "$2" = "$checkout" ]; then around=$home; else around=$2; fi   # clones beside the checkout are the task's, too
  find "$around" -name .git -prune -print0 2>/dev/null >"$3/found"
  g --git-dir="$1" --work-tree="$2" ls-files -s -z 2>/dev/null >"$3/index"
  perl -e '
    my ($git, $top, $links, $home) = @ARGV;
    use Cwd qw(realpath);
    sub slurp { open my $h, "<", shift or return ""; binmode $h; local $/; my $t = <$h>; return defined $t ? $t : "" }
    sub link_to { my ($n, $to) = @_; symlink $to, "$links/$n" or die "cannot link $links/$n: $!\n" }
    sub above { my ($path) = @_; $path =~ s{/[^/]*\z}{}; return $path }
    sub target {
      my ($file) = @_;
      return realpath($file) if -d $file;
      my $to = slurp($file) =~ /^gitdir: (.*?)\r?\n?\z/s ? $1 : return undef;
      $to = above($file) . "/$to" if $to !~ m{^/};
      return -e $to ? realpath($to) : undef;
    }
    my ($real, $top_real, %linked, $n) = (realpath($git), realpath($top));
    my @folders;
    opendir my $h, "$git/worktrees";
    for my $name (sort grep { !/^\.\.?\z/ } $h ? readdir $h : ()) {
      my $admin = "$git/worktrees/$name";
      my $at = slurp("$admin/gitdir") =~ /^(.*?)\n?\z/s ? $1 : next;
      $at = "$admin/$at" if $at !~ m{^/};
      next unless -f $at && defined target($at) && target($at) eq realpath($admin);
      my $folder = realpath(above($at));
      next if grep { index("$_/", "$folder/") == 0 } $top_real, $ENV{HOME} || "/";    # no worktree: they are in it
      $n++;
      link_to("worktree-$n.git", realpath($admin));
      link_to("worktree-$n.folder", $folder);
      $linked{"$folder/.git"} = 1;
      push @folders, $folder if index("$folder/", "$top_real/") != 0;
    }
    my @found = split /\0/, slurp("$links/found");
    for my $folder (@folders) {
      open my $find, "-|", "find", $folder, "-name", ".git", "-prune", "-print0" or next;
      local $/; push @found, split /\0/, <$find> // "";
    }
    my %gitlink = map { /^160000 [^\t]*\t(.*)\z/s ? ("$top_real/$1/.git" => 1) : () } split /\0/, slurp("$links/index");
    my ($i, $a, %seen) = (0, 0);
    for my $dot (@found) {
      my $folder = realpath(above($dot));
      next if !defined $folder || $folder eq $top_real || $linked{"$folder/.git"} || $seen{$folder}++;
      my $to = target("$folder/.git");
      next if !defined $to || $to eq $real || !-e "$to/objects" && !-e "$to/commondir";
      my $common = -f "$to/commondir" && slurp("$to/commondir") =~ /^(.+?)\n?\z/s ? $1 : $to;
      $common = realpath($common =~ m{^/} ? $common : "$to/$common");
      my $is_own = defined $common && grep { index("$common/", "$_/") == 0 } $home, @folders;    # else of somebody elsewhere
      link_to("inner-" . ++$i, $folder) if $is_own;
      link_to("aside-" . ++$a, $folder) if index("$folder/", "$top_real/") == 0 && !$gitlink{"$folder/.git"};
    }' "$1" "$2" "$3" "$home" || failed "cannot look through $2"
}

# Commits what is uncommitted in a repository and in its worktrees; what other repositories inside have comes along.
save_repository() ( # GITDIR FOLDER LINKS
  rm -f "$1"/index.lock "$1"/HEAD.lock "$1"/packed-refs.lock   # the session is over: whoever held them is no more
  find "$1/refs" -name '*.lock' -exec rm -f {} + 2>/dev/null
  survey "$1" "$2" "$3"
  put_back "$1"
  for i in "$3"/inner-*; do [ ! -h "$i" ] || keep_history "$1" "$i" "${i##*/}"; done
  set_aside "$1" "$3"
  for w in "$3"/worktree-*.git; do
    [ -h "$w" ] || continue
    whole_head "$(cd -P -- "$w" && pwd -P)"
    commit_at "$(cd -P -- "$w" && pwd -P)" "$(cd -P -- "${w%.git}.folder" && pwd -P)" "$1" "$3"
  done
  commit_at "$1" "$2" "$1" "$3"
  put_back "$1"
)
commit_at() { # GITDIR FOLDER REPOSITORY LINKS
  [ ! -d "$2" ] || (GIT_DIR=$1 GIT_WORK_TREE=$2; export GIT_DIR GIT_WORK_TREE
    commit_here "$3" "$4" && keep_unfilled "$3" "$4") || exit
}

# With GIT_DIR and GIT_WORK_TREE set. The session is over, so locks are stale.
commit_here() { # REPOSITORY LINKS
  cd "$GIT_WORK_TREE" || return
  rm -f "$GIT_DIR/index.lock" "$GIT_DIR/HEAD.lock"
  lost= calm='-c core.bare=false'
  notes_of "$GIT_DIR"
  [ -z "$mine" ] || g -c core.quotePath=true ls-files -u 2>/dev/null | cut -f 2 | uniq >>"$mine.unmerged"
  show_hidden
  stage "$2"
  head=$(g rev-parse -q --verify HEAD) || head=
  set -- ${head:+-p "$head"}
  if [ -s "$GIT_DIR/MERGE_HEAD" ]; then
    while read -r m; do set -- "$@" -p "$m"; done <"$GIT_DIR/MERGE_HEAD"
  elif [ -z "$head" ]; then [ -n "$(g ls-files | head -n 1)" ] || return 0
  elif [ "$tree" = "$(g rev-parse -q --verify "HEAD^{tree}")" ]; then return 0; fi
  new=$(say "Salvage uncommitted work of $task$NL$lost${NL}Miyabi-Salvage: true" | sign g commit-tree "$tree" "$@") &&
    g update-ref -m 'miyabi: salvage' HEAD "$new" || failed "cannot commit what is left in $GIT_WORK_TREE"
  for f in MERGE_HEAD MERGE_MODE MERGE_MSG AUTO_MERGE CHERRY_PICK_HEAD REVERT_HEAD SQUASH_MSG; do
    [ ! -e "$GIT_DIR/$f" ] || rm -f "$GIT_DIR/$f"
  done
}
sign() ( # COMMAND ...
  GIT_AUTHOR_NAME='Water Spider' GIT_AUTHOR_EMAIL=water-spider@localhost
  GIT_COMMITTER_NAME=$GIT_AUTHOR_NAME GIT_COMMITTER_EMAIL=$GIT_AUTHOR_EMAIL
  export GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL
  unset GIT_AUTHOR_DATE GIT_COMMITTER_DATE
  [ -z "${date:-}" ] || { GIT_AUTHOR_DATE="$date +0000" GIT_COMMITTER_DATE="$date +0000"; export GIT_AUTHOR_DATE GIT_COMMITTER_DATE; }
  "$@"
)

# Files that an agent told git not to look at.
show_hidden() {
  g ls-files -v -z 2>/dev/null | perl -0ne 'print if s/^[a-z] //' | g update-index -z --no-assume-unchanged --stdin
  g ls-files -v -z 2>/dev/null | perl -0ne 's/^[Ss] // or next; my $at = $_; chomp $at; print if -e $at || -l $at' |
    g update-index -z --no-skip-worktree --stdin
}

# Sets `tree` to one of everything that is not ignored, but for what is too large or too much; and `lost` to what git
# said of the rest.
stage() { # LINKS
  apart "$1" >"$1/pathspecs"
  e=$(add "$1/pathspecs") && tree=$(g write-tree 2>/dev/null) && return
  no_room "$e"
  rm -f "$GIT_DIR/index" "$GIT_DIR/index.lock"
  g read-tree HEAD 2>/dev/null || g read-tree --empty || failed "cannot make a new index for $GIT_WORK_TREE"
  apart "$1" >"$1/pathspecs"
  add "$1/pathspecs" >/dev/null || stage_the_rest "$1"
  tree=$(g write-tree) || failed "cannot write the tree of $GIT_WORK_TREE"
}
add() { # PATHSPECS [OPTION]: without these
  perl -e 'my $file = shift; open my $in, "<", $file or die; local $/; my @apart = split /\0/, <$in> // "";
    unshift @ARGV, $ENV{MIYABI_UNNAMED} ? ("perl", "-e", $ENV{MIYABI_UNNAMED}, "git") : "git";
    exec @ARGV, "--", ".", map { ":(exclude,top,literal)$_" } @apart or die' "$1" $plain $calm add -A ${2:-} 2>&1
}
# On stdout, NUL after each: what is not to be added. Worktrees of the agent; files over so many bytes; where more than
# 1,000 files are new, those folders of new files that hold the most. Notes the last two in words.
apart() { # LINKS
  [ -z "$mine" ] || rm -f "$mine.left"
  { g ls-files -o --exclude-standard -z 2>/dev/null; printf '\0'; g ls-files -m -z 2>/dev/null; printf '\0'
    g ls-files -o --exclude-standard --directory -z 2>/dev/null; } | perl -e '
    my ($links, $most, $many, $note, @git) = @ARGV;
    use Cwd qw(getcwd realpath);
    binmode STDIN; binmode STDOUT; local $/;
    my $all = <STDIN> // "";
    my ($new, $changed, $groups) = map { [split /\0/] } split /(?:^|(?<=\0))\0/, $all, 3;
    my ($here, @apart, @said) = (realpath(getcwd()));
    opendir my $h, $links;
    for my $link (grep { /^worktree-\d+\.folder\z/ } readdir $h) {
      my $at = readlink "$links/$link";
      push @apart, $1 if $at =~ m{^\Q$here\E/(.+)\z}s;
    }
    my $inside = sub { my ($file) = @_; grep { $file eq $_ || index($file, "$_/") == 0 } @apart };
    my @new = grep { !m{/\z} && !$inside->($_) } @{ $new || [] };
    my %large;
    my @over = grep { $most && !-l $_ && -f _ && -s _ > $most } @new, @{ $changed || [] };
    my %pointer;    # a file that goes to Git LFS is a small one to git
    if (@over && open my $lfs, "-|", "git", @git, "config", "--get", "filter.lfs.process") {
      my ($is_set, $attributes) = <$lfs> // "";
      open $attributes, "-|", "git", @git, "check-attr", "-z", "filter", "--", @over if $is_set =~ /\S/;
      my @told = $attributes ? split /\0/, <$attributes> // "" : ();
      while (my ($file, undef, $filter) = splice @told, 0, 3) { $pointer{$file} = 1 if $filter eq "lfs" }
    }
    for my $file (@over) {
      my $size = -s $file;
      next if $pointer{$file} || $large{$file}++;
      push @apart, $file;
      push @said, sprintf "%s (%.0f MB)", $file, $size / 1e6;
    }
    my $count = grep { !$large{$_} } @new;
    if ($count > $many) {
      my %in;
      my @folders = sort { length $b <=> length $a } grep { m{/\z} } @{ $groups || [] };
      my %folder = map { $_ => 1 } @folders;
      for my $file (grep { !$large{$_} } @new) {
        my ($at, $found) = ("", "");
        while ($file =~ m{([^/]*/)}g) { $at .= $1; if ($folder{$at}) { $found = $at; last } }
        $in{ $found eq "" ? "./$file" : $found }++;
      }
      for my $group (sort { $in{$b} <=> $in{$a} || $a cmp $b } keys %in) {
        last if $count <= $many;
        $count -= $in{$group};
        my $is_folder = $group =~ m{/\z};
        push @apart, $is_folder ? substr($group, 0, -1) : substr($group, 2);
        push @said, $is_folder ? "$group ($in{$group} files)" : $apart[-1];
      }
    }
    if ($note ne "" && @said) {
      open my $out, ">>", $note or die;
      binmode $out;
      s/[\0-\x1f\x7f]/?/g, print {$out} "$_\n" for @said;
    }
    print "$_\0" for @apart' "$1" "$most" 1000 "${mine:+$mine.left}" $plain $calm
}
# Files that nobody may read, filters that are not installed: what can be had is had, as it lies there.
stage_the_rest() { # LINKS
  find . -name .git -prune -o -type d ! -perm -u+rx -exec chmod u+rx {} \; 2>/dev/null
  find . -name .git -prune -o -type f ! -perm -u+r -exec chmod u+r {} \; 2>/dev/null
  for f in $(g config --name-only --get-regexp '^filter\..*\.(required|clean|process)$'); do
    case $f in *[!A-Za-z0-9._-]*) ;; *.required) calm="$calm -c $f=false";; *) calm="$calm -c $f=";; esac
  done
  apart "$1" >"$1/pathspecs"
  e=$(add "$1/pathspecs" --ignore-errors) && return
  no_room "$e"
  lost="${NL}Not saved, as git said:$NL$e$NL"
  say "miyabi: not everything could be saved: $e" >&2
}
no_room() { case $1 in *"No space left"* | *"quota exceeded"*) die 73 "cannot save: No space left on device";; esac; }

# Files in a submodule's folder that is no repository, never was one here or is none any more: git passes over them, so
# they go to the strays. The branch keeps the submodule.
keep_unfilled() ( # REPOSITORY LINKS
  cd "$GIT_WORK_TREE" && g ls-files -s -z | unfilled >"$2/unfilled" || failed "cannot look for submodules in $GIT_WORK_TREE"
  [ -s "$2/unfilled" ] || exit 0
  GIT_INDEX_FILE=$GIT_DIR/miyabi-unfilled
  rm -f "$GIT_INDEX_FILE" "$GIT_INDEX_FILE.lock"
  cp "$GIT_DIR/index" "$GIT_INDEX_FILE" && export GIT_INDEX_FILE &&
    perl -0pe 's/^[^\t]*\t//' "$2/unfilled" | g update-index -z --force-remove --stdin || failed "cannot make an index for $GIT_WORK_TREE"
  apart "$2" >"$2/pathspecs"
  e=$(add "$2/pathspecs") || { no_room "$e"; stage_the_rest "$2"; }
  { cat "$2/unfilled"; printf '\0'; g ls-files -z; } | still_empty | g update-index -z --index-info &&
    tree=$(g write-tree) || failed "cannot write the tree of submodules in $GIT_WORK_TREE"
  rm -f "$GIT_INDEX_FILE"
  head=$(g rev-parse -q --verify HEAD) || head=
  [ -z "$head" ] || [ "$tree" != "$(g rev-parse -q --verify "HEAD^{tree}")" ] || exit 0
  date=${head:+$(g log -1 --format=%ct "$head")}   # what was found before is the same commit
  new=$(say "Salvage files in submodules of $task that are no repositories$NL${NL}Miyabi-Salvage: true" |
    sign g commit-tree "$tree" ${head:+-p "$head"}) &&
    g --git-dir="$1" update-ref "refs/miyabi/nested/unfilled/$new" "$new" || failed "cannot keep the files of submodules"
)
# Of `ls-files -s -z`, the rows of submodules whose folder holds something, without a repository that git can use.
unfilled() {
  perl -ne 'BEGIN { $/ = "\0"; delete @ENV{qw(GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE)} }
    chomp;
    my ($oid, $path) = /^160000 ([0-9a-f]+) \d\t(.*)\z/s or next;
    my $at = ".";
    next if $seen{$path}++ || grep { $at .= "/$_"; -l $at || !-d _ } split m{/}, $path;
    opendir my $h, $at or next;
    next if !grep { !/^\.(?:\.|git)?\z/ } readdir $h;
    my $pid = open my $said, "-|";
    defined $pid or die "cannot fork: $!\n";
    if (!$pid) { open STDERR, ">", "/dev/null"; exec "git", "-C", $at, "rev-parse", "--show-prefix" or exit 1 }
    my $prefix = do { local $/; <$said> };
    print "160000 $oid 0\t$path\0" if !close $said || ($prefix // "") ne "\n"'
}
# Those of them that have no file in the index.
still_empty() {
  perl -e 'binmode STDIN; binmode STDOUT; local $/;
    my ($rows, $files) = map { [split /\0/] } split /\0\0/, <STDIN> // "", 2;
    my %has;
    for my $file (@{ $files || [] }) { while ($file =~ m{/}g) { $has{ substr $file, 0, pos($file) - 1 } = 1 } }
    for my $row (@$rows) { print "$row\0" if $row =~ /\t(.*)\z/s && !$has{$1} }'
}

# Repositories inside: their history goes to the strays, their files into the branch.
set_aside() { # REPOSITORY LINKS
  for l in "$2"/aside-*; do
    [ -h "$l" ] || continue
    a=$1/miyabi-aside/${l##*-}
    mkdir -p "$a" && mv "$l" "$a/at" && mv "$a/at/.git" "$a/git" || failed "cannot set ${l##*/} aside"
  done
}
put_back() { # REPOSITORY
  for a in "$1"/miyabi-aside/*/git; do
    [ -e "$a" ] || [ -h "$a" ] || continue
    a=${a%/git}
    [ -e "$a/at/.git" ] || mv "$a/git" "$a/at/.git"
    rm -rf "$a"
  done
}
# What a repository inside has that none of its remotes has, uncommitted work included, becomes the task's. A submodule's
# is collected by itself.
keep_history() { # REPOSITORY LINK NAME
  (
    inner=$(cd -P -- "$2" && pwd -P) && { [ ! -d "$inner/.git" ] || whole_head "$inner/.git"; } && inner_git=$(g -C "$inner" rev-parse --absolute-git-dir) || exit 0
    save_repository "$inner_git" "$inner" "$2.links"
    ! is_submodule "$inner_git" || exit 0
    theirs=--remotes
    [ -z "$(g --git-dir="$inner_git" remote)" ] || theirs='--remotes --tags'
    n=0
    for tip in $(named_in_files "$inner_git" | tips "$inner_git" --not $theirs); do
      n=$((n + 1))
      g --git-dir="$inner_git" update-ref "refs/miyabi/tip/$n" "$tip"
    done
    [ "$n" -eq 0 ] || g --git-dir="$1" fetch -q --no-tags "$inner" "+refs/miyabi/tip/*:refs/miyabi/nested/$3/*" &&
      rm -f "$1/FETCH_HEAD"
  ) </dev/null || say "miyabi: the history of a repository inside could not be kept" >&2
}

# HEAD and the task's branch: where HEAD has gone on, the branch goes along. Where it went elsewhere, both stay.
settle() {
  h= && read -r h 2>/dev/null <"$repo/HEAD"
  [ -n "$h" ] && [ "$h" != "ref: refs/heads/$branch" ] || return 0
  head=$(in_task rev-parse -q --verify HEAD) || return 0
  tip=$(in_task rev-parse -q --verify "refs/heads/$branch") || tip=
  [ -z "$tip" ] || in_task merge-base --is-ancestor "$tip" "$head" || return 0
  in_task update-ref -m 'miyabi: settle' "refs/heads/$branch" "$head" "$tip" &&
    in_task symbolic-ref -m 'miyabi: settle' HEAD "refs/heads/$branch" || failed "cannot move the branch $branch"
}

# ---- strays.sh: commits that a session made and its branch does not hold: amended, reset, stashed, on other branches

# Sets `strays` to a commit that holds them all, or to nothing. What was found before stays in it.
find_strays() { # BASE
  strays=$(in_task rev-parse -q --verify refs/miyabi/strays) || strays=
  given | sed 's/^/^/' >"$notes.links/given"
  set -- $({ known "$1"; say "^refs/heads/$branch"; [ -z "$strays" ] || say "^$strays"; cat "$notes.links/given"
    named_in_files "$repo"; } | tips "$repo")
  [ $# -eq 0 ] || tie_strays "$@" $strays
}
# The commits of a repository, those in its logs too, that are parents of no other. On stdin further ones, ^ before those
# that do not count. One broken ref, or one commit that is missing, ends git's whole walk: then all are tried one by one.
tips() { # GITDIR [OPTION ...]
  gitdir=$1 walk=$notes.links/walk.$$
  shift
  cat >"$walk.asked"
  walked --all --reflog "$@" <"$walk.asked" || {
    { cat "$walk.asked"; named_by_refs "$gitdir"; } >"$walk.every"
    grep '^^' "$walk.every" >"$walk.healthy"
    for c in $(grep -v '^^' "$walk.every" | sort -u); do
      { grep '^^' "$walk.every"; say "$c"; } | walked "$@" && say "$c" >>"$walk.healthy"
    done
    walked "$@" <"$walk.healthy"
  }
  awk '{ if (!($1 in inner)) order[++n] = $1; for (i = 2; i <= NF; i++) inner[$i] } END {
    for (i = 1; i <= n; i++) if (!(order[i] in inner)) print order[i] }' "$walk"
}
walked() { g --git-dir="$gitdir" rev-list --parents --stdin "$@" >"$walk" 2>/dev/null; }
named_by_refs() { # GITDIR
  g --git-dir="$1" for-each-ref --format='%(objectname)' 2>/dev/null | there "$1" commit tag
  find "$1/logs" -type f -exec sed -n 's/^[0-9a-f]* \([0-9a-f]*\) .*/\1/p' {} + 2>/dev/null | there "$1" commit
}
known() { ! in_task cat-file -e "$1^{commit}" 2>/dev/null || say "^$1"; }   # COMMIT: as what does not count, where it is here
# What the clone had from the beginning is nobody's work.
given() {
  for c in "$store"/miyabi/clone-*; do
    [ ! -f "$c" ] || sed -n '/^== packed-refs$/,$s/^\([0-9a-f]\{40,64\}\) .*/\1/p' "$c"
  done | there "$repo" commit tag
}
there() { # GITDIR TYPE ...: those of the ids on stdin that are objects of these types there
  sort -u | g --git-dir="$1" cat-file --batch-check='%(objectname) %(objecttype)' | sed -n "s/ $2\$//p;s/ ${3:-$2}\$//p"
}
# Commits that git names in files beside refs and logs: HEADs of worktrees, what a rebase or merge has put aside.
named_in_files() { # GITDIR
  for d in "$1" "$1"/worktrees/*; do
    for f in HEAD ORIG_HEAD CHERRY_PICK_HEAD REVERT_HEAD MERGE_AUTOSTASH rebase-merge/autostash rebase-merge/orig-head \
      rebase-apply/autostash rebase-apply/orig-head sequencer/head; do
      [ ! -f "$d/$f" ] || sed -n 's/^\([0-9a-f]\{40,64\}\)$/\1/p' "$d/$f"
    done
    [ ! -f "$d/logs/HEAD" ] || sed -n 's/^[0-9a-f]* \([0-9a-f]*\) .*/\1/p' "$d/logs/HEAD"
  done | there "$1" commit
}

# The same tips make the same commit, as old as the newest of them.
tie_strays() { # COMMIT ...
  date=$(in_task log --no-walk --format=%ct "$@" | sort -n | tail -n 1)
  text=$(say "Stray commits of $branch$NL" && in_task log --no-walk=unsorted --format='%h %s' "$@")
  tree=$(in_task rev-parse "$1^{tree}")
  for c; do set -- "$@" -p "$c"; shift; done
  strays=$(say "$text" | sign in_task commit-tree "$tree" "$@") &&
    in_task update-ref refs/miyabi/strays "$strays" || failed "cannot keep the stray commits"
}

# ---- large_objects.sh: Git LFS objects come and go; each is named by its SHA-256 and size, OID:SIZE
# The store has those that came, in lfs/objects, as git-lfs has them: the tasks' git-lfs finds them by the alternates.

# Those on stdin that are not here: in the store, or, for `task`, in none of the repositories of the task either.
large_lacks() { # store|task
  find_checkout
  g lfs version >/dev/null 2>&1 || [ "$1" = task ] ||
    die 78 "there is no git-lfs on this machine's PATH ($PATH), and the repository keeps files in Git LFS. Install it (brew install git-lfs, or apt install git-lfs)"
  large_objects "$1" lacks || failed "cannot look for LFS objects"
}
# On stdin one behind the other. What was there before us, half-written, goes.
large_put() { # FORMAT OID:SIZE ...
  make_store "$1"
  shift
  mkdir -p "$store/lfs/tmp" || failed "cannot make $store/lfs"
  for f in "$store"/lfs/tmp/miyabi-*; do [ ! -f "$f" ] || kill -0 "${f##*-}" 2>/dev/null || rm -f "$f"; done
  large_objects store put "$@" || { [ $? -ne 65 ] || die 65 "LFS objects came short"; failed "cannot keep LFS objects"; }
}
# On stdout one behind the other; the store has them too from then on, for tasks that build on this one.
large_get() { # OID:SIZE ...
  find_checkout
  large_objects task get "$@" || failed "cannot bring LFS objects"
}
# Those that no run has asked for in a month. Only where nobody borrows from the store.
tend_large_objects() {
  [ ! -d "$store/lfs/objects" ] || is_borrowed_from ||
    find "$store/lfs/objects" -type f -mtime +30 -exec rm -f {} + 2>/dev/null
}

large_objects() { # store|task lacks|put|get [OID:SIZE ...]
  where=$1 doing=$2
  shift 2
  perl -e '
    use strict;
    my ($where, $doing, $store, $home, $repo, @asked) = @ARGV;
    my $kept = "$store/lfs/objects";
    binmode $_ for *STDIN, *STDOUT;
    @asked = split " ", join " ", <STDIN> if $doing eq "lacks";
    my @objects = map { /^([0-9a-f]{64}):(\d+)\z/ ? [$1, $2] : exit 64 } @asked;
    sub place { my ($oid) = @_; return $kept . "/" . substr($oid, 0, 2) . "/" . substr($oid, 2, 2) . "/$oid" }
    sub make { my ($folder) = @_; -d $folder or mkdir $folder or $folder =~ m{(.*)/} && (make($1), mkdir $folder) }
    sub digest {
      my ($file) = @_;
      if (eval { require Digest::SHA; 1 }) { return Digest::SHA->new(256)->addfile($file, "b")->hexdigest }
      open my $sum, "-|", "sha256sum", $file or return "";
      return substr(<$sum> // "", 0, 64);
    }
    sub keep {    # a file of ours, or a link to one of a task, becomes the object
      my ($file, $oid) = @_;
      make(place($oid) =~ m{(.*)/});
      rename $file, place($oid) or die "$!\n";
    }
    if ($doing eq "put") {
      my $new = "$store/lfs/tmp/miyabi-$$";
      for (@objects) {
        my ($oid, $left) = @$_;
        open my $out, ">", $new or die "$new: $!\n";
        binmode $out;
        while ($left) {
          my $got = read STDIN, my $some, $left < 65536 ? $left : 65536;
          last if !$got;
          print {$out} $some or die "$new: $!\n";
          $left -= $got;
        }
        close $out or die "$new: $!\n";
        if (digest($new) ne $oid) { unlink $new; exit 65 }
        chmod 0444, $new;
        keep($new, $oid);
      }
      exit 0;
    }
    my (%at, %wanted) = ();
    $wanted{ $_->[0] } = $_->[1] for @objects;
    my $note = sub {
      my ($oid, $file) = @_;
      push @{ $at{$oid} }, $file if exists $wanted{$oid} && !-l $file && -f _ && -s _ == $wanted{$oid};
    };
    $note->($_, place($_)) for keys %wanted;
    if ($where eq "task") {
      my @folders = grep { -d } $home, index("$repo/", "$home/") ? $repo : ();
      open my $find, "-|", "find", @folders, "-path", "*/lfs/objects/*", "-type", "f", "-print0" or die "find: $!\n";
      local $/ = "\0";
      for my $file (<$find>) { chomp $file; $note->($1, $file) if $file =~ m{/([0-9a-f]{64})\z} }
    }
    for (@objects) {
      my ($oid, $size) = @$_;
      utime undef, undef, place($oid);
      my ($good) = grep { $where eq "store" || digest($_) eq $oid } @{ $at{$oid} || [] };
      if ($doing eq "lacks") { print "$oid\n" if !defined $good; next }
      open my $in, "<", $good // exit 70 or die "$good: $!\n";
      binmode $in;
      while (read $in, my $some, 65536) { print {*STDOUT} $some or die "$!\n" }
      my $new = "$store/lfs/tmp/miyabi-$$";
      make("$store/lfs/tmp");
      keep($new, $oid) if $good ne place($oid) && link $good, $new;
      unlink $new;
    }
    close STDOUT or die "$!\n"' "$where" "$doing" "$store" "$home" "$repo" "$@"
}

# ---- verbs.sh: what is asked of us

# What is in none of the commits goes to stdout as a bundle; nothing where there is nothing.
collect() { # SESSION BASE [max=BYTES] [HAVE ...]
  session=$1 base=$2 most=
  shift 2
  case ${1:-} in max=*) most=${1#max=}; shift;; esac
  [ -f "$notes.ready" ] || [ -d "$home" ] || die 68 "there is no checkout of $run/$task here"
  if [ -f "$notes.inside" ]; then
    lock "$gate"
    enter
    [ -d "$checkout" ] || { GIT_WORK_TREE=$repo; export GIT_WORK_TREE; }   # removed: git would look for it
    [ ! -d "$repo" ] || { whole "$base"; settle; }
  else
    salvage "$session" "$most" "$base"
    find_checkout
    each_inside tell_inside
  fi
  if [ ! -d "$repo" ] || { [ ! -f "$notes.inside" ] && ! is_here; }; then
    say "miyabi-gone" >&2
    say "miyabi-collected $base -" >&2
    return
  fi
  head=$(in_task rev-parse -q --verify "refs/heads/$branch") || die 68 "the branch $branch is gone from $checkout"
  mkdir -p "$notes.links"
  find_strays "$base"
  if [ -n "$strays" ] && ! in_task rev-list --objects --quiet "$strays" "^$head" $(known "$base") 2>/dev/null; then
    say "miyabi-left what is beside its branch: objects of it are missing" >&2
    strays=
  fi
  set -- $(printf '%s\n' "$@" | in_task cat-file --batch-check='%(objectname) %(objecttype)' |
    sed -n 's/^\(.*\) commit$/^\1/p')
  if [ -n "$(in_task rev-list -n 1 "$head" $strays "$@")" ]; then
    in_task bundle create - "refs/heads/$branch" ${strays:+refs/miyabi/strays} "$@" || failed "cannot make the bundle"
  fi
  # tasks that build on this one find its commits in the store
  [ "$head" = "$base" ] || in_store fetch -q --no-tags "$checkout" "+refs/heads/$branch:refs/miyabi/heads/$run/$task" >&2 &&
    rm -f "$store/FETCH_HEAD"
  [ ! -f "$notes.unmerged" ] || sed 's/^/miyabi-unmerged /' "$notes.unmerged" >&2
  [ -f "$notes.inside" ] || beside | sed 's/^/miyabi-left /' >&2
  [ ! -f "$notes.left" ] || sed 's/^/miyabi-left /' "$notes.left" >&2
  say "miyabi-collected $head ${strays:--}" >&2
}

# Files that lie beside the checkout, in no repository.
beside() {
  for f in "$home"/* "$home"/.[!.]*; do
    [ -e "$f" ] || [ -h "$f" ] || continue
    case $f in "$checkout" | "$home"/git.*) continue;; esac
    [ -e "$f/.git" ] || [ "$f" = "$repo" ] || { printf '../%s\n' "${f##*/}" | tr -c '[:print:]\n' '?'; }
  done | head -n 20
}

verb=${1:-}
case $# in 0 | 1 | 2 | 3) die 64 "usage: VERB WORKSPACE KEY RUN [TASK ...]";; esac
need
[ "$verb" != prepare ] || [ -d "$2" ] || mkdir -p "$2" || die 73 "cannot make the workspace $2"
places "$2" "$3" "$4" "${5:-}" || {
  case $verb in remove | foreign) exit 0;; esac
  die 68 "there is no workspace $2"
}
case $verb in
  prepare | salvage | collect) is_linked && { as_linked "$@"; exit; };;
esac
case $verb in
  embed) shift 5; [ $# -eq 8 ] || die 64 "usage: embed WORKSPACE KEY RUN TASK FORMAT BASE BYTES CLONE CLONE_BYTES OUTER AT PATH"; embed "$@";;
  prepare) shift 5; [ $# -eq 5 ] || die 64 "usage: prepare WORKSPACE KEY RUN TASK FORMAT BASE BYTES CLONE CLONE_BYTES"; prepare "$@";;
  salvage) salvage "$6" "${7:-}";;
  collect) shift 5; collect "$@";;
  remove)
    if [ -z "${5:-}" ]; then remove_run "$2" "$3" "$4"
    elif is_linked; then as_linked "$@"; else remove; fi;;
  foreign) foreign;;
  large-lacks) large_lacks "$6";;
  large-put) shift 5; large_put "$@";;
  large-get) shift 5; large_get "$@";;
  *) die 64 "unknown verb: $verb";;
esac
