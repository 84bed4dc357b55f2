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

# ---- worktree.sh: a task's worktree comes and goes

ready() { [ -f "$notes.ready" ] && [ -d "$worktree" ]; }

prepare() { # FORMAT BASE BYTES
  incoming= made=
  trap 'tidy' EXIT
  trap 'exit 70' HUP INT TERM
  ready && [ -f "$admin/HEAD" ] && { cat >/dev/null; exit 0; }
  make_mirror "$1"
  readable
  if [ "$3" -gt 0 ]; then receive "$3"; unbundle "$incoming" || lacks; fi
  lock "$gate"
  if ready && [ -f "$admin/HEAD" ]; then return; fi
  ! is_foreign || die 70 "another repository has a run $run with a task $task here. Choose another name for this run"
  attach "$2" || lacks
  if ready; then made=; relink || failed "cannot repair the worktree $worktree"
  else build "$2"; fi
}

# The bundle, whole. Leaves nothing of those before us that were killed.
receive() { # BYTES
  for d in "$mirror"/incoming.*; do [ ! -d "$d" ] || kill -0 "${d##*.}" 2>/dev/null || rm -rf "$d"; done
  incoming=$mirror/incoming.$$
  mkdir "$incoming" && cat >"$incoming/bundle" || failed "cannot write the bundle"
  set -- "$1" $(wc -c <"$incoming/bundle")
  [ "$1" -eq "$2" ] || die 65 "the bundle came short: $2 of $1 bytes"
}
tidy() {
  [ -z "$incoming" ] || rm -rf "$incoming"
  [ -z "$made" ] || { rm -rf "$worktree" "$admin" "$notes.ready"; forget_refs "refs/heads/$branch" "refs/miyabi/base/$run/$task"; }
}
lacks() {
  g --git-dir="$mirror" for-each-ref --format='%(objectname)' | sort -u
  exit 67
}

# The task's branch, at BASE where it is new. 1: BASE is not here.
attach() { # BASE
  e=$(printf 'create refs/heads/%s %s\nupdate refs/miyabi/base/%s/%s %s\n' "$branch" "$1" "$run" "$task" "$1" |
    g --git-dir="$mirror" update-ref -m 'miyabi: base' --stdin 2>&1) && { made=1; return; }
  g --git-dir="$mirror" rev-parse -q --verify "refs/heads/$branch^{commit}" >/dev/null && return
  g --git-dir="$mirror" cat-file -e "$1^{commit}" 2>/dev/null || return 1
  failed "cannot make the branch $branch: $e"
}

# Everything anew; the note that it is ready comes last, so that what was broken off is made again.
build() { # BASE
  for d in "$worktree" "$admin" "$notes.salvaged"; do [ ! -e "$d" ] || rm -rf "$d"; done
  mkdir -p "$worktree" "$admin" 2>/dev/null || mkdir -p "$worktree" "$admin"   # a `remove` beside us takes empty ones
  exclude "$mirror"   # one file for all tasks: what an agent of another one has added would hide work of this one
  link && git_there read-tree -u --reset HEAD && : >"$notes.ready" && made= && return
  g --git-dir="$mirror" rev-list --objects --quiet "$1" >/dev/null 2>&1 || exit 67   # nothing here can be counted on
  failed "cannot check out $worktree"
}
git_there() { g --git-dir="$admin" --work-tree="$worktree" "$@"; }

# What makes a folder a worktree of the mirror. Locked: `git worktree prune` and `remove` of an agent leave it alone.
link() {
  say ../.. >"$admin/commondir" && say "$worktree/.git" >"$admin/gitdir" &&
    say "ref: refs/heads/$branch" >"$admin/HEAD" && say "in use by Water Spider" >"$admin/locked" &&
    say "gitdir: $admin" >"$worktree/.git"
}
# The same where git's part is gone and the files are not.
relink() {
  mkdir -p "$admin"
  [ ! -d "$worktree/.git" ] || mv "$worktree/.git" "$admin/miyabi-own.$$"
  link && git_there read-tree HEAD
}

# ---- remove

