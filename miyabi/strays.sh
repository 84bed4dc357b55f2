
# ---- strays.sh: commits that a session made and its branch does not hold: amended, reset, stashed, on other branches

# Sets `strays` to a commit that holds them all, or to nothing. What was found before stays in it.
find_strays() { # BASE
  strays=$(in_task rev-parse -q --verify refs/miyabi/strays) || strays=
  seen=$notes.links/seen
  kept_in_files | in_task cat-file --batch-check='%(objectname) %(objecttype)' | sed -n 's/ commit$//p' >"$seen"
  { say "^$1"; say "^refs/heads/$branch"; [ -z "$strays" ] || say "^$strays"; given; cat "$seen"; } >"$seen.all"
  tips=$(in_task rev-list --parents --all --reflog --stdin <"$seen.all" |
    awk '{ if (!($1 in inner)) order[++n] = $1; for (i = 2; i <= NF; i++) inner[$i] } END {
      for (i = 1; i <= n; i++) if (!(order[i] in inner)) print order[i] }')
  [ -z "$tips" ] || tie_strays $tips $strays
}
# What the clone had from the beginning is nobody's work.
given() {
  for c in "$store"/miyabi/clone-*; do
    [ ! -f "$c" ] || sed -n '/^== packed-refs$/,$s/^\([0-9a-f]\{40,64\}\) .*/\1/p' "$c"
  done | sort -u | in_task cat-file --batch-check='^%(objectname) %(objecttype)' | sed -n '/ missing$/d;s/^\(^[0-9a-f]*\) .*/\1/p'
}
# Commits that git names in files beside refs and logs: HEADs of worktrees, what a rebase or merge has put aside.
kept_in_files() {
  for d in "$repo" "$repo"/worktrees/*; do
    for f in HEAD ORIG_HEAD CHERRY_PICK_HEAD REVERT_HEAD MERGE_AUTOSTASH rebase-merge/autostash rebase-merge/orig-head \
      rebase-apply/autostash rebase-apply/orig-head sequencer/head; do
      [ ! -f "$d/$f" ] || sed -n 's/^\([0-9a-f]\{40,64\}\)$/\1/p' "$d/$f"
    done
    [ ! -f "$d/logs/HEAD" ] || sed -n 's/^[0-9a-f]* \([0-9a-f]*\) .*/\1/p' "$d/logs/HEAD"
  done | sort -u
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
