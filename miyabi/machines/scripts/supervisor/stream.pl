#!/usr/bin/perl
# Claude's stream-json, as far as the supervisor must know it: whether the last turn is over, and no agent works on.
# What other programs print is no such stream, and tells nothing.
use strict;
use warnings;

my $longest_line = 4 << 20;    # bytes; a longer one is let go by, a result has never come near it

sub stream {    # of a file that grows; nothing of it is read before it has been silent for a while
    my ($path, $seconds, $stall) = @_;
    my %read = (size => 0, at => 0, rest => '', agents => {});
    return { path => $path, seconds => $seconds, stall => $stall > 0 ? $stall : 9e9, silent => 0, looked => clock(), %read };
}

sub ended_by_silence {    # lingered: after its last result; stalled: in the middle of its work; '' while it is short
    my ($s) = @_;
    my ($size, $now, $most) = (-s $s->{path} || 0, clock(), $s->{seconds} / 5);
    my $since = $now - $s->{looked};    # may be hours: a machine that slept was not silent for so long
    @$s{qw(silent looked)} = ($s->{silent} + ($since < $most ? $since : $most), $now);
    @$s{qw(size silent)} = ($size, 0) if $size != $s->{size};
    return '' if $s->{silent} < $s->{seconds} && $s->{silent} < $s->{stall};
    read_on($s) if $s->{at} < $size;
    return '' if $s->{at} != $size;
    return $s->{silent} >= $s->{seconds} && 'lingered' if $s->{over} && !%{ $s->{agents} };
    return $s->{silent} >= $s->{stall} && 'stalled';
}

sub read_on {    # what has been appended; of a line that is not whole yet only that it is there
    my ($s) = @_;
    open my $file, '<', $s->{path} or return;
    binmode $file;
    seek $file, $s->{at}, 0;
    while (my $n = read $file, my $bytes, 1 << 20) {
        $s->{at} += $n;
        my @lines = split /\n/, $s->{rest} . $bytes, -1;
        $s->{rest} = pop @lines;
        if (@lines && $s->{torn}) { shift @lines; @$s{qw(torn over)} = (0, 0) }
        heed($s, $_) for @lines;
        @$s{qw(rest torn)} = ('', 1) if length $s->{rest} > $longest_line;
    }
}

sub heed {    # one line; only a line that can tell something is taken apart
    my ($s, $line) = @_;
    my $first = $line =~ /^\s*\{\s*"type"\s*:\s*"(\w+)"/ ? $1 : '';
    if ($first eq 'system') {
        my $event = fields($line);
        my $kind = $event->{subtype} || '';
        $s->{over} = 0 if $kind eq '"init"';    # the next turn
        note_agents($s, $event, $kind);
    } elsif ($first =~ /^(?:assistant|user|stream_event)$/) {
        $s->{over} = 0 unless $line =~ /"parent_tool_use_id"\s*:\s*"/;    # that is an agent's
    } elsif ($line =~ /"type"\s*:\s*"result"/) {    # its members come in any order
        my $result = fields($line);
        $s->{over} = 1 if ($result->{type} || '') eq '"result"' && $result->{subtype};
    }
}

sub note_agents {    # those in the background; a command there is none, and is not waited for
    my ($s, $event, $kind) = @_;
    my ($task, $type) = map { defined $_ ? $_ : '' } @$event{qw(task_id task_type)};
    if ($kind eq '"background_tasks_changed"') {    # all there are
        my @tasks = ($event->{tasks} || '') =~ /"task_type"\s*:\s*"([^"\\]*)"/g;
        $s->{agents} = { map { $_ => 1 } grep { is_agent($tasks[$_]) } 0 .. $#tasks };
        $s->{tells_all} = 1;
    } elsif ($s->{tells_all} || !$task) {
        return;
    } elsif ($kind eq '"task_started"') {
        $s->{agents}{$task} = 1 if is_agent($type) && ($event->{is_backgrounded} || '') eq 'true';
    } elsif ($kind eq '"task_notification"' || ($event->{patch} || '') =~ /"status"\s*:\s*"(?!running|pending)/) {
        delete $s->{agents}{$task};
    }
}

sub is_agent { my ($type) = @_; return $type =~ /agent|teammate|workflow/ }

sub fields {    # the members of an object as they are written, {} where it is none
    my ($text) = @_;
    my %found;
    return {} unless $text =~ /\A\s*\{/gc;
    while ($text =~ /\G[\s,]*(?=")/gc) {
        my ($name, $from) = member(\$text);
        return {} unless defined $name && $text =~ /\G\s*:\s*/gc;
        $from = pos $text;
        return {} unless defined(my $value = member(\$text));
        $found{ substr $name, 1, -1 } = $value;
    }
    return $text =~ /\G\s*\}\s*\z/gc ? \%found : {};
}

sub member {    # a string, number, list or object that begins here; undef where it does not end
    my ($text) = @_;
    my ($from, $depth) = (pos $$text, 0);
    return $1 if $$text =~ /\G([^\s"{}\[\],:]+)/gc;
    do {
        return unless $$text =~ /\G[^"{}\[\]]*(["{}\[\]])/gc;
        if ($1 eq '"') { close_string($text) or return }
        else { $depth += $1 =~ /[\{\[]/ ? 1 : -1 }
    } while $depth > 0;
    return substr $$text, $from, pos($$text) - $from;
}

sub close_string {
    my ($text) = @_;
    while ($$text =~ /\G[^"\\]*("|\\.)/gcs) { return 1 if $1 eq '"' }
    return 0;
}
