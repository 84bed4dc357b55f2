
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
    put("$repo/info/exclude", "/.miyabi/result.json\n/.claude/worktrees/\n" . (-e "$notes.exclude" ? slurp("$notes.exclude") : ""));
    put("$repo/packed-refs", $part{"packed-refs"} || "");
    put("$repo/shallow", $part{shallow}) if $part{shallow};
    put("$notes.config", $config);
    put("$repo/config", $config);
    put("$repo/refs/heads/$branch", "$base\n");
    put("$repo/logs/$_", $log) for "HEAD", "refs/heads/$branch";
    put("$repo/HEAD", "ref: refs/heads/$branch\n");
    unlink map { "$notes.$_" } qw(salvaged unmerged left setup tracked before begun stood head made);
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
forget_said() { gone "${1%.inside}.unmerged" "${1%.inside}.left"; } # NOTE
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
forget_notes() { for n in ready salvaged unmerged left making config clone links inside copies copied exclude setup tracked before begun stood head made; do wipe "$notes.$n"; done; }
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
