#!/usr/bin/perl
# Claude's stream-json, as far as the supervisor must know it: whether the last turn is over, and no agent works on.
# What other programs print is no such stream, and tells nothing.
use strict;
use warnings;

my $longest_line = 4 << 20;    # bytes; a longer one is let go by, a result has never come near it

sub stream {    # of a file that grows; nothing of it is read before it has been silent for a while
    my ($path, $seconds) = @_;
    return { path => $path, seconds => $seconds, size => 0, since => clock(), at => 0, rest => '', agents => {} };
}

sub has_lingered {    # it has said its last result and nothing since, for so many seconds
    my ($s) = @_;
    my $size = -s $s->{path} || 0;
    @$s{qw(size since)} = ($size, clock()) if $size != $s->{size};
    return 0 if clock() - $s->{since} < $s->{seconds};
    read_on($s) if $s->{at} < $size;
    return $s->{at} == $size && $s->{over} && !%{ $s->{agents} };
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
