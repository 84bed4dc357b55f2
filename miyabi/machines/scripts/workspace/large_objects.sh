
# ---- large_objects.sh: Git LFS objects come and go; each is named by its SHA-256 and size, OID:SIZE
# The store has those that came, in lfs/objects, as git-lfs has them: the tasks' git-lfs finds them by the alternates.

# Those on stdin that are not here: in the store, or, for `task`, in none of the repositories of the task either.
large_lacks() { # store|task
  find_checkout
  g lfs version >/dev/null 2>&1 || [ "$1" = task ] ||
    die 78 "there is no git-lfs on this machine's PATH ($PATH), and the repository keeps files in Git LFS. Install it (brew install git-lfs, or apt install git-lfs)"
  large_objects "$1" lacks || failed "cannot look for LFS objects"
}
# On stdin one behind the other. What was there before us, half-written, goes.
large_put() { # FORMAT OID:SIZE ...
  make_store "$1"
  shift
  mkdir -p "$store/lfs/tmp" || failed "cannot make $store/lfs"
  for f in "$store"/lfs/tmp/miyabi-*; do [ ! -f "$f" ] || kill -0 "${f##*-}" 2>/dev/null || rm -f "$f"; done
  large_objects store put "$@" || { [ $? -ne 65 ] || die 65 "LFS objects came short"; failed "cannot keep LFS objects"; }
}
# On stdout one behind the other; the store has them too from then on, for tasks that build on this one.
large_get() { # OID:SIZE ...
  find_checkout
  large_objects task get "$@" || failed "cannot bring LFS objects"
}
# Those that no run has asked for in a month. Only where nobody borrows from the store.
tend_large_objects() {
  [ ! -d "$store/lfs/objects" ] || is_borrowed_from ||
    find "$store/lfs/objects" -type f -mtime +30 -exec rm -f {} + 2>/dev/null
}

large_objects() { # store|task lacks|put|get [OID:SIZE ...]
  where=$1 doing=$2
  shift 2
  perl -e '
    use strict;
    my ($where, $doing, $store, $home, $repo, @asked) = @ARGV;
    my $kept = "$store/lfs/objects";
    binmode $_ for *STDIN, *STDOUT;
    @asked = split " ", join " ", <STDIN> if $doing eq "lacks";
    my @objects = map { /^([0-9a-f]{64}):(\d+)\z/ ? [$1, $2] : exit 64 } @asked;
    sub place { my ($oid) = @_; return $kept . "/" . substr($oid, 0, 2) . "/" . substr($oid, 2, 2) . "/$oid" }
    sub make { my ($folder) = @_; -d $folder or mkdir $folder or $folder =~ m{(.*)/} && (make($1), mkdir $folder) }
    sub digest {
      my ($file) = @_;
      if (eval { require Digest::SHA; 1 }) { return Digest::SHA->new(256)->addfile($file, "b")->hexdigest }
      open my $sum, "-|", "sha256sum", $file or return "";
      return substr(<$sum> // "", 0, 64);
    }
    sub keep {    # a file of ours, or a link to one of a task, becomes the object
      my ($file, $oid) = @_;
      make(place($oid) =~ m{(.*)/});
      rename $file, place($oid) or die "$!\n";
    }
    if ($doing eq "put") {
      my $new = "$store/lfs/tmp/miyabi-$$";
      for (@objects) {
        my ($oid, $left) = @$_;
        open my $out, ">", $new or die "$new: $!\n";
        binmode $out;
        while ($left) {
          my $got = read STDIN, my $some, $left < 65536 ? $left : 65536;
          last if !$got;
          print {$out} $some or die "$new: $!\n";
          $left -= $got;
        }
        close $out or die "$new: $!\n";
        if (digest($new) ne $oid) { unlink $new; exit 65 }
        chmod 0444, $new;
        keep($new, $oid);
      }
      exit 0;
    }
    my (%at, %wanted) = ();
    $wanted{ $_->[0] } = $_->[1] for @objects;
    my $note = sub {
      my ($oid, $file) = @_;
      push @{ $at{$oid} }, $file if exists $wanted{$oid} && !-l $file && -f _ && -s _ == $wanted{$oid};
    };
    $note->($_, place($_)) for keys %wanted;
    if ($where eq "task") {
      my @folders = grep { -d } $home, index("$repo/", "$home/") ? $repo : ();
      open my $find, "-|", "find", @folders, "-path", "*/lfs/objects/*", "-type", "f", "-print0" or die "find: $!\n";
      local $/ = "\0";
      for my $file (<$find>) { chomp $file; $note->($1, $file) if $file =~ m{/([0-9a-f]{64})\z} }
    }
    for (@objects) {
      my ($oid, $size) = @$_;
      utime undef, undef, place($oid);
      my ($good) = grep { $where eq "store" || digest($_) eq $oid } @{ $at{$oid} || [] };
      if ($doing eq "lacks") { print "$oid\n" if !defined $good; next }
      open my $in, "<", $good // exit 70 or die "$good: $!\n";
      binmode $in;
      while (read $in, my $some, 65536) { print {*STDOUT} $some or die "$!\n" }
      my $new = "$store/lfs/tmp/miyabi-$$";
      make("$store/lfs/tmp");
      keep($new, $oid) if $good ne place($oid) && link $good, $new;
      unlink $new;
    }
    close STDOUT or die "$!\n"' "$where" "$doing" "$store" "$home" "$repo" "$@"
}
