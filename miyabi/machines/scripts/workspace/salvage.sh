
# ---- salvage.sh: what a session left uncommitted becomes a commit, whatever state it left git in

salvage() { # SESSION [BYTES [BASE]]
  [ -f "$store/config" ] || die 68 "there is no store $store"
  lock "$gate"
  is_noted "$notes.salvaged" "$1" && return
  forget_said "$notes"
  each_inside forget_said
  find_checkout
  if ! is_setting_up "$1" && is_here; then
    most=${2:-0}
    whole "${3:-}"
    save_repository "$repo" "$checkout" "$notes.links" || exit
    settle
  elif is_setting_up "$1"; then take_back || failed "cannot take back what a set-up did in $checkout"
  fi
  say "$1" >"$notes.salvaged" || failed "cannot write $notes.salvaged"
}
# Not where an agent has put a link to something else in its place: that is none of ours.
is_here() { [ -d "$checkout" ] && [ "$(cd -P -- "$checkout" && pwd -P)" = "$checkout" ]; }
# Where an agent has moved its checkout, in the task's folder or beside it, or only what was in `.git`.
find_checkout() {
  if [ -f "$repo" ] && [ ! -h "$repo" ]; then
    d=$(sed -n '1s/^gitdir: //p' "$repo")
    case $d in /*) ;; *) d=$checkout/$d;; esac
    [ ! -f "$d/logs/refs/heads/$branch" ] || repo=$(cd -P -- "$d" && pwd -P)
  fi
  [ ! -e "$checkout" ] || return 0
  for d in "$home"/*/.git "$home"/.[!.]*/.git "$ws/checkouts/$run"/*/.git; do
    [ -f "$d/objects/info/alternates" ] && [ -f "$d/logs/refs/heads/$branch" ] || continue
    repo=$d checkout=${d%/.git}
    return
  done
}

# The repository, where an agent or a crash has damaged it.
whole() { # BASE
  base=$1 clone=
  is_noted "$notes.clone" '' || clone=$noted
  [ -f "$store/miyabi/clone-$clone" ] || clone=
  [ ! -h "$repo" ] || rm -f "$repo"
  if [ -d "$repo" ]; then
    { [ -d "$repo/refs" ] && [ -d "$repo/objects" ]; } || mkdir -p "$repo/refs" "$repo/objects"
    whole_head "$repo"
    gone "$repo/refs/heads/$branch.lock"
  fi
  has_branch && sound=1 || sound=   # then it is readable, too
  [ -n "$sound" ] || readable || { [ -f "$repo/config" ] && cp "$notes.config" "$repo/config" 2>/dev/null; readable; } || anew
  is_ours || { sound=; anew; }
  borrows ||
    { mkdir -p "$repo/objects/info" && say "$store/objects" >>"$repo/objects/info/alternates"; }
  in_task for-each-ref --count=1 >/dev/null 2>&1 || { sound=; mv "$repo/packed-refs" "$repo/packed-refs.broken" 2>/dev/null; }
  r=$repo/refs/heads/$branch
  [ ! -e "$r" ] || [ -s "$r" ] || rm -f "$r"   # what a loss of power leaves
  [ ! -d "$repo/refs/heads/$branch" ] || out_of_the_way
  [ -n "$sound" ] || has_branch || restore_branch ||
    die 68 "the branch $branch is gone from $checkout, and its base too. The files are still there"
  is_noted "$repo/info/exclude" /.miyabi/result.json || grep -qx /.miyabi/result.json "$repo/info/exclude" 2>/dev/null ||
    { mkdir -p "$repo/info" && { printf '/.miyabi/result.json\n/.claude/worktrees/\n'; cat "$notes.exclude" 2>/dev/null || :; } >>"$repo/info/exclude"; }
}
# HEAD where it was emptied or overwritten: on the task's branch, in another worktree at the last commit of its log.
whole_head() { # GITDIR
  h= && read -r h 2>/dev/null <"$1/HEAD"
  case $h in "ref: refs/"?* | *[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]) return;; esac
  h=$(sed -n '$s/^[0-9a-f]* \([0-9a-f]*\) .*/\1/p' "$1/logs/HEAD" 2>/dev/null)
  if [ "$1" = "$repo" ] || [ -z "$h" ]; then h="ref: refs/heads/$branch"; fi
  say "$h" >"$1/HEAD"
}
readable() { [ -d "$repo" ] && in_task rev-parse --git-dir >/dev/null 2>&1; }
has_branch() { in_task cat-file -e "refs/heads/$branch^{tree}" 2>/dev/null; }
borrows() {
  is_noted "$repo/objects/info/alternates" "$store/objects" || grep -qxF "$store/objects" "$repo/objects/info/alternates" 2>/dev/null
}
is_ours() { [ -f "$repo/logs/refs/heads/$branch" ] || borrows; }
find_base() { [ -n "$base" ] || base=$(in_store rev-parse -q --verify "refs/miyabi/base/$run/$task") || base=; }
# `.git` is gone or is none of ours: the files are compared with the base. An agent may have begun anew with `git init`:
# that is a history of its own, which goes to the strays.
anew() {
  find_base
  own_repository && in_task read-tree HEAD && is_made || failed "cannot repair $checkout"
  [ ! -d "$home/git.$$" ] || in_task fetch -q --no-tags "$home/git.$$" "+HEAD:refs/miyabi/nested/own/HEAD" \
    "+refs/heads/*:refs/miyabi/nested/own/heads/*" 2>/dev/null
  rm -f "$repo/FETCH_HEAD"
}
# Branches of the agent that are called as if the task's branch were a folder.
out_of_the_way() {
  in_task for-each-ref --format='create refs/miyabi/moved/%(refname:lstrip=2) %(objectname)' "refs/heads/$branch/" |
    in_task update-ref --stdin
  in_task for-each-ref --format='delete %(refname)' "refs/heads/$branch/" | in_task update-ref --stdin
}
# At the last commit that HEAD's log knows, or else at BASE. Not where an agent has gone on under another name.
restore_branch() {
  case $(cat "$repo/HEAD" 2>/dev/null) in "ref: refs/heads/$branch" | "") ;; *) return 0;; esac
  find_base
  set -- $(sed -n '$s/^\([0-9a-f]*\) \([0-9a-f]*\) .*/\2 \1/p' "$repo/logs/HEAD" 2>/dev/null) $base
  for c; do
    case $c in *[1-9a-f]*) ;; *) continue;; esac   # all zeros: there was none
    in_task cat-file -e "$c^{tree}" 2>/dev/null || continue
    in_task update-ref -m 'miyabi: restored' "refs/heads/$branch" "$c" 2>/dev/null && return
  done
  return 1
}

