#!/bin/sh
# The sessions of one machine: start once, keep the output, hold the slot, end the tree.
# Plain POSIX sh is the door; the work is Perl (5.10, core modules only: what macOS and every Linux bring along).
# miyabi.toolbox puts this file and its Perl parts one behind the other into one script; `perl -x` begins at their #! line.
#
# sh supervise.sh WORKSPACE VERB ...
#   start ID SLOTS SECONDS AFTER_SECONDS LINGER_SECONDS CMD_BYTES INPUT_BYTES AFTER_BYTES
#                     <cmd, input and after, one behind the other
#                     stage the three parts and launch them once, if fewer than SLOTS sessions live here. A repeat
#                     with the same parts attaches; a session refused as full stays staged, and start may be repeated.
#                     LINGER_SECONDS: so long the agent may be silent after claude's last result
#   status ID         one status line, as `start` and `cancel` print it too
#   follow ID OUT ERR what is written from these offsets on, until the session is over, in frames:
#                     "D o|e OFFSET LENGTH\n" and LENGTH bytes | "H\n" every 3 s | "T o|e SIZE\n": the offset is
#                     past the end | "X STATUS LINE\n": it is over
#   cancel ID GRACE   TERM to the whole tree, KILL after GRACE seconds; what has not started never will
#   log ID BYTES      the last BYTES of what `after` printed
#   list | live       status lines of all sessions, or of those that hold a slot
#   rm ID             forget a session that is over
# status line: miyabi1 ID STATE rc=N by=HOW check=N out=BYTES err=BYTES now=EPOCH free=KIB over=SECONDS
#   (-: unknown; over: since it is) HOW: itself | timeout | stop | lingered: after its last result
#   STATE: none | staged | running | exited | lost: reboot or kill -9, nothing of it runs | orphan: the same, but it runs
# exit status: 0, 64 usage, 65 came short, 66 other parts under this ID, 69 full, 70 still runs, 73 disk full,
#   74 cannot write, 75 busy, 78 no perl
# In the session: MIYABI_SESSION and MIYABI_WORKSPACE; in `after` also MIYABI_AGENT_EXIT and, where the agent was
# stopped or timed out, MIYABI_STOPPED=1. MIYABI_GRACE_SECONDS (10): from TERM to KILL at a timeout.
PATH=${PATH:-/usr/bin:/bin}:/usr/bin:/bin:/usr/sbin:/sbin
export PATH
command -v perl >/dev/null 2>&1 || {
  printf '%s\n' "miyabi: no perl on the PATH of this machine ($PATH)" >&2
  exit 78
}
exec perl -x "$0" "$@"
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
#!/usr/bin/perl
# What is on disk about sessions, and what it means.
#
# WORKSPACE/sessions/ID/  cmd input after   the parts, renamed into place together
#                         claim             who supervises: one record on one inode, rewritten in place
#                         hold              its second name, renamed to end.RC.HOW.CHECK when all is over
#                         out err check.log log stop.GRACE
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

sub holders {    # sessions that hold a slot
    return grep {
        my $r = record("$root/slots/$_");
        !ended($_) && (supervised($r) || orphaned($r, $_));
    } entries("$root/slots");
}

sub make_folders {
    for ($root, "$root/sessions", "$root/slots") { -d or mkdir $_ or -d or cannot("make $_") }
}

sub lock_machine {    # by the kernel: whoever dies gives it back
    open my $lock, '>>', "$root/lock" or cannot("open $root/lock");
    local $SIG{ALRM} = sub { refuse(75, "$root/lock was held by somebody else for 20 s") };
    alarm 20;
    flock $lock, 2 or cannot("lock $root/lock");
    alarm 0;
    return $lock;
}

sub finish {    # the last word on a session; its slot is free
    my ($rc, $how, $check) = @_;
    my $end = "$dir/end.$rc.$how.$check";
    rename "$dir/hold", $end or link "$dir/claim", $end;
    unlink "$root/slots/$id";
}
#!/usr/bin/perl
# Reading along: frames from an offset on, until the session is over.
use strict;
use warnings;

