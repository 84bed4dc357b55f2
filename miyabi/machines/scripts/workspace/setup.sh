
# ---- setup.sh: files that a checkout is given, and its set-up: none of that is a session's work

# The files on stdin, each as "BYTES PATH_BYTES", a line's end, its path and its content; one that is there is replaced.
# Noted before the first of them is there.
put_copies() { # BYTES
  [ -f "$notes.ready" ] || die 68 "there is no checkout of $run/$task here"
  lock "$gate"
  find_checkout
  perl -e '
    my ($top, $note, $bytes) = @ARGV;
    binmode STDIN;
    local $/;
    my ($all, %file, @order) = (<STDIN> // "");
    length $all == $bytes or print(STDERR "miyabi: the files came short: " . length($all) . " of $bytes bytes\n"), exit 65;
    while ($all =~ /\G(\d+) (\d+)\n/gc) {
      my $at = pos $all;
      push @order, my $path = substr $all, $at, $2;
      $file{$path} = substr $all, $at + $2, $1;
      pos($all) = $at + $1 + $2;
    }
    umask 077;
    my %noted = map { $_ => 1 } @order, split /\0/, do { open my $h, "<", $note; $h ? <$h> // "" : "" };
    open my $out, ">", "$note.new" or die "$note.new: $!\n";
    print {$out} map { "$_\0" } sort keys %noted and close $out and rename "$note.new", $note or die "$note: $!\n";
    for my $path (@order) {
      my ($folder, @names) = ($top, split m{/}, $path);
      my $name = pop @names;
      for (@names) {
        $folder .= "/$_";
        die "$folder is no folder\n" if -l $folder || !-d $folder && !mkdir $folder;
      }
      my $new = "$folder/.miyabi-copy-$$";
      unlink $new;
      open my $h, ">", $new or die "$new: $!\n";
      binmode $h;
      (print {$h} $file{$path} and close $h and rename $new, "$folder/$name")
        or do { my $why = $!; unlink $new; die "$folder/$name: $why\n" };
    }' "$checkout" "$notes.copies" "$1" || { c=$?; [ $c -ne 65 ] || exit 65; failed "cannot write the files into $checkout"; }
  (cd "$checkout" && perl -0ne 'chomp; print "$_\0" if (-s $_ || 0) >= 8' "$notes.copies" | with_content >"$notes.copied")
  ignore <"$notes.copies"
}

# 10: a file of the checkout, but for git's own, names a variable of ours that a set-up ahead has not: any but MIYABI_CACHE.
# This script, which does, has to be found as well: else nobody has looked.
names_slot() {
  [ -d "$checkout" ] || die 68 "there is no checkout of $run/$task here"
  found=$(cd "$checkout" && find . -name .git -prune -o -type f -exec grep -lE 'MIYABI_([^C]|C[^A]|$)' "$0" {} + 2>/dev/null | sort -u | head -n 2)
  [ "$found" = "$0" ] || exit 10
}

# From now on the session's work has not begun; what is there already is no set-up's. 10: it was set up by COMMANDS.
begin_setup() { # SESSION COMMANDS
  lock "$gate"
  [ "$(cat "$notes.setup" 2>/dev/null)" != "$2" ] || exit 10
  find_checkout
  note_stood && say "$1" >"$notes.begun" && note_before || failed "cannot look through $checkout"
  each_inside as_inside note_before || exit
}
# Where HEAD and the task's branch stand, and all commits that refs and logs name.
note_stood() {
  [ ! -f "$notes.stood" ] && stood=$(in_task rev-parse -q --verify "refs/heads/$branch") && cp "$repo/HEAD" "$notes.head" || return 0
  { say "$stood"; in_task rev-list --no-walk --all --reflog; } >"$notes.stood.new" 2>/dev/null
  mv "$notes.stood.new" "$notes.stood"
}
# Branch and HEAD are put back where they stood; the files stay, and what was committed meanwhile is no work.
take_back() {
  [ -s "$notes.stood" ] || return 0
  read -r stood <"$notes.stood"
  sed 's/^/^/' "$notes.stood" | in_task rev-list --all --reflog --stdin >>"$notes.made" 2>/dev/null
  [ "$(in_task rev-parse -q --verify "refs/heads/$branch")" = "$stood" ] ||
    in_task update-ref -m 'miyabi: before the set-up' "refs/heads/$branch" "$stood" || return
  cmp -s "$notes.head" "$repo/HEAD" || cp "$notes.head" "$repo/HEAD"
}
note_before() { [ -f "$notes.before" ] || { new_files >"$notes.before.new" && mv "$notes.before.new" "$notes.before"; }; }
# Calls the command where that submodule of the task is the repository.
as_inside() ( # COMMAND NOTE
  store=${2%/miyabi/*} notes=${2%.inside}
  enter
  [ ! -d "$repo" ] || "$1" || failed "cannot look through $checkout"
)
new_files() { [ ! -d "$checkout" ] || (cd "$checkout" && g --git-dir="$repo" --work-tree=. ls-files -o --exclude-standard -z "$@"); }

# What it made is ignored from now on, and of what it changed the content is noted.
end_setup() { # COMMANDS
  lock "$gate"
  find_checkout
  each_inside as_inside note_set_up || exit
  take_back && note_set_up && rm -f "$notes.stood" && say "$1" >"$notes.setup" && rm -f "$notes.begun" || failed "cannot note what was set up in $checkout"
}
note_set_up() {
  [ ! -d "$checkout" ] || in_task --work-tree="$checkout" read-tree --reset HEAD 2>/dev/null || :   # staged is as good as not
  { cat "$notes.before" 2>/dev/null; printf '\0'; new_files; printf '\0'; new_files --directory; } | perl -e '
    binmode STDIN; binmode STDOUT; local $/;
    my ($before, $files, $groups) = map { [split /\0/] } split /(?:^|(?<=\0))\0/, <STDIN> // "", 3;
    my %before = map { $_ => 1 } @{ $before || [] };
    my @new = grep { !$before{$_} } @{ $files || [] };
    if (@new > 1000) {    # folders that are new as a whole are named as such
      my @whole = grep { my $g = $_; $g =~ m{/\z} && !grep { index($_, $g) == 0 } keys %before } @{ $groups || [] };
      my %whole = map { $_ => 1 } @whole;
      my $in = sub { my $at = ""; for (split m{(?<=/)}, $_[0]) { return 1 if $whole{ $at .= $_ } } };
      @new = (@whole, grep { !$in->($_) } @new);
    }
    print map { "$_\0" } @new' | ignore || exit
  set_up_content >"$notes.tracked" && rm -f "$notes.before"
}
# Tracked files that differ from the commit, and those that git was told not to look at, as "CONTENT PATH", NUL after each.
set_up_content() {
  [ ! -d "$checkout" ] || (cd "$checkout" && { in_task --work-tree=. ls-files -m -z
    in_task --work-tree=. ls-files -v -z | perl -0ne 'print if s/^[a-zS] //'; } | with_content)
}
# CONTENT: the id of a file's content, the target of a link, the commit of a repository; "-" where there is nothing.
with_content() {
  perl -e 'binmode STDIN; binmode STDOUT; local $/; my %seen;
    my @all = grep { !$seen{$_}++ } split /\0/, <STDIN> // "";
    delete @ENV{qw(GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE)};
    my $commit = sub { open my $h, "-|", "git", "-C", $_[0], "rev-parse", "HEAD" or return ""; (<$h> // "") =~ /(\w*)/; $1 };
    my $what = sub { -l $_[0] ? "@" . unpack "H*", readlink $_[0] : (-d _) ? "/" . $commit->($_[0]) : (-e _) ? "?$$" : "-" };
    while (my @some = splice @all, 0, 200) {
      my @there = grep { -f && !-l } @some;
      my %oid = map { $_ => $what->($_) } @some;
      if (@there && open my $hash, "-|", "git", "hash-object", "--no-filters", "--", @there) {
        my @oids = split /\n/, <$hash> // "";
        @oid{@there} = @oids if @oids == @there;
      }
      print map { "$oid{$_} $_\0" } @some;
    }'
}

# Paths on stdin, NUL after each, that no git here adds by itself from now on.
ignore() {
  mkdir -p "$repo/info"
  perl -e 'binmode STDIN; local $/;
    my ($note, $exclude) = @ARGV;
    my $slurp = sub { open my $h, "<", $_[0] or return ""; binmode $h; <$h> // "" };
    my @new = map { s/([\\*?\[\]])/\\$1/g; s/( +)\z/"\\ " x length $1/e; "/$_\n" } grep { !/\n/ } split /\0/, <STDIN> // "";
    for my $file ($note, $exclude) {
      my $text = $slurp->($file);
      my %there = map { ("$_\n" => 1) } split /\n/, $text;
      open my $out, ">>", $file or die "$file: $!\n";
      binmode $out;
      print {$out} ($text =~ /[^\n]\z/ ? "\n" : ""), grep { !$there{$_}++ } @new and close $out or die "$file: $!\n";
    }' "$notes.exclude" "$repo/info/exclude" || failed "cannot write $repo/info/exclude"
}

# For `apart`, NUL after each: files that were copied, whatever is in them now, and those that are as the set-up left them.
# None that git passes over by itself: `add` takes the name of one for an attempt to add it.
not_work() {
  [ ! -f "$mine.copies" ] || g ls-files -c -o --exclude-standard -z | of_both "$mine.copies"
  [ ! -s "$mine.tracked" ] || perl -0pe 's/^\S+ //' "$mine.tracked" | with_content | of_both "$mine.tracked" |
    perl -0pe 's/^\S+ //'
}
unstage_copies() {
  [ -f "$notes.copies" ] || return 0
  g diff --cached --name-only --diff-filter=A -z HEAD 2>/dev/null | of_both "$notes.copies" | g update-index -z --force-remove --stdin
}
# Sets `leaks` to the files of COMMIT beyond BASE that have the path of one that was copied, or its content, of eight bytes
# at least; one a line.
find_leaks() { # BASE COMMIT
  leaks=
  [ ! -f "$notes.copies" ] || [ -z "$2" ] || leaks=$(in_task rev-list --objects "$2" "^$1" 2>/dev/null | perl -e '
    my ($paths, $oids) = map { open my $h, "<", $_ or die; local $/; <$h> // "" } @ARGV;
    my %path = map { $_ => 1 } split /\0/, $paths;
    my %oid = map { /^(\S+) / ? ($1 => 1) : () } split /\0/, $oids;
    while (<STDIN>) {
      chomp;
      my ($oid, $path) = split / /, $_, 2;
      print "$path\n" if length($path // "") && ($path{$path} || $oid{$oid});
    }' "$notes.copies" "$notes.copied" | sort -u)
}
of_both() { # FILE: those of stdin, NUL after each, that it has too
  perl -e 'binmode STDIN; binmode STDOUT; local $/;
    open my $h, "<", $ARGV[0] or exit; binmode $h;
    my %there = map { $_ => 1 } split /\0/, <$h> // "";
    print map { "$_\0" } grep { $there{$_} } split /\0/, <STDIN> // ""' "$1"
}
is_setting_up() { is_noted "$notes.begun" "$1"; } # SESSION: it ended before its agent began