# What is found in a repository's folder, as numbered links, so that no name passes through the shell:
# worktree-N.git and worktree-N.folder, for each linked worktree of it, wherever its folder is;
# inner-N for each other repository in it or in those, submodules too; aside-N for those that git would add as a mere link,
# which includes worktrees of repositories that are none of the task's.
survey() { # GITDIR FOLDER LINKS
  wipe "$3"
  mkdir -p "$3" || failed "cannot make $3"
  if [ "$2" = "$checkout" ]; then around=$home; else around=$2; fi   # clones beside the checkout are the task's, too
  find "$around" -name .git -prune -print0 2>/dev/null >"$3/found"
  g --git-dir="$1" --work-tree="$2" ls-files -s -z 2>/dev/null >"$3/index"
  perl -e '
    my ($git, $top, $links, $home) = @ARGV;
    use Cwd qw(realpath);
    sub slurp { open my $h, "<", shift or return ""; binmode $h; local $/; my $t = <$h>; return defined $t ? $t : "" }
    sub link_to { my ($n, $to) = @_; symlink $to, "$links/$n" or die "cannot link $links/$n: $!\n" }
    sub above { my ($path) = @_; $path =~ s{/[^/]*\z}{}; return $path }
    sub target {
      my ($file) = @_;
      return realpath($file) if -d $file;
      my $to = slurp($file) =~ /^gitdir: (.*?)\r?\n?\z/s ? $1 : return undef;
      $to = above($file) . "/$to" if $to !~ m{^/};
      return -e $to ? realpath($to) : undef;
    }
    my ($real, $top_real, %linked, $n) = (realpath($git), realpath($top));
    my @folders;
    opendir my $h, "$git/worktrees";
    for my $name (sort grep { !/^\.\.?\z/ } $h ? readdir $h : ()) {
      my $admin = "$git/worktrees/$name";
      my $at = slurp("$admin/gitdir") =~ /^(.*?)\n?\z/s ? $1 : next;
      $at = "$admin/$at" if $at !~ m{^/};
      next unless -f $at && defined target($at) && target($at) eq realpath($admin);
      my $folder = realpath(above($at));
      next if grep { index("$_/", "$folder/") == 0 } $top_real, $ENV{HOME} || "/";    # no worktree: they are in it
      $n++;
      link_to("worktree-$n.git", realpath($admin));
      link_to("worktree-$n.folder", $folder);
      $linked{"$folder/.git"} = 1;
      push @folders, $folder if index("$folder/", "$top_real/") != 0;
    }
    my @found = split /\0/, slurp("$links/found");
    for my $folder (@folders) {
      open my $find, "-|", "find", $folder, "-name", ".git", "-prune", "-print0" or next;
      local $/; push @found, split /\0/, <$find> // "";
    }
    my %gitlink = map { /^160000 [^\t]*\t(.*)\z/s ? ("$top_real/$1/.git" => 1) : () } split /\0/, slurp("$links/index");
    my ($i, $a, %seen) = (0, 0);
    for my $dot (@found) {
      my $folder = realpath(above($dot));
      next if !defined $folder || $folder eq $top_real || $linked{"$folder/.git"} || $seen{$folder}++;
      my $to = target("$folder/.git");
      next if !defined $to || $to eq $real || !-e "$to/objects" && !-e "$to/commondir";
      my $common = -f "$to/commondir" && slurp("$to/commondir") =~ /^(.+?)\n?\z/s ? $1 : $to;
      $common = realpath($common =~ m{^/} ? $common : "$to/$common");
      my $is_own = defined $common && grep { index("$common/", "$_/") == 0 } $home, @folders;    # else of somebody elsewhere
      link_to("inner-" . ++$i, $folder) if $is_own;
      link_to("aside-" . ++$a, $folder) if index("$folder/", "$top_real/") == 0 && !$gitlink{"$folder/.git"};
    }' "$1" "$2" "$3" "$home" || failed "cannot look through $2"
}