forget_refs() { # PATTERN ...
  [ $# -gt 0 ] || return 0
  g --git-dir="$mirror" for-each-ref --format='delete %(refname)' "$@" | g --git-dir="$mirror" update-ref --stdin
}
wipe() { # FOLDER: also where an agent took the write permission away
  [ -e "$1" ] || return 0
  rm -rf "$1" 2>/dev/null || { chmod -R u+rwx "$1" 2>/dev/null; rm -rf "$1"; } || failed "cannot remove $1"
}

remove() {
  if [ -f "$mirror/config" ]; then
    lock "$gate"
    below "$worktree/" wipe
    forget_stashes "$notes.branches"
    forget_branches "$notes.branches"
    set -- "$run/$task"
    forget_refs "refs/heads/miyabi/$1" "refs/heads/miyabi/$1+strays" "refs/miyabi/base/$1" "refs/miyabi/nested/$1"
    wipe "$admin"
    for n in ready salvaged branches names ours refs seen below; do rm -f "$notes.$n"; done
  fi
  is_foreign || { wipe "$worktree"; rm -f "$gate"; }
  rmdir "$ws/worktrees/$run" 2>/dev/null
  unlock
}
remove_run() { # WORKSPACE KEY RUN
  tasks=
  for n in "$ws/worktrees/$3"/* "$mirror/worktrees/$3"+* "$mirror/miyabi/$3"+*.ready; do
    [ -e "$n" ] || continue
    n=${n##*/} n=${n#"$3"+}
    tasks="$tasks ${n%.ready}"
  done
  for t in $tasks; do places "$1" "$2" "$3" "$t" && remove; done
  [ -f "$mirror/config" ] || return 0
  forget_refs "refs/heads/miyabi/$3" "refs/miyabi/base/$3" "refs/miyabi/nested/$3"
  rm -f "$mirror/miyabi/$3"+*
  g --git-dir="$mirror" worktree prune --expire=now
  last_one_out
  forget_refs $(g --git-dir="$mirror" for-each-ref --sort=-committerdate --format='%(refname)' refs/miyabi/known |
    tail -n +6)
  g --git-dir="$mirror" -c gc.auto=6700 -c gc.autoPackLimit=50 -c gc.pruneExpire=1.day.ago gc --auto -q \
    </dev/null >/dev/null 2>&1 || :
}

# No task is left here: what agents made beside their tasks (branches, tags, stashes, settings) goes as well.
last_one_out() {
  for n in "$mirror"/miyabi/*.ready; do [ ! -e "$n" ] || return 0; done
  g --git-dir="$mirror" for-each-ref --format='delete %(refname)' | grep -v '^delete refs/miyabi/known/' |
    g --git-dir="$mirror" update-ref --stdin
  [ ! -f "$mirror/miyabi/config" ] || cp "$mirror/miyabi/config" "$mirror/config"
}

# Every worktree that an agent made below a folder of ours: COMMAND with git's part of it and its own folder.
below() { # FOLDER/ COMMAND
  for w in "$mirror"/worktrees/*/gitdir; do
    [ -f "$w" ] && read -r d <"$w" || continue
    case $d in "$1"?*/.git) "$2" "${w%/gitdir}" "${d%/.git}";; esac
  done
}
forget_branches() { # FILE of "ref commit": branches that the task's agents made, where they stand as they stood
  [ -s "$1" ] || return 0
  while read -r r c; do say "delete $r $c" | g --git-dir="$mirror" update-ref --stdin 2>/dev/null; done <"$1"
}
forget_stashes() { # the same FILE: stashes made on the task's branch or on one of those
  [ -s "$mirror/logs/refs/stash" ] || return 0
  { say "refs/heads/$branch"; cat "$1" 2>/dev/null; } >"$notes.names"
  for n in $(g --git-dir="$mirror" reflog --format='%gd %gs' refs/stash |
    awk 'NR == FNR { names[substr($1, 12)]; next } { s = $0; sub(/^[^ ]* (WIP on|On) /, "", s); sub(/: .*/, "", s) }
      s in names { n = $1; gsub(/.*\{|\}/, "", n); print n }' "$notes.names" - | sort -rn); do
    g --git-dir="$mirror" reflog delete --rewrite --updateref "refs/stash@{$n}"
  done
}

# ---- salvage.sh: what a session left uncommitted becomes a commit, whatever state it left git in

salvage() { # SESSION [BASE]
  [ -f "$mirror/config" ] || die 68 "there is no mirror $mirror"
  lock "$gate"
  [ "$(cat "$notes.salvaged" 2>/dev/null)" = "$1" ] && return
  rm -f "$mirror/refs/heads/$branch.lock"
  readable
  if [ -d "$worktree" ]; then
    whole "${2:-}"
    below "$worktree/" commit_at
    commit_at "$admin" "$worktree"
  fi
  settle
  say "$1" >"$notes.salvaged" || failed "cannot write $notes.salvaged"
}
commit_at() { # GITDIR FOLDER
  [ ! -d "$2" ] || (GIT_DIR=$1 GIT_WORK_TREE=$2; export GIT_DIR GIT_WORK_TREE; commit_here) || exit
}

# Git's part of the worktree, where an agent or a crash has damaged it.
whole() { # BASE
  if [ -d "$worktree/.git" ]; then   # an agent began anew with `git init`
    (cd "$worktree" && keep_history . own)
    mkdir -p "$admin" && mv "$worktree/.git" "$admin/miyabi-own.$$" || failed "cannot repair the worktree $worktree"
  fi
  r=$mirror/refs/heads/$branch
  [ ! -e "$r" ] || [ -s "$r" ] || rm -f "$r"   # what a loss of power leaves
  g --git-dir="$mirror" rev-parse -q --verify "refs/heads/$branch" >/dev/null || restore_branch "$1" ||
    die 68 "the branch $branch is gone from $mirror, and its base too. The files are still in $worktree"
  h= && read -r h 2>/dev/null <"$admin/HEAD"
  case $h in
    "ref: refs/"?* | *[0-9a-f]) say "gitdir: $admin" >"$worktree/.git";;
    *) relink || failed "cannot repair the worktree $worktree";;
  esac
}
# At the last commit that HEAD's log knows, or else at BASE. Not where an agent has gone on under another name.
restore_branch() { # BASE
  case $(cat "$admin/HEAD" 2>/dev/null) in "ref: refs/heads/$branch" | "") ;; *) return 0;; esac
  set -- $(sed -n '$s/^\([0-9a-f]*\) \([0-9a-f]*\) .*/\2 \1/p' "$admin/logs/HEAD" 2>/dev/null) $1
  for c; do
    case $c in *[1-9a-f]*) ;; *) continue;; esac   # all zeros: there was none
    g --git-dir="$mirror" update-ref -m 'miyabi: restored' "refs/heads/$branch" "$c" 2>/dev/null && return
  done
  return 1
}

