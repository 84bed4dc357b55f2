#!/usr/bin/perl
# Processes: which are alive, which belong to a session, how they are ended. /proc on Linux, ps elsewhere.
use strict;
use warnings;

my $linux = -e '/proc/self/stat' && !$ENV{MIYABI_NO_PROC};    # tests go the way of macOS by it
my $boot_id;

sub nap { my ($seconds) = @_; select undef, undef, undef, $seconds }
sub entries { my ($folder) = @_; opendir my $h, $folder or return; return grep { !/^\./ } readdir $h }

sub slurp {
    my ($path) = @_;
    open my $file, '<', $path or return '';
    local $/;
    my $text = <$file>;
    return defined $text ? $text : '';
}

sub clock {    # seconds; no step of the machine's clock changes it
    require Time::HiRes;
    my $now = eval { Time::HiRes::clock_gettime(Time::HiRes::CLOCK_MONOTONIC()) };
    return defined $now ? $now : time;
}

sub boot {
    $boot_id ||= slurp('/proc/sys/kernel/random/boot_id') || `sysctl -n kern.bootsessionuuid 2>/dev/null` || 'none';
    $boot_id =~ s/\s.*//s;
    return $boot_id;
}

sub born {    # when it started: with pid and boot it is unmistakable, though pids are reused. Empty: it is dead
    my ($pid) = @_;
    if ($linux) {
        my ($state, @rest) = slurp("/proc/$pid/stat") =~ /.*\) (.*)/s ? split ' ', $1 : 'Z';
        return $state =~ /[ZX]/ ? '' : $rest[18];
    }
    my ($state, @start) = split ' ', `LC_ALL=C ps -o stat= -o lstart= -p $pid 2>/dev/null`;
    return !$state || $state =~ /Z/ ? '' : join '_', @start;
}

sub marked {    # pids with the session's mark in their environment: best effort, for those who left its tree and group
    my (@marks) = @_;
    my $ours = sub { my ($text, $border) = @_; !grep { $text !~ /(?:^|$border)\Q$_\E(?:$border|$)/ } @marks };
    return grep { $ours->(slurp("/proc/$_/environ"), "\0") } grep { /^\d+$/ } entries('/proc') if $linux;
    my @rows = `ps -A -E -ww -o pid= -o command= 2>/dev/null`;
    return map { /^\s*(\d+)\s(.*)/ && $ours->("$2", ' ') ? /(\d+)/ : () } @rows;
}

sub table {    # pid => [parent, group] of all but zombies
    my @rows = $linux
        ? map { slurp("/proc/$_/stat") =~ /^(\d+) .*\) (\S) (\d+) (\d+)/s ? [$1, $3, $4, $2] : () }
        grep { /^\d+$/ } entries('/proc')
        : map { [split] } `ps -A -o pid= -o ppid= -o pgid= -o stat=`;
    return { map { $_->[3] =~ /Z/ ? () : ($_->[0] => [@$_[1, 2]]) } @rows };
}

sub below {    # whether a process descends from the leader, or is it
    my ($pid, $leader, $all) = @_;
    my $steps = 0;
    $pid = $all->{$pid}[0] while $pid != $leader && $all->{$pid} && $steps++ < 200;
    return $pid == $leader;
}

sub tree {    # what lives below a leader, in its group, in the groups of those, or carries the marks
    my ($leader, $seen, @marks) = @_;    # $seen: pid => group of earlier calls, for children whose parent died since
    my $all = table();
    my %mine = map { $_ => 1 } marked(@marks);
    for (keys %$all) { $mine{$_} = 1 if ($seen->{$_} || -1) == $all->{$_}[1] || below($_, $leader, $all) }
    my %group = ($leader => 1, map { $all->{$_} ? ($all->{$_}[1] => 1) : () } keys %mine);
    delete @group{ 0, getpgrp() };    # 0: kernel threads, and groups of another pid namespace
    my @live = grep { $_ != $$ && ($mine{$_} || $group{ $all->{$_}[1] }) } keys %$all;
    $seen->{$_} = $all->{$_}[1] for @live;
    return @live;
}

sub end_tree {    # TERM once to each; KILL after the grace, until nothing is left or 5 s have shown that nothing helps
    my ($leader, $grace, @marks) = @_;
    my ($start, $pause, %seen) = (clock(), 0.01);
    my @live = tree($leader, \%seen, @marks) or return;
    kill TERM => @live;
    while (@live = tree($leader, \%seen, @marks)) {
        my $late = clock() - $start - $grace;
        last if $late > 5;
        kill KILL => @live if $late >= 0;
        nap($pause = $pause < 0.2 ? $pause * 1.5 : 0.2);
    }
}
