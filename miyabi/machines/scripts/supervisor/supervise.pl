#!/usr/bin/perl
# The verbs, and the supervisor: the process that stays with a session until its end.
use strict;
use warnings;

my ($stop, $end) = (0, 0);    # whether a stop is asked for; when one comes by itself, 0: never

sub parts {    # of the session, as they come on stdin
    my ($cmd, $input, @rest) = @_;
    my ($total, $text) = (0, '');
    $total += $_ for $cmd, $input, @rest;
    binmode STDIN;
    read STDIN, $text, $total + 1;
    refuse(65, 'came short: ' . length($text) . " of $total bytes") if length $text != $total;
    # err has a block from the start: what the agent says last finds room in it where the disk is full
    my %part = (out => '', err => "\n", cmd => substr($text, 0, $cmd), input => substr($text, $cmd, $input));
    ($part{after}, my $setup) = unpack "x[$cmd] x[$input] a$rest[0] a*", $text;
    $part{setup} = $setup if length $setup;
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
    return -e "$dir/cmd" && (grep { slurp("$dir/$_") ne ($part{$_} // '') } qw(cmd input after setup))[0];
}

sub start {
    my ($admission, @limits) = @words;
    my ($slots, @floors) = split /:/, $admission;
    my @sizes = splice @limits, 6;
    refuse(64, 'start ID SLOTS, six limits in seconds, four sizes: see the head of the script')
        if @sizes != 4 || grep { !/^\d+(\.\d+)?$/ } $slots, @floors, @limits, @sizes;
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
        require_open();
        require_room(@floors);
        take_slot($slots);
        launch_supervisor($lock, sub { supervise(@limits) });
    }
    close $lock;
    print line($id, free());
}

sub launch_supervisor {
    my ($lock, $work) = @_;
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
    $work->();
    POSIX::_exit(0);
}

sub entry { return sprintf "%-200s\n", join ' ', $$, born($$), boot(), @_ }

sub claim {    # 'ok', or the exit status and the reason
    my $hold = "$dir/hold.$$";
    my $done = put($hold, entry(0, '-', '-', '-')) && (!-e "$dir/slot" || link $hold, "$root/slots/$id")
        && link($hold, "$dir/claim") && rename $hold, "$dir/hold";
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
    delete @ENV{qw(MIYABI_SLOT MIYABI_PORT)};
    @ENV{qw(MIYABI_SLOT MIYABI_PORT)} = slot_and_port() if -e "$dir/slot";
    open STDIN, '<', $in;
    open STDOUT, '>>', $out;    # straight to the file: no copier that could die
    open STDERR, '>>', $err;
    umask $users_umask;
    chdir($ENV{HOME} || '/') or chdir '/';
    exec '/bin/sh', $script or POSIX::_exit(127);
}

sub supervise {
    my ($seconds, $after_seconds, $linger, $setup_seconds, $stall, $stop_seconds) = @_;
    $end = clock() + $stop_seconds if $stop_seconds > 0;
    keep_awake();
    return unless set_up($setup_seconds);
    my $agent = launch("$dir/cmd", "$dir/input", "$dir/out", "$dir/err");
    note($agent || 0, '-', '-');
    my ($rc, $how) = attend($agent, $seconds, 1, stream("$dir/out", $linger, $stall));
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

sub set_up {    # whether the agent may begin; where not, that was the session
    my ($seconds) = @_;
    my ($rc, $how) = end_of_ahead();
    return 1 unless defined $rc || -s "$dir/setup";
    ($rc, $how) = run_setup($seconds) unless defined $rc;
    return 1 if $how eq 'itself';
    finish($rc, $how, '-');
    return 0;
}

sub run_setup {    # its exit status, and in the words of the status line what ended it
    my ($seconds) = @_;
    my $setup = launch("$dir/setup", '/dev/null', ("$dir/setup.log") x 2);
    note($setup || 0, '-', 'sets_up');
    my ($rc, $how) = attend($setup, $seconds, 1);
    return ($rc, $how eq 'stop' ? 'stop' : $how eq 'timeout' ? 'setup_timeout' : $rc ? 'setup' : 'itself');
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
    my ($limit, $how, $grace, $status) = (clock() + $seconds, 'itself', 1);
    my $deadline = $stoppable && $end && $end < $limit ? $end : $limit;
    until (defined($status = reap($pid))) {
        my $asked = $stoppable ? stop_asked() : undef;
        my $left = $deadline - clock();
        my $over = $left > 0 ? '' : $deadline < $limit ? 'stop' : 'timeout';
        $how = defined $asked ? 'stop' : $over || ($stream && ended_by_silence($stream)) || next;
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
    my $until = clock() + $grace + 60;
    my $s = ask_to_end($id, $grace, $until);
    if ($s->{state} =~ /orphan|lost/) {
        end_tree(leader($s), $grace, @mark);
        finish(137, 'stop', '-');
    }
    end_ahead($grace, $until);
    print line($id, free());
}

sub ask_to_end {    # how it stands then
    my ($session, $grace, $until) = @_;
    my ($s, $asked);
    while (($s = look($session))->{state} eq 'running' && clock() < $until) {
        ask($session, $s, $grace) if !$asked++;
        nap(0.02);
    }
    return $s;
}

sub ask {    # its supervisor
    my ($session, $s, $grace) = @_;
    put("$root/sessions/$session/stop.$grace", '');
    kill USR1 => $s->{sup};
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
    start => \&start, ahead => \&set_up_ahead, put => \&put_parts, attach => \&attach, cancel => \&cancel, follow => \&follow,
    rm => \&forget,
    status => sub { print line($id, free()) },
    list => sub { my $free = free(); print line($_, $free) for sort(entries("$root/sessions")) },
    live => sub { my $free = free(); print line($_, $free) for sort(holders()) },
);
refuse(64, 'supervise.sh WORKSPACE VERB ...: see the head of the script') if !defined $verb || !$verbs{$verb};
refuse(64, "not an absolute path: $root") if $root !~ m{^/};
refuse(64, 'not a session id') if $verb !~ /^li/ && (!defined $id || $id !~ /^[A-Za-z0-9_][A-Za-z0-9._-]{0,199}$/);
$verbs{$verb}->();