# Commits what is uncommitted in a repository and in its worktrees; what other repositories inside have comes along.
save_repository() ( # GITDIR FOLDER LINKS
  gone "$1"/index.lock "$1"/HEAD.lock "$1"/packed-refs.lock   # the session is over: whoever held them is no more
  find "$1/refs" -name '*.lock' -exec rm -f {} + 2>/dev/null
  survey "$1" "$2" "$3"
  put_back "$1"
  for i in "$3"/inner-*; do [ ! -h "$i" ] || keep_history "$1" "$i" "${i##*/}"; done
  set_aside "$1" "$3"
  for w in "$3"/worktree-*.git; do
    [ -h "$w" ] || continue
    whole_head "$(cd -P -- "$w" && pwd -P)"
    commit_at "$(cd -P -- "$w" && pwd -P)" "$(cd -P -- "${w%.git}.folder" && pwd -P)" "$1" "$3"
  done
  commit_at "$1" "$2" "$1" "$3"
  put_back "$1"
)
commit_at() { # GITDIR FOLDER REPOSITORY LINKS
  [ ! -d "$2" ] || (GIT_DIR=$1 GIT_WORK_TREE=$2; export GIT_DIR GIT_WORK_TREE
    commit_here "$3" "$4" && keep_unfilled "$3" "$4") || exit
}

