
# ---- salvage.sh: what a session left uncommitted becomes a commit, whatever state it left git in

salvage() { # SESSION [BASE]
  [ -f "$mirror/config" ] || die 68 "there is no mirror $mirror"
  lock "$notes.lock"
  [ "$(cat "$notes.salvaged" 2>/dev/null)" = "$1" ] && return
  rm -f "$mirror/refs/heads/$branch.lock"
  if [ -d "$worktree" ]; then
    whole "${2:-}"
    below "$worktree/" commit_elsewhere
    (GIT_DIR=$admin GIT_WORK_TREE=$worktree; export GIT_DIR GIT_WORK_TREE; commit_here) || exit
  fi
  settle
  say "$1" >"$notes.salvaged" || failed "cannot write $notes.salvaged"
}

# Git's part of the worktree, where an agent or a crash has damaged it.
whole() { # BASE
  read -r h <"$admin/HEAD" 2>/dev/null && case $h in "ref: refs/"* | *[0-9a-f]) return;; esac
  g --git-dir="$mirror" rev-parse -q --verify "refs/heads/$branch" >/dev/null || { [ -n "$1" ] && attach "$1"; } ||
    die 68 "the branch $branch is gone from $mirror, and its base too. The files are still in $worktree"
  made=
  relink || failed "cannot repair the worktree $worktree"
}

# With GIT_DIR and GIT_WORK_TREE set. The session is over, so locks are stale; hooks, signing and identity are ours.
commit_here() {
  cd "$GIT_WORK_TREE" || return
  rm -f "$GIT_DIR/index.lock" "$GIT_DIR/HEAD.lock"
  lost=
  stage
  tree=$(g write-tree) || failed "cannot write the tree of $GIT_WORK_TREE"
  head=$(g rev-parse -q --verify HEAD) || head=
  set -- ${head:+-p "$head"}
  if [ -s "$GIT_DIR/MERGE_HEAD" ]; then
    while read -r m; do set -- "$@" -p "$m"; done <"$GIT_DIR/MERGE_HEAD"
  elif [ "$tree" = "$(g rev-parse -q --verify "HEAD^{tree}")" ]; then return 0; fi
  new=$(say "Salvage uncommitted work of $task$NL$lost${NL}Miyabi-Salvage: true" | sign g commit-tree "$tree" "$@") &&
    g update-ref -m 'miyabi: salvage' HEAD "$new" || failed "cannot commit what is left in $GIT_WORK_TREE"
  for f in MERGE_HEAD MERGE_MODE MERGE_MSG AUTO_MERGE CHERRY_PICK_HEAD REVERT_HEAD SQUASH_MSG; do rm -f "$GIT_DIR/$f"; done
}
sign() {
  GIT_AUTHOR_NAME='Water Spider' GIT_AUTHOR_EMAIL=water-spider@localhost \
    GIT_COMMITTER_NAME='Water Spider' GIT_COMMITTER_EMAIL=water-spider@localhost "$@"
}

# Everything that is not ignored goes into the index; sets `lost` to what git said of the rest.
stage() {
  others=$(g ls-files -o --exclude-standard 2>/dev/null) && g ls-files >/dev/null 2>&1 || {
    rm -f "$GIT_DIR/index"
    g read-tree HEAD 2>/dev/null || g read-tree --empty || failed "cannot make a new index for $GIT_WORK_TREE"
    others=$(g ls-files -o --exclude-standard)
  }
  set_aside
  g add -A . 2>/dev/null || stage_the_rest
  put_back
}
# Files nobody may read, filters that are not installed: what can be had is had, and as it lies there.
stage_the_rest() {
  find . -name .git -prune -o ! -type l ! -perm -u+r -exec chmod u+rwX {} + 2>/dev/null
  set --
  for f in $(g config --name-only --get-regexp '^filter\..*\.(required|clean|process)$'); do
    case $f in *.required) set -- "$@" -c "$f=false";; *) set -- "$@" -c "$f=";; esac
  done
  e=$(g "$@" add -A --ignore-errors . 2>&1) || {
    case $e in *"No space left"*) die 73 "cannot stage: No space left on device";; esac
    lost="${NL}Not saved, as git said:$NL$e$NL"
    say "miyabi: not everything could be saved: $e" >&2
  }
}

# Repositories that an agent made inside: their history goes to the strays, their files into the branch.
set_aside() {
  rm -rf "$GIT_DIR/miyabi-aside"
  n=0
  say "$others" | sed -n 's,/$,,p' | while read -r d; do
    n=$((n + 1))
    case $(cat "$d/.git" 2>/dev/null) in "gitdir: $mirror/"*) continue;; esac
    [ -d "$d/.git" ] && nested "$d" "$n"
    mkdir -p "$GIT_DIR/miyabi-aside/$n" && say "$PWD/$d" >"$GIT_DIR/miyabi-aside/$n/at" && mv "$d/.git" "$GIT_DIR/miyabi-aside/$n/git"
  done
}
put_back() {
  for a in "$GIT_DIR"/miyabi-aside/*/at; do
    [ -f "$a" ] && read -r d <"$a" && mv "${a%/at}/git" "$d/.git"
  done
  rm -rf "$GIT_DIR/miyabi-aside"
}
