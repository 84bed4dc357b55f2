
# ---- collect.sh: commits and open work come back; and the table of verbs, of all that is asked of us

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
  [ -d "$notes.links" ] || mkdir -p "$notes.links"
  find_strays "$base"
  if [ -n "$strays" ] && ! in_task rev-list --objects --quiet "$strays" "^$head" $(known "$base") 2>/dev/null; then
    say "miyabi-left what is beside its branch: objects of it are missing" >&2
    strays=
  fi
  find_leaks "$base" "$strays"
  if [ -n "$leaks" ]; then
    say "miyabi-left what is beside its branch: it holds $(say "$leaks" | head -n 1)" >&2
    strays=
  fi
  find_leaks "$base" "$head"
  if [ -n "$leaks" ]; then
    say "$leaks" | sed 's/^/miyabi-leaked /' >&2
    head=$base
  fi
  set -- $(printf '%s\n' "$@" | in_task cat-file --batch-check='%(objectname) %(objecttype)' |
    while read -r c kind; do [ "$kind" != commit ] || say "^$c"; done)
  if [ -n "$(in_task rev-list -n 1 "$head" $strays "$@")" ]; then
    in_task bundle create - "refs/heads/$branch" ${strays:+refs/miyabi/strays} "$@" || failed "cannot make the bundle"
  fi
  # tasks that build on this one find its commits in the store
  [ "$head" = "$base" ] || in_store fetch -q --no-tags "$checkout" "+refs/heads/$branch:refs/miyabi/heads/$run/$task" >&2 &&
    rm -f "$store/FETCH_HEAD"
  [ ! -s "$notes.unmerged" ] || sed 's/^/miyabi-unmerged /' "$notes.unmerged" >&2
  [ -f "$notes.inside" ] || tell_beside
  [ ! -f "$notes.left" ] || sed 's/^/miyabi-left /' "$notes.left" >&2
  say "miyabi-collected $head ${strays:--}" >&2
}

# Up to 20 files that lie beside the checkout, in no repository.
tell_beside() {
  told=0
  for f in "$home"/* "$home"/.[!.]*; do
    [ -e "$f" ] || [ -h "$f" ] || continue
    case $f in "$checkout" | "$home"/git.*) continue;; esac
    [ -e "$f/.git" ] || [ "$f" = "$repo" ] || [ "$told" -ge 20 ] ||
      { told=$((told + 1)); printf 'miyabi-left ../%s\n' "${f##*/}" | tr -c '[:print:]\n' '?' >&2; }
  done
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
  copy | begin-setup | end-setup)
    ! is_linked || die 70 "an earlier version made the worktree $ws/worktrees/$run/$task. Run it with that version, or without setup and copy_files"
    case $verb in
      copy) put_copies "$6";;
      begin-setup) begin_setup "$6" "$7";;
      *) end_setup "$6";;
    esac;;
  foreign) foreign;;
  names-slot) names_slot;;
  large-lacks) large_lacks "$6";;
  large-put) shift 5; large_put "$@";;
  large-get) shift 5; large_get "$@";;
  *) die 64 "unknown verb: $verb";;
esac
