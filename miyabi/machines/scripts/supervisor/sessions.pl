#!/usr/bin/perl
# What is on disk about sessions, and what it means.
#
# WORKSPACE/sessions/ID/  cmd input after   the parts, renamed into place together; setup too, where there is one
#                         claim             who supervises: one record on one inode, rewritten in place
#                         hold              its second name, renamed to end.RC.HOW.CHECK when all is over
#                         slot              the number of its slot; none has what was set up ahead
#                         out err setup.log check.log log stop.GRACE
# WORKSPACE/slots/ID      its third name: the session holds a slot for as long as anything of it lives
# WORKSPACE/lock          locked by whoever counts slots and launches
#
# The end is told by a rename, which needs no free block: a full disk cannot lose an exit status.
use strict;
use warnings;

my ($root, $verb, $id, @words) = @ARGV;
my $users_umask = umask 077;
my $dir = "$root/sessions/" . (defined $id ? $id : '');
my @mark = defined $id ? marks($id) : ();

sub marks { my ($session) = @_; return ("MIYABI_SESSION=$session", "MIYABI_WORKSPACE=$root") }
sub refuse { my ($status, $text) = @_; print STDERR "miyabi: $text\n"; exit $status }
sub reason { my ($what) = @_; return (($!{ENOSPC} || $!{EDQUOT} ? 73 : 74), "cannot $what: $!") }
sub cannot { my ($what) = @_; refuse(reason($what)) }

sub put {
    my ($path, $text) = @_;
    open my $file, '>', $path or return 0;
    binmode $file;
    return (print {$file} $text) && close $file;
}

sub scrap { my ($folder) = @_; unlink map { "$folder/$_" } entries($folder); return rmdir $folder }

sub record {
    my ($path) = @_;
    my %r = (sup => 0, born => '-', boot => '-', pg => 0, pgborn => '-', rc => '-', how => '-');
    my @fields = split ' ', slurp($path);
    @r{qw(sup born boot pg pgborn rc how)} = @fields if @fields == 7;
    return \%r;
}

sub supervised { my ($r) = @_; return $r->{boot} eq boot() && $r->{born} eq born($r->{sup}) }

sub leader {    # the pid that the session's tree hangs on, -1 where it and its group are no more
    my ($r) = @_;
    return -1 if $r->{boot} ne boot() || !$r->{pg};
    my $all = table();
    return -1 unless grep { $_->[1] == $r->{pg} } values %$all;
    return !$all->{ $r->{pg} } || born($r->{pg}) eq $r->{pgborn} ? $r->{pg} : -1;
}

sub orphaned { my ($r, $session) = @_; return $r->{boot} eq boot() && (leader($r) > 0 || marked(marks($session))) }
sub ended { my ($session) = @_; return grep { /^end\.\d+\.\w+\.(?:\d+|-)$/ } entries("$root/sessions/$session") }

sub look {
    my ($session) = @_;
    my $staged = -e "$root/sessions/$session/cmd" ? 'staged' : 'none';
    my $claim = "$root/sessions/$session/claim";
    for my $again (0, 1) {    # it may end between the two looks
        my %end;
        (undef, @end{qw(rc how check)}) = split /\./, (ended($session))[0] || '';
        return { %end, state => 'exited' } if defined $end{check};
        return { state => $staged, rc => '-', how => '-', check => '-' } unless -e $claim;
        my $r = record($claim);
        $r->{check} = '-';
        $r->{state} = supervised($r) ? 'running' : $again ? orphaned($r, $session) ? 'orphan' : 'lost' : next;
        return $r;
    }
}

sub free {    # KiB left on the disk of the workspace
    open my $df, '-|', 'df', '-Pk', $root or return '-';
    return join('', <$df>) =~ /\n\S.*?\s\d+\s+\d+\s+(\d+)\s/ ? $1 : '-';
}

sub line {
    my ($session, $free) = @_;
    my $s = look($session);
    my ($out, $err) = map { -s "$root/sessions/$session/$_" || 0 } qw(out err);
    return "miyabi1 $session $s->{state} rc=$s->{rc} by=$s->{how} check=$s->{check} out=$out err=$err"
        . ' now=' . time . " free=$free over=" . over($session) . "\n";
}

sub over {    # seconds since the session's last word; the rename of finish() has set the inode's change time
    my ($session) = @_;
    my ($end) = ended($session);
    my $changed = defined $end && (stat "$root/sessions/$session/$end")[10];
    return !$changed ? '-' : time > $changed ? time - $changed : 0;
}

sub make_folders {
    for ($root, "$root/sessions", "$root/slots") { -d or mkdir $_ or -d or cannot("make $_") }
}

sub finish {    # the last word on a session; its slot is free
    my ($rc, $how, $check) = @_;
    my $end = "$dir/end.$rc.$how.$check";
    rename "$dir/hold", $end or link "$dir/claim", $end;
    unlink "$root/slots/$id";
}
