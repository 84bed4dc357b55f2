#!/usr/bin/perl
# Reading along: frames from an offset on, until the session is over.
use strict;
use warnings;

sub follow {
    my %stream = (o => ["$dir/out", $words[0] || 0], e => ["$dir/err", $words[1] || 0]);
    my ($parent, $quiet, $due, $rest, $over) = (getppid, 3, 0, 0);
    $SIG{PIPE} = 'DEFAULT';
    until ($over) {
        $over = !-e "$dir/hold" && ended($id);    # before the last read: what was written before the end is read
        if ($quiet >= 3) {
            $over ||= look($id)->{state} =~ /lost|orphan|none/;    # nobody will tell the end of these
            exit 1 if getppid != $parent;
            emit("H\n");
            $quiet = 0;
        }
        if ($over || $due-- <= 0) {    # output every 10 to 50 ms, as it is busy; the end every 10 ms
            my $copied = copy('o', $stream{o}) + copy('e', $stream{e});
            $due = $rest = $copied ? 0 : $rest < 4 ? $rest + 1 : 4;
        }
        next if $over;
        nap(0.01);
        $quiet += 0.01;    # naps added up, so that a step of the clock cannot stop the heartbeat
    }
    emit('X ' . line($id, free()));
}

sub emit {
    my ($text) = @_;
    while (length $text) {
        my $n = syswrite STDOUT, $text;
        exit 1 unless defined $n;
        substr $text, 0, $n, '';
    }
}

sub copy {
    my ($name, $stream) = @_;
    my $copied = 0;
    unless ($stream->[2]) {
        open my $file, '<', $stream->[0] or return 0;
        my $size = -s $file;
        emit("T $name $size\n") if $size < $stream->[1];
        sysseek $file, $stream->[1], 0;
        $stream->[2] = $file;
    }
    while (my $n = sysread $stream->[2], my $bytes, 65536) {
        emit("D $name $stream->[1] $n\n$bytes");
        $stream->[1] += $n;
        $copied += $n;
    }
    return $copied;
}