# With GIT_DIR and GIT_WORK_TREE set. The session is over, so locks are stale.
commit_here() { # REPOSITORY LINKS
  cd "$GIT_WORK_TREE" || return
  gone "$GIT_DIR/index.lock" "$GIT_DIR/HEAD.lock"
  lost= calm='-c core.bare=false'
  notes_of "$GIT_DIR"
  look_at_index "$2"
  [ -z "$mine" ] || [ ! -s "$2/unmerged" ] || g -c core.quotePath=true ls-files -u 2>/dev/null | cut -f 2 | uniq >>"$mine.unmerged"
  [ ! -s "$2/assumed" ] || g update-index -z --no-assume-unchanged --stdin <"$2/assumed"
  [ ! -s "$2/skipped" ] || g update-index -z --no-skip-worktree --stdin <"$2/skipped"
  stage "$2"
  head=$(g rev-parse HEAD "HEAD^{tree}" 2>/dev/null) || head=$(g rev-parse -q --verify HEAD) || head=
  old=${head#*"$NL"} head=${head%%"$NL"*}
  set -- ${head:+-p "$head"}
  if [ -s "$GIT_DIR/MERGE_HEAD" ]; then
    while read -r m; do set -- "$@" -p "$m"; done <"$GIT_DIR/MERGE_HEAD"
  elif [ -z "$head" ]; then [ -n "$(g ls-files | head -n 1)" ] || return 0
  elif [ "$tree" = "$old" ]; then return 0; fi
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

# What of the index needs more than a look, NUL after each: files that an agent told git not to look at, those of them that
# are there although it was told that they are not, and files that are unmerged.
look_at_index() { # LINKS: makes assumed, skipped and unmerged
  g ls-files -v -z 2>/dev/null | perl -0ne '
    BEGIN { for (qw(assumed skipped unmerged)) { open my $h, ">", "$ARGV[0]/$_" or die "$ARGV[0]/$_: $!\n"; binmode $h; $to{$_} = $h } shift }
    s/^([A-Za-z]) // or next;
    my ($tag, $at) = ($1, $_);
    chomp $at;
    print { $to{assumed} } $_ if $tag =~ /[a-z]/;
    print { $to{skipped} } $_ if $tag =~ /s/i && (-e $at || -l $at);
    print { $to{unmerged} } $_ if $tag =~ /m/i;
    END { for (values %to) { close $_ or die "$!\n" } }' "$1" || failed "cannot look through the index of $GIT_WORK_TREE"
}

# Sets `tree` to one of everything that is not ignored, but for what is too large or too much; and `lost` to what git
# said of the rest.
stage() { # LINKS
  [ "$mine" != "$notes" ] || unstage_copies
  apart "$1" >"$1/pathspecs"
  e=$(add "$1/pathspecs") && tree=$(g write-tree 2>/dev/null) && return
  no_room "$e"
  rm -f "$GIT_DIR/index" "$GIT_DIR/index.lock"
  g read-tree HEAD 2>/dev/null || g read-tree --empty || failed "cannot make a new index for $GIT_WORK_TREE"
  apart "$1" >"$1/pathspecs"
  add "$1/pathspecs" >/dev/null || stage_the_rest "$1"
  tree=$(g write-tree) || failed "cannot write the tree of $GIT_WORK_TREE"
}
add() { # PATHSPECS [OPTION]: without these
  [ -s "$1" ] || { g add -A ${2:-} -- . 2>&1; return; }
  perl -e 'my $file = shift; open my $in, "<", $file or die; local $/; my @apart = split /\0/, <$in> // "";
    unshift @ARGV, $ENV{MIYABI_UNNAMED} ? ("perl", "-e", $ENV{MIYABI_UNNAMED}, "git") : "git";
    exec @ARGV, "--", ".", map { ":(exclude,top,literal)$_" } @apart or die' "$1" $plain $calm add -A ${2:-} 2>&1
}
# On stdout, NUL after each: what is not to be added. Worktrees of the agent; files over so many bytes; where more than
# 1,000 files are new, those folders of new files that hold the most; what the checkout was given. Notes the second and
# third in words.
apart() { # LINKS
  [ -z "$mine" ] || rm -f "$mine.left"
  g ls-files -o -m -t --exclude-standard -z 2>/dev/null | perl -e '
    my ($links, $most, $many, $note, @git) = @ARGV;
    use Cwd qw(getcwd realpath);
    binmode STDIN; binmode STDOUT; local $/;
    my @all = split /\0/, <STDIN> // "";
    my @changed = map { /^C (.*)/s } @all;
    my ($here, @apart, @said) = (realpath(getcwd()));
    opendir my $h, $links;
    for my $link (grep { /^worktree-\d+\.folder\z/ } readdir $h) {
      my $at = readlink "$links/$link";
      push @apart, $1 if $at =~ m{^\Q$here\E/(.+)\z}s;
    }
    my $inside = sub { my ($file) = @_; grep { $file eq $_ || index($file, "$_/") == 0 } @apart };
    my @new = grep { !m{/\z} && !$inside->($_) } map { /^\? (.*)/s } @all;
    my %large;
    my @over = grep { $most && !-l $_ && -f _ && -s _ > $most } @new, @changed;
    my %pointer;    # a file that goes to Git LFS is a small one to git
    if (@over && open my $lfs, "-|", "git", @git, "config", "--get", "filter.lfs.process") {
      my ($is_set, $attributes) = <$lfs> // "";
      open $attributes, "-|", "git", @git, "check-attr", "-z", "filter", "--", @over if $is_set =~ /\S/;
      my @told = $attributes ? split /\0/, <$attributes> // "" : ();
      while (my ($file, undef, $filter) = splice @told, 0, 3) { $pointer{$file} = 1 if $filter eq "lfs" }
    }
    for my $file (@over) {
      my $size = -s $file;
      next if $pointer{$file} || $large{$file}++;
      push @apart, $file;
      push @said, sprintf "%s (%.0f MB)", $file, $size / 1e6;
    }
    my $count = grep { !$large{$_} } @new;
    if ($count > $many) {
      my %in;
      open my $ls, "-|", "git", @git, qw(ls-files -o --exclude-standard --directory -z) or die "git: $!\n";
      my @groups = split /\0/, <$ls> // "";
      my @folders = sort { length $b <=> length $a } grep { m{/\z} } @groups;
      my %folder = map { $_ => 1 } @folders;
      for my $file (grep { !$large{$_} } @new) {
        my ($at, $found) = ("", "");
        while ($file =~ m{([^/]*/)}g) { $at .= $1; if ($folder{$at}) { $found = $at; last } }
        $in{ $found eq "" ? "./$file" : $found }++;
      }
      for my $group (sort { $in{$b} <=> $in{$a} || $a cmp $b } keys %in) {
        last if $count <= $many;
        $count -= $in{$group};
        my $is_folder = $group =~ m{/\z};
        push @apart, $is_folder ? substr($group, 0, -1) : substr($group, 2);
        push @said, $is_folder ? "$group ($in{$group} files)" : $apart[-1];
      }
    }
    if ($note ne "" && @said) {
      open my $out, ">>", $note or die;
      binmode $out;
      s/[\0-\x1f\x7f]/?/g, print {$out} "$_\n" for @said;
    }
    print "$_\0" for @apart' "$1" "$most" 1000 "${mine:+$mine.left}" $plain $calm
  [ -z "$mine" ] || not_work
}
# Files that nobody may read, filters that are not installed: what can be had is had, as it lies there.
stage_the_rest() { # LINKS
  find . -name .git -prune -o -type d ! -perm -u+rx -exec chmod u+rx {} \; 2>/dev/null
  find . -name .git -prune -o -type f ! -perm -u+r -exec chmod u+r {} \; 2>/dev/null
  for f in $(g config --name-only --get-regexp '^filter\..*\.(required|clean|process)$'); do
    case $f in *[!A-Za-z0-9._-]*) ;; *.required) calm="$calm -c $f=false";; *) calm="$calm -c $f=";; esac
  done
  apart "$1" >"$1/pathspecs"
  e=$(add "$1/pathspecs" --ignore-errors) && return
  no_room "$e"
  lost="${NL}Not saved, as git said:$NL$e$NL"
  say "miyabi: not everything could be saved: $e" >&2
}
no_room() { case $1 in *"No space left"* | *"quota exceeded"*) die 73 "cannot save: No space left on device";; esac; }