# With GIT_DIR and GIT_WORK_TREE set. The session is over, so locks are stale.
commit_here() {
  cd "$GIT_WORK_TREE" || return
  rm -f "$GIT_DIR/index.lock" "$GIT_DIR/HEAD.lock"
  lost=
  put_back
  g ls-files -s -v 2>/dev/null | grep -e '^[a-zS]' -e '^. 160000' >"$GIT_DIR/miyabi-odd" && odd_entries
  stage
  tree=$(g write-tree) || failed "cannot write the tree of $GIT_WORK_TREE"
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

# Files that an agent told git not to look at; repositories that it has committed as a mere link.
odd_entries() {
  sed -n 's/^[a-z] [^	]*	//p' "$GIT_DIR/miyabi-odd" | g update-index --no-assume-unchanged --stdin
  sed -n 's/^[sS] [^	]*	//p' "$GIT_DIR/miyabi-odd" | while read -r d; do [ ! -e "$d" ] || say "$d"; done |
    g update-index --no-skip-worktree --stdin
  i=0
  sed -n 's/^. 160000 [^	]*	//p' "$GIT_DIR/miyabi-odd" | while read -r d; do
    i=$((i + 1))
    [ ! -e "$d/.git" ] || keep_history "$d" "link$i"
  done
}

# Everything that is not ignored goes into the index; sets `lost` to what git said of the rest.
stage() {
  e=$(g add -A . 2>&1) && case $e in *"embedded git repository"*) false;; esac && return
  no_room "$e"
  rm -f "$GIT_DIR/index" "$GIT_DIR/index.lock"
  g read-tree HEAD 2>/dev/null || g read-tree --empty || failed "cannot make a new index for $GIT_WORK_TREE"
  set_aside
  g add -A . 2>/dev/null || stage_the_rest
  put_back
  below "$GIT_WORK_TREE/" unstage
}
# Files that nobody may read, filters that are not installed: what can be had is had, as it lies there.
stage_the_rest() {
  find . -name .git -prune -o -type d ! -perm -u+rx -exec chmod u+rx {} \; 2>/dev/null
  find . -name .git -prune -o -type f ! -perm -u+r -exec chmod u+r {} \; 2>/dev/null
  for f in $(g config --name-only --get-regexp '^filter\..*\.(required|clean|process)$'); do
    case $f in *[!A-Za-z0-9._-]*) ;; *.required) calm="$calm -c $f=false";; *) calm="$calm -c $f=";; esac
  done
  e=$(g add -A --ignore-errors . 2>&1) && return
  no_room "$e"
  lost="${NL}Not saved, as git said:$NL$e$NL"
  say "miyabi: not everything could be saved: $e" >&2
}
no_room() { case $1 in *"No space left"* | *"quota exceeded"*) die 73 "cannot save: No space left on device";; esac; }
unstage() { g reset -q -- "${2#"$GIT_WORK_TREE"/}" 2>/dev/null; }

