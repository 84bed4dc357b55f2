
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
# What the clone had from the beginning is nobody's work, nor is what a set-up committed.
given() {
  { cat "$notes.made" 2>/dev/null || :; of_clones; } | there "$repo" commit tag
}
of_clones() {
  for c in "$store"/miyabi/clone-*; do
    [ ! -f "$c" ] || sed -n '/^== packed-refs$/,$s/^\([0-9a-f]\{40,64\}\) .*/\1/p' "$c"
  done
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