# Files in a submodule's folder that is no repository, never was one here or is none any more: git passes over them, so
# they go to the strays. The branch keeps the submodule.
keep_unfilled() ( # REPOSITORY LINKS
  cd "$GIT_WORK_TREE" && g ls-files -s -z | unfilled >"$2/unfilled" || failed "cannot look for submodules in $GIT_WORK_TREE"
  [ -s "$2/unfilled" ] || exit 0
  GIT_INDEX_FILE=$GIT_DIR/miyabi-unfilled
  rm -f "$GIT_INDEX_FILE" "$GIT_INDEX_FILE.lock"
  cp "$GIT_DIR/index" "$GIT_INDEX_FILE" && export GIT_INDEX_FILE &&
    perl -0pe 's/^[^\t]*\t//' "$2/unfilled" | g update-index -z --force-remove --stdin || failed "cannot make an index for $GIT_WORK_TREE"
  apart "$2" >"$2/pathspecs"
  e=$(add "$2/pathspecs") || { no_room "$e"; stage_the_rest "$2"; }
  { cat "$2/unfilled"; printf '\0'; g ls-files -z; } | still_empty | g update-index -z --index-info &&
    tree=$(g write-tree) || failed "cannot write the tree of submodules in $GIT_WORK_TREE"
  rm -f "$GIT_INDEX_FILE"
  head=$(g rev-parse -q --verify HEAD) || head=
  [ -z "$head" ] || [ "$tree" != "$(g rev-parse -q --verify "HEAD^{tree}")" ] || exit 0
  date=${head:+$(g log -1 --format=%ct "$head")}   # what was found before is the same commit
  new=$(say "Salvage files in submodules of $task that are no repositories$NL${NL}Miyabi-Salvage: true" |
    sign g commit-tree "$tree" ${head:+-p "$head"}) &&
    g --git-dir="$1" update-ref "refs/miyabi/nested/unfilled/$new" "$new" || failed "cannot keep the files of submodules"
)
# Of `ls-files -s -z`, the rows of submodules whose folder holds something, without a repository that git can use.
unfilled() {
  perl -ne 'BEGIN { $/ = "\0"; delete @ENV{qw(GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE)} }
    chomp;
    my ($oid, $path) = /^160000 ([0-9a-f]+) \d\t(.*)\z/s or next;
    my $at = ".";
    next if $seen{$path}++ || grep { $at .= "/$_"; -l $at || !-d _ } split m{/}, $path;
    opendir my $h, $at or next;
    next if !grep { !/^\.(?:\.|git)?\z/ } readdir $h;
    my $pid = open my $said, "-|";
    defined $pid or die "cannot fork: $!\n";
    if (!$pid) { open STDERR, ">", "/dev/null"; exec "git", "-C", $at, "rev-parse", "--show-prefix" or exit 1 }
    my $prefix = do { local $/; <$said> };
    print "160000 $oid 0\t$path\0" if !close $said || ($prefix // "") ne "\n"'
}
# Those of them that have no file in the index.
still_empty() {
  perl -e 'binmode STDIN; binmode STDOUT; local $/;
    my ($rows, $files) = map { [split /\0/] } split /\0\0/, <STDIN> // "", 2;
    my %has;
    for my $file (@{ $files || [] }) { while ($file =~ m{/}g) { $has{ substr $file, 0, pos($file) - 1 } = 1 } }
    for my $row (@$rows) { print "$row\0" if $row =~ /\t(.*)\z/s && !$has{$1} }'
}

# Repositories inside: their history goes to the strays, their files into the branch.
set_aside() { # REPOSITORY LINKS
  for l in "$2"/aside-*; do
    [ -h "$l" ] || continue
    a=$1/miyabi-aside/${l##*-}
    mkdir -p "$a" && mv "$l" "$a/at" && mv "$a/at/.git" "$a/git" || failed "cannot set ${l##*/} aside"
  done
}
put_back() { # REPOSITORY
  for a in "$1"/miyabi-aside/*/git; do
    [ -e "$a" ] || [ -h "$a" ] || continue
    a=${a%/git}
    [ -e "$a/at/.git" ] || mv "$a/git" "$a/at/.git"
    rm -rf "$a"
  done
}
# What a repository inside has that none of its remotes has, uncommitted work included, becomes the task's. A submodule's
# is collected by itself.
keep_history() { # REPOSITORY LINK NAME
  (
    inner=$(cd -P -- "$2" && pwd -P) && { [ ! -d "$inner/.git" ] || whole_head "$inner/.git"; } && inner_git=$(g -C "$inner" rev-parse --absolute-git-dir) || exit 0
    save_repository "$inner_git" "$inner" "$2.links"
    ! is_submodule "$inner_git" || exit 0
    theirs=--remotes
    [ -z "$(g --git-dir="$inner_git" remote)" ] || theirs='--remotes --tags'
    n=0
    for tip in $(tips "$inner_git" --not $theirs </dev/null); do
      n=$((n + 1))
      g --git-dir="$inner_git" update-ref "refs/miyabi/tip/$n" "$tip"
    done
    [ "$n" -eq 0 ] || g --git-dir="$1" fetch -q --no-tags "$inner" "+refs/miyabi/tip/*:refs/miyabi/nested/$3/*" &&
      rm -f "$1/FETCH_HEAD"
  ) </dev/null || say "miyabi: the history of a repository inside could not be kept" >&2
}

# HEAD and the task's branch: where HEAD has gone on, the branch goes along. Where it went elsewhere, both stay.
settle() {
  h= && read -r h 2>/dev/null <"$repo/HEAD"
  [ -n "$h" ] && [ "$h" != "ref: refs/heads/$branch" ] || return 0
  head=$(in_task rev-parse -q --verify HEAD) || return 0
  tip=$(in_task rev-parse -q --verify "refs/heads/$branch") || tip=
  [ -z "$tip" ] || in_task merge-base --is-ancestor "$tip" "$head" || return 0
  in_task update-ref -m 'miyabi: settle' "refs/heads/$branch" "$head" "$tip" &&
    in_task symbolic-ref -m 'miyabi: settle' HEAD "refs/heads/$branch" || failed "cannot move the branch $branch"
}
