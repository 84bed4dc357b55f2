
# ---- strays.sh: commits that a session made and its branch does not hold: amended, reset, stashed, on other branches

# Sets `strays` to a commit that holds them all, or to nothing. What was found before stays in it, and what the clone had
# from the beginning is nobody's work, nor is what a set-up committed.
find_strays() { # BASE
  strays=$(in_task rev-parse -q --verify refs/miyabi/strays) || strays=
  tips=$({ say "^$1"; say "^refs/heads/$branch"; [ -z "$strays" ] || say "^$strays"; } |
    tips "$repo" -- "$notes.made" "$store"/miyabi/clone-*) || failed "cannot look for stray commits"
  set -- $tips
  [ $# -eq 0 ] || tie_strays "$@" $strays
}
known() { ! in_task cat-file -e "$1^{commit}" 2>/dev/null || say "^$1"; }   # COMMIT: as what does not count, where it is here
# The commits of a repository, those in its logs too, and those that git names in files beside them, such as HEADs of
# worktrees and what a rebase or merge has put aside, that are parents of no other. What stdin has with ^ before it does
# not count, nor do the ids in the files. One broken ref, or one commit that is missing, ends git's whole walk: then all
# are tried one by one. In one process, for each that is not started is time for the next session.
tips() { # GITDIR [OPTION ...] [-- FILE ...]
  perl -e '
    use strict;
    my ($file, $settings, $gitdir) = splice @ARGV, 0, 3;
    my (@options, %known);
    while (@ARGV) { my $word = shift; last if $word eq "--"; push @options, $word }
    sub slurp { open my $h, "<", $_[0] or return ""; binmode $h; local $/; my $t = -f $h ? <$h> : ""; return defined $t ? $t : "" }
    sub uniq { my %seen; return sort grep { !$seen{$_}++ } @_ }
    sub git {    # whether it ended well, and the lines that it printed
      my ($asked, @words) = @_;
      open my $in, ">", $file or die "$file: $!\n";
      print {$in} map { "$_\n" } @$asked and close $in or die "$file: $!\n";
      defined(my $pid = open my $said, "-|") or die "cannot fork: $!\n";
      if (!$pid) {
        open STDIN, "<", $file and open STDERR, ">", "/dev/null" and exec "git", split(" ", $settings), "--git-dir=$gitdir", @words;
        exit 127;
      }
      chomp(my @lines = <$said>);
      return (close $said, @lines);
    }
    sub there {    # those of the ids that are objects of these types here
      my ($types, @ids) = @_;
      if (my @new = grep { !$known{$_} } @ids) {
        my (undef, @rows) = git(\@new, "cat-file", "--batch-check=%(objectname) %(objecttype)");
        @known{@new} = map { [split / /] } @rows[0 .. $#new];
      }
      return map { $_->[0] } grep { @$_ > 1 && $_->[1] =~ /^(?:$types)\z/ } @known{@ids};
    }
    sub logged { return slurp($_[0]) =~ /^[0-9a-f]* ([0-9a-f]+) /mg }
    my @asked = map { /^\^(.*)/ } <STDIN>;
    my @not = grep { !/^[0-9a-f]{40,64}\z/ } @asked;
    my @given = grep { /^[0-9a-f]{40,64}\z/ } @asked;
    for (map { slurp($_) } @ARGV) {
      push @given, !/^== /m ? /^([0-9a-f]{40,64})$/mg : s/\A.*?^== packed-refs$//ms ? /^([0-9a-f]{40,64}) /mg : ();
    }
    my @named;
    opendir my $worktrees, "$gitdir/worktrees";
    for my $folder ($gitdir, map { "$gitdir/worktrees/$_" } grep { !/^\./ } $worktrees ? readdir $worktrees : ()) {
      push @named, map { slurp("$folder/$_") =~ /^([0-9a-f]{40,64})$/mg } qw(HEAD ORIG_HEAD CHERRY_PICK_HEAD REVERT_HEAD
        MERGE_AUTOSTASH rebase-merge/autostash rebase-merge/orig-head rebase-apply/autostash rebase-apply/orig-head sequencer/head);
      push @named, logged("$folder/logs/HEAD");
    }
    there("", uniq(@given, @named));    # both at once
    my @tips = there("commit", uniq(@named));
    push @not, uniq(there("commit|tag", @given));
    my @walk = ("rev-list", "--parents", "--stdin");
    my ($is_whole, @rows) = git([(map { "^$_" } @not), @tips], @walk, "--all", "--reflog", @options);
    if (!$is_whole) {
      my (undef, @refs) = git([], "for-each-ref", "--format=%(objectname)");
      my $find;
      open $find, "-|", "find", "$gitdir/logs", "-type", "f", "-print0" if -d "$gitdir/logs";
      my @logs = split /\0/, do { local $/; $find ? <$find> // "" : "" };
      my @healthy = map { "^$_" } @not;
      for (uniq(@tips, there("commit|tag", @refs), there("commit", map { logged($_) } @logs))) {
        my ($is_good) = git([(map { "^$_" } @not), $_], @walk, @options);
        push @healthy, $_ if $is_good;
      }
      (undef, @rows) = git(\@healthy, @walk, @options);
    }
    my (@order, %inner);
    for (@rows) {
      my ($commit, @parents) = split / /;
      push @order, $commit if !$inner{$commit};
      @inner{@parents} = (1) x @parents;
    }
    print map { "$_\n" } grep { !$inner{$_} } @order' "$notes.links/asked.$$" "$plain $calm" "$@"
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
