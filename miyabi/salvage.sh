
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