# Repositories that an agent made inside: their history goes to the strays, their files into the branch.
set_aside() {
  i=0
  g ls-files -o --exclude-standard | sed -n 's,/$,,p' | while read -r d; do
    i=$((i + 1)) a=$GIT_DIR/miyabi-aside/$i
    case $(cat "$d/.git" 2>/dev/null) in "gitdir: $mirror/"*) continue;; esac
    keep_history "$d" "inner$i"
    mkdir -p "$a" && say "$PWD/$d" >"$a/at" && mv "$d/.git" "$a/git"
  done
}
put_back() {
  for a in "$GIT_DIR"/miyabi-aside/*/at; do
    [ -f "$a" ] && read -r d <"$a" && mv "${a%/at}/git" "$d/.git" && rm -rf "${a%/at}"
  done
}
# What a repository inside has that none of its remotes has, uncommitted work included, becomes the mirror's.
keep_history() { # FOLDER NAME
  (
    unset GIT_DIR GIT_WORK_TREE
    inner=$(cd -P -- "$1" && pwd -P) && inner_git=$(g -C "$inner" rev-parse --absolute-git-dir) || exit 0
    (commit_at "$inner_git" "$inner")
    [ -n "$(g -C "$inner" rev-list -n 1 HEAD --branches --not --remotes 2>/dev/null)" ] || exit 0
    g --git-dir="$mirror" fetch -q --no-tags "$inner" "+HEAD:refs/miyabi/nested/$run/$task/$2/HEAD" \
      "+refs/heads/*:refs/miyabi/nested/$run/$task/$2/heads/*" && rm -f "$mirror/FETCH_HEAD"
  ) </dev/null || say "miyabi: the history of $1 could not be kept" >&2
}

# HEAD and the task's branch: where HEAD has gone on, the branch goes along. Where it went elsewhere, both stay.
settle() {
  h= && read -r h 2>/dev/null <"$admin/HEAD"
  [ -n "$h" ] && [ "$h" != "ref: refs/heads/$branch" ] || return 0
  head=$(git_there rev-parse -q --verify HEAD) || return 0
  tip=$(g --git-dir="$mirror" rev-parse -q --verify "refs/heads/$branch") || tip=
  [ -z "$tip" ] || g --git-dir="$mirror" merge-base --is-ancestor "$tip" "$head" || return 0
  g --git-dir="$mirror" update-ref -m 'miyabi: settle' "refs/heads/$branch" "$head" "$tip" &&
    git_there symbolic-ref -m 'miyabi: settle' HEAD "refs/heads/$branch" || failed "cannot move the branch $branch"
}

# ---- strays.sh: commits that a session made and its branch does not hold: amended, reset, stashed, on other branches

# Sets `strays` to a commit that holds them all, or to nothing. What was found before stays in it.
find_strays() { # BASE
  strays=$(g --git-dir="$mirror" rev-parse -q --verify "refs/heads/$branch+strays") || strays=
  below "$worktree/" say_folder >"$notes.below"
  seen_commits "$1" | sort -u | g --git-dir="$mirror" cat-file --batch-check='%(objectname) %(objecttype)' |
    sed -n 's/ commit$//p' >"$notes.seen"
  [ -s "$notes.seen" ] || return 0
  tips=$({ cat "$notes.seen"; say "^$1"; our_branches | sed 's/^/^/'; } |
    g --git-dir="$mirror" rev-list --parents --stdin --not $strays |
    awk '{ if (!($1 in inner)) order[++n] = $1; for (i = 2; i <= NF; i++) inner[$i] } END {
      for (i = 1; i <= n; i++) if (!(order[i] in inner)) print order[i] }')
  [ -z "$tips" ] || tie_strays $tips $strays
}
say_folder() { say "$1"; }
# The branches that we made: those with a base. What else is below refs/heads/miyabi is an agent's.
our_branches() {
  g --git-dir="$mirror" for-each-ref --format='%(refname)' refs/heads/miyabi refs/miyabi/base |
    awk 'sub("^refs/heads/miyabi/", "") { there[$0] }
      sub("^refs/miyabi/base/", "") && $0 in there { print "refs/heads/miyabi/" $0 }'
}

# The same tips make the same commit, as old as the newest of them.
tie_strays() { # COMMIT ...
  date=$(g --git-dir="$mirror" log --no-walk --format=%ct "$@" | sort -n | tail -n 1)
  text=$(say "Stray commits of $branch$NL" && g --git-dir="$mirror" log --no-walk=unsorted --format='%h %s' "$@")
  tree=$(g --git-dir="$mirror" rev-parse "$1^{tree}")
  for c; do set -- "$@" -p "$c"; shift; done
  strays=$(say "$text" | sign g --git-dir="$mirror" commit-tree "$tree" "$@") &&
    g --git-dir="$mirror" update-ref "refs/heads/$branch+strays" "$strays" || failed "cannot keep the stray commits"
}

# Every commit that the session's own logs have seen; notes the branches that its agents made, for `remove`.
seen_commits() { # BASE
  { say; our_branches; } >"$notes.ours"
  g --git-dir="$mirror" for-each-ref --format='%(objectname) %(refname)' refs/heads "refs/miyabi/nested/$run/$task" |
    awk 'NR == FNR { ours[$1]; next } !($2 in ours) && $2 !~ /\+strays$/' "$notes.ours" - >"$notes.refs"
  perl -e '
    my ($mirror, $admin, $branch, $base, $notes) = @ARGV;
    sub slurp { open my $h, "<", shift or return (); return map { chomp; $_ } <$h> }
    sub entries { map { /^([0-9a-f]{40,64}) ([0-9a-f]{40,64}) [^\t]*\t?(.*)/ ? [$1, $2, $3] : () } slurp("$mirror/$_[0]") }
    my @ours = ($admin, slurp("$notes.below"));
    my %ours = map { $_ => 1 } @ours;
    my (%seen, %others);
    for my $log ((map { substr($_, 1 + length $mirror) . "/logs/HEAD" } @ours), "logs/refs/heads/$branch") {
      $seen{$_->[0]} = $seen{$_->[1]} = 1 for entries($log);
    }
    delete $seen{$base};
    opendir my $all, "$mirror/worktrees";
    for my $other (grep { !/^\.\.?$/ && !$ours{"$mirror/worktrees/$_"} } readdir $all) {
      my @log = map { $_->[1] } entries("worktrees/$other/logs/HEAD") or next;
      if ($other =~ /\+/) { @others{@log} = (1) x @log }
      elsif ($log[0] eq $base || grep { $seen{$_} } @log) { @seen{@log} = (1) x @log }
    }
    my %names = ($branch => 1);
    open my $made, ">", "$notes.branches" or die;
    for (slurp("$notes.refs")) {
      my ($tip, $ref) = split / /, $_, 2;
      if ($ref =~ m{^refs/miyabi/}) { $seen{$tip} = 1; next }
      my @log = entries("logs/$ref");
      my $own = $seen{$tip} || grep { $seen{$_->[1]} } @log;
      next unless $own || (!$others{$tip} && @log && $log[0][1] eq $base);
      $seen{$tip} = $names{substr($ref, 11)} = 1;
      print $made "$ref $tip\n" if $own;
    }
    for (entries("logs/refs/stash")) {
      $seen{$_->[1]} = 1 if $_->[2] =~ /^(?:WIP on|On) ([^:]+): / && $names{$1};
    }
    print "$_\n" for grep { !/^0+$/ } keys %seen' "$mirror" "$admin" "$branch" "$1" "$notes"
}

# ---- verbs.sh: what is asked of us

# What is in none of the commits goes to stdout as a bundle; nothing where there is nothing.
collect() { # SESSION BASE [HAVE ...]
  salvage "$1" "$2"
  find_strays "$2"
  head=$(g --git-dir="$mirror" rev-parse -q --verify "refs/heads/$branch") || die 68 "the branch $branch is gone from $mirror"
  shift 2
  set -- $(printf '%s\n' "$@" | g --git-dir="$mirror" cat-file --batch-check='%(objectname) %(objecttype)' |
    sed -n 's/^\(.*\) commit$/^\1/p')
  if [ -n "$(g --git-dir="$mirror" rev-list -n 1 "$head" $strays "$@")" ]; then
    g --git-dir="$mirror" bundle create - "refs/heads/$branch" ${strays:+"refs/heads/$branch+strays"} "$@" ||
      failed "cannot make the bundle"
  fi
  say "miyabi-collected $head ${strays:--}" >&2
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
  prepare) shift 5; prepare "$@";;
  salvage) salvage "$6";;
  collect) shift 5; collect "$@";;
  remove) if [ -n "${5:-}" ]; then remove; else remove_run "$2" "$3" "$4"; fi;;
  foreign) foreign;;
  *) die 64 "unknown verb: $verb";;
esac
