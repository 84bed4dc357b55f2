
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
