
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