sub follow {
    my %stream = (o => ["$dir/out", $words[0] || 0], e => ["$dir/err", $words[1] || 0]);
    my ($parent, $quiet, $due, $rest, $free, $over) = (getppid, 3, 0, 0, '-');
    $SIG{PIPE} = 'DEFAULT';
    until ($over) {
        $over = !-e "$dir/hold" && ended($id);    # before the last read: what was written before the end is read
        if ($quiet >= 3) {
            $free = free();
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
    emit('X ' . line($id, $free));
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

sub tail {
    open my $log, '<', "$dir/check.log" or return;
    seek $log, -$words[0], 2 if -s $log > $words[0];
    print while <$log>;
}
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
#!/usr/bin/perl
# The verbs, and the supervisor: the process that stays with a session until its end.
use strict;
use warnings;

my $stop = 0;

sub parts {    # of the session, as they come on stdin
    my ($cmd, $input, @rest) = @_;
    my ($total, $text) = (0, '');
    $total += $_ for $cmd, $input, @rest;
    binmode STDIN;
    read STDIN, $text, $total + 1;
    refuse(65, 'came short: ' . length($text) . " of $total bytes") if length $text != $total;
    my %part = (out => '', err => '', cmd => substr($text, 0, $cmd), input => substr($text, $cmd, $input));
    $part{after} = substr $text, $cmd + $input;
    return %part;
}

sub stage {    # all or nothing: a folder beside, renamed into place
    my (%part) = @_;
    return if -e "$dir/cmd" || -e "$dir/claim";
    my ($new, @why) = "$root/sessions/.$id~$$";
    mkdir $new or cannot("make $new");
    for (keys %part) { put("$new/$_", $part{$_}) or @why = reason("write $new/$_") or last }
    @why or rename $new, $dir or @why = reason("rename $new");
    scrap($new);
    refuse(@why) if @why && !-e "$dir/cmd" && !-e "$dir/claim";    # else somebody was first, which is as well
}

sub other {    # the name of a part that is there and is another one; none where it was cancelled before it came
    my (%part) = @_;
    return -e "$dir/cmd" && (grep { slurp("$dir/$_") ne $part{$_} } qw(cmd input after))[0];
}

sub start {
    my ($slots, $seconds, $after_seconds, $linger, @sizes) = @words;
    refuse(64, 'start ID SLOTS SECONDS AFTER_SECONDS LINGER_SECONDS, three sizes')
        if @sizes != 3 || grep { !/^\d+(\.\d+)?$/ } @words;
    require POSIX;
    make_folders();
    my %part = parts(@sizes);
    stage(%part);
    my $lock = lock_machine();
    if (-e "$dir/claim") {
        my $other = other(%part);
        refuse(66, "session $id exists with another $other") if $other;
    } else {
        if (other(%part)) { scrap($dir); stage(%part) }    # what was refused once, perhaps by another build, never ran
        my %held = map { $_ => 1 } holders();
        unlink map { "$root/slots/$_" } grep { !$held{$_} } entries("$root/slots");
        refuse(69, keys(%held) . " of $slots slots are taken by: @{[sort keys %held]}") if keys %held >= $slots;
        launch_supervisor($lock, $seconds, $after_seconds, $linger);
    }
    close $lock;
    print line($id, free());
}

sub launch_supervisor {
    my ($lock, @limits) = @_;
    pipe my $told, my $tell or cannot('make a pipe');
    defined(my $pid = fork) or refuse(75, "cannot fork: $!");
    if ($pid) {
        close $tell;
        my $answer = do { local $/; <$told> } || '75 the supervisor did not start';
        return if $answer eq 'ok';
        refuse(split / /, $answer, 2);
    }
    POSIX::setsid();
    $0 = "miyabi supervise $id";
    $SIG{$_} = sub { } for qw(HUP INT TERM PIPE CHLD ALRM);    # not IGNORE, which the agent would inherit
    $SIG{USR1} = sub { $stop = 1 };
    POSIX::sigprocmask(POSIX::SIG_BLOCK(), POSIX::SigSet->new(POSIX::SIGCHLD(), POSIX::SIGALRM(), POSIX::SIGUSR1()));
    my $answer = claim();
    close $lock;    # not before: whoever kills our parent must not let the next one count without us
    print {$tell} $answer;
    close $tell;
    POSIX::_exit(0) if $answer ne 'ok';
    open STDIN, '<', '/dev/null';
    open STDOUT, '>', '/dev/null';
    open STDERR, '>>', "$dir/log";
    supervise(@limits);
    POSIX::_exit(0);
}

sub entry { return sprintf "%-200s\n", join ' ', $$, born($$), boot(), @_ }

sub claim {    # 'ok', or the exit status and the reason
    my $hold = "$dir/hold.$$";
    my $done = put($hold, entry(0, '-', '-', '-')) && link($hold, "$root/slots/$id") && link($hold, "$dir/claim")
        && rename $hold, "$dir/hold";
    return 'ok' if $done;
    my $why = join ' ', reason("claim session $id");
    unlink $hold, "$root/slots/$id";
    return $why;
}

sub note {    # in place, without a new block: what this phase's tree hangs on, and how the agent ended
    my ($leader, @end) = @_;
    open my $claim, '+<', "$dir/claim" or return;
    print {$claim} entry($leader, born($leader) || '-', @end);
    close $claim;
}

sub launch {
    my ($script, $in, $out, $err) = @_;
    my $pid = fork;
    return $pid if !defined $pid || $pid;
    $SIG{$_} = 'DEFAULT' for qw(HUP INT QUIT TERM PIPE USR1 CHLD ALRM);
    POSIX::sigprocmask(POSIX::SIG_SETMASK(), POSIX::SigSet->new);
    POSIX::setsid();
    @ENV{qw(MIYABI_SESSION MIYABI_WORKSPACE)} = ($id, $root);
    open STDIN, '<', $in;
    open STDOUT, '>>', $out;    # straight to the file: no copier that could die
    open STDERR, '>>', $err;
    umask $users_umask;
    chdir($ENV{HOME} || '/') or chdir '/';
    exec '/bin/sh', $script or POSIX::_exit(127);
}

sub supervise {
    my ($seconds, $after_seconds, $linger) = @_;
    my $agent = launch("$dir/cmd", "$dir/input", "$dir/out", "$dir/err");
    note($agent || 0, '-', '-');
    keep_awake();
    my ($rc, $how) = attend($agent, $seconds, 1, stream("$dir/out", $linger));
    my $is_whole = $how =~ /^(?:itself|lingered)$/;
    my $check = '-';
    if (-s "$dir/after") {
        delete $ENV{MIYABI_STOPPED};
        $ENV{MIYABI_STOPPED} = 1 unless $is_whole;
        $ENV{MIYABI_AGENT_EXIT} = $rc;
        my $after = launch("$dir/after", '/dev/null', ("$dir/check.log") x 2);
        note($after || 0, $rc, $how);
        my ($status, $end) = attend($after, $after_seconds, $is_whole);
        $check = $status if $end eq 'itself';
        $how = $end if $end eq 'stop';    # what was asked for and not finished has not failed
    }
    finish($rc, $how, $check);
}

sub keep_awake {    # macOS sleeps under sessions without a terminal
    my ($caffeinate) = grep { -x } map { "$_/caffeinate" } split /:/, $ENV{PATH};
    return if !$caffeinate || fork;
    open STDERR, '>', '/dev/null';
    exec $caffeinate, '-is', '-w', getppid or POSIX::_exit(127);
}

sub await_signal {    # those that are blocked otherwise: none can slip in between a look and the wait
    my ($seconds) = @_;
    Time::HiRes::alarm($seconds > 60 ? 60 : $seconds < 0.01 ? 0.01 : $seconds);
    POSIX::sigsuspend(POSIX::SigSet->new);
    Time::HiRes::alarm(0);
}

sub reap {    # the exit status as sh tells it, undef while it runs
    my ($pid) = @_;
    return unless waitpid($pid, 1) == $pid;
    return $? & 127 ? 128 + ($? & 127) : $? >> 8;
}

sub stop_asked {    # the grace, undef where nobody asked; the signal suffices, the file tells the grace
    my ($file) = grep { /^stop\./ } entries($dir);
    return unless $file || $stop;
    $stop = 0;
    unlink "$dir/$file" if $file;
    return $file && $file =~ /^stop\.([\d.]+)$/ ? $1 : 10;
}

sub attend {    # until it ends by itself, its time is over or somebody stops it; then nothing of its tree is left
    my ($pid, $seconds, $stoppable, $stream) = @_;
    return (126, 'itself') unless $pid;
    my ($deadline, $how, $grace, $status) = (clock() + $seconds, 'itself', 1);
    until (defined($status = reap($pid))) {
        my $asked = $stoppable ? stop_asked() : undef;
        my $left = $deadline - clock();
        $how = defined $asked ? 'stop' : $left <= 0 ? 'timeout' : $stream && has_lingered($stream) ? 'lingered' : next;
        $grace = defined $asked ? $asked : $ENV{MIYABI_GRACE_SECONDS} || 10;
        last;
    } continue {
        my ($left, $look) = ($deadline - clock(), $stream ? $stream->{seconds} / 10 : 60);
        await_signal($left < $look ? $left : $look);
    }
    end_tree($pid, $grace, @mark);
    $status = reap($pid) unless defined $status;
    return (defined $status ? $status : 137, $how);
}

sub forbid {    # a session that nobody has launched: it never will be
    make_folders();
    my $lock = lock_machine();
    return if -e "$dir/claim";
    -d $dir or mkdir $dir or cannot("make $dir");
    return finish(143, 'stop', '-') if put("$dir/hold", entry(0, '-', '-', '-')) && link "$dir/hold", "$dir/claim";
    my @why = reason('record the stop');
    unlink "$dir/hold";
    refuse(@why);
}

sub cancel {
    my ($grace) = (@words, 10);
    refuse(64, 'cancel ID GRACE') if $grace !~ /^\d+(\.\d+)?$/;
    forbid() unless -e "$dir/claim";
    my ($until, $asked, $s) = (clock() + $grace + 60, 0);
    while (($s = look($id))->{state} eq 'running' && clock() < $until) {
        put("$dir/stop.$grace", '') if !$asked;
        kill USR1 => $s->{sup} if !$asked++;
        nap(0.02);
    }
    if ($s->{state} =~ /orphan|lost/) {
        end_tree(leader($s), $grace, @mark);
        finish(137, 'stop', '-');
    }
    print line($id, free());
}

sub forget {
    my $lock = lock_machine();
    my $state = look($id)->{state};
    refuse(70, "session $id is $state: cancel it first") if $state =~ /running|orphan/;
    rename $dir, "$root/sessions/.$id~$$";
    unlink "$root/slots/$id";
    opendir my $all, "$root/sessions" or return;
    my @dead = grep { /^\..*~(\d+)$/ && ($1 == $$ || !born($1)) } readdir $all;    # this one, and what a cut start left
    scrap("$root/sessions/$_") for @dead;
}

my %verbs = (
    start => \&start, cancel => \&cancel, follow => \&follow, log => \&tail, rm => \&forget,
    status => sub { print line($id, free()) },
    list => sub { my $free = free(); print line($_, $free) for sort(entries("$root/sessions")) },
    live => sub { my $free = free(); print line($_, $free) for sort(holders()) },
);
refuse(64, 'supervise.sh WORKSPACE VERB ...: see the head of the script') if !defined $verb || !$verbs{$verb};
refuse(64, "not an absolute path: $root") if $root !~ m{^/};
refuse(64, 'not a session id') if $verb !~ /^li/ && (!defined $id || $id !~ /^[A-Za-z0-9_][A-Za-z0-9._-]{0,199}$/);
$verbs{$verb}->();
