
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
