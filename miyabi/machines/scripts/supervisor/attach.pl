#!/usr/bin/perl
# A session in somebody's terminal: launched there and not detached, it holds its slot like any other, and ends with it.
use strict;
use warnings;

sub put_parts {    # for an `attach` by another connection, whose stdin is the terminal
    make_folders();
    my %part = parts(@words);
    my $lock = lock_machine();
    scrap($dir) if !-e "$dir/claim" && other(%part);    # it was refused once, perhaps as a session without a terminal
    stage(%part);
    close $lock;
    print line($id, free());
}

sub attach {
    my ($slots, $after_seconds) = @words;
    refuse(64, 'attach ID SLOTS AFTER_SECONDS') if @words != 2 || grep { !/^\d+(\.\d+)?$/ } @words;
    require POSIX;
    my $lock = lock_machine();
    my ($task, $state) = ($id =~ /^(.*\.)\d+$/, look($id)->{state});
    my ($other) = ((grep { /^\Q$task\E\d+$/ } holders()), grep { look($_)->{state} =~ /running|orphan/ } ahead());
    refuse(70, "session $other still runs here") if $other;
    refuse(70, "session $id is $state") if $state ne 'staged';
    take_slot($slots);
    heed_terminal();
    my $answer = claim();
    close $lock;
    refuse(split / /, $answer, 2) if $answer ne 'ok';
    my $rc = attend_terminal($after_seconds);
    exit $rc;
}

sub heed_terminal {    # that is gone, or a stop, ends the agent; what the keys say is for the agent alone
    $0 = "miyabi attach $id";
    $SIG{$_} = sub { } for qw(INT QUIT PIPE CHLD ALRM USR1);    # USR1: `cancel` has left its grace
    $SIG{$_} = sub { put("$dir/stop.10", '') } for qw(HUP TERM);
    my @blocked = (POSIX::SIGCHLD(), POSIX::SIGALRM(), POSIX::SIGUSR1(), POSIX::SIGHUP(), POSIX::SIGTERM());
    POSIX::sigprocmask(POSIX::SIG_BLOCK(), POSIX::SigSet->new(@blocked));
}

sub attend_terminal {    # its exit status; what came of it is salvaged as after a stop, and not checked
    my ($after_seconds) = @_;
    my $agent = launch_here("$dir/cmd");
    note($agent || 0, '-', '-');
    keep_awake();
    my ($rc) = attend($agent, 1e9, 1);
    @ENV{qw(MIYABI_STOPPED MIYABI_AGENT_EXIT)} = (1, $rc);
    my $after = launch("$dir/after", '/dev/null', ("$dir/check.log") x 2);
    note($after || 0, $rc, 'stop');
    attend($after, $after_seconds, 0);
    finish($rc, 'stop', '-');
    return $rc;
}

sub launch_here {    # in the terminal's session and group, else it could not read from there
    my ($script) = @_;
    my $pid = fork;
    return $pid if !defined $pid || $pid;
    $SIG{$_} = 'DEFAULT' for qw(HUP INT QUIT TERM PIPE USR1 CHLD ALRM);
    POSIX::sigprocmask(POSIX::SIG_SETMASK(), POSIX::SigSet->new);
    @ENV{qw(MIYABI_SESSION MIYABI_WORKSPACE)} = ($id, $root);
    @ENV{qw(MIYABI_SLOT MIYABI_PORT)} = slot_and_port();
    umask $users_umask;
    exec '/bin/sh', $script or POSIX::_exit(127);
}
